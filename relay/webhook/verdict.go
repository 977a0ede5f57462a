package webhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"ackbox/relay"
)

// verdictOf returns what an answer means. See the section Operational considerations of Standard
// Webhooks for 410.
func verdictOf(r *http.Response, now time.Time) relay.Verdict {
	status := r.StatusCode
	v := relay.Verdict{Status: status, Error: fmt.Sprintf("answered %d", status)}
	switch {
	case status/100 == 2:
		v.Outcome, v.Error = relay.Success, ""
	case status/100 == 3:
		v.Outcome = relay.Rejected
		v.Error += "; redirects are not followed, so set the final URL"
	case status == http.StatusGone:
		v.Outcome = relay.Gone
	case status == http.StatusRequestEntityTooLarge:
		v.Outcome = relay.Impossible
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly,
		status == http.StatusTooManyRequests, status/100 == 5:
		v.Outcome, v.RetryAfter = relay.Unavailable, retryAfter(r.Header.Get("Retry-After"), now)
	default:
		v.Outcome = relay.Rejected
	}
	return v
}

// retryAfter parses a Retry-After header, seconds or a date (RFC 9110, section 10.2.3). It returns 0
// for anything else.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// failed returns the verdict of a request without an answer. Whether the receiver has the event is
// then not known.
func (s *sender) failed(outer, timed context.Context, err error) relay.Verdict {
	if outer.Err() != nil {
		return interrupted()
	}
	v := relay.Verdict{Outcome: relay.Unavailable, Error: reason(err)}
	if timed.Err() != nil {
		v.Error = fmt.Sprintf("no answer within %s", timeout)
	}
	return v
}

// reason returns an error of a connection in public words: without the URL, whose path may be a
// secret.
func reason(err error) string {
	if inURL, ok := errors.AsType[*url.Error](err); ok {
		err = inURL.Err
	}
	if refused, ok := errors.AsType[*refusedAddress](err); ok {
		return refused.Error()
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return "host name not found"
		}
		return "host name not resolved"
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "certificate not accepted: " + certificate.Err.Error()
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE):
		return "connection closed before the answer"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "connection timed out"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the server does not speak TLS"
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return "TLS: " + alert.Error()
	}
	return "connection failed"
}
