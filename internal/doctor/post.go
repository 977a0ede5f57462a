package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"ackbox/simulate"
)

const maxAnswer = 64 << 10

// answer is the answer to one message.
type answer struct {
	status int
	header http.Header
	body   []byte // at most maxAnswer + 1 bytes
	took   time.Duration
	err    error // if there is no complete answer
}

// client posts as Salesforce does. Unlike simulate.Client it returns the headers of the answer.
type client struct {
	e    *examination
	http *http.Client
}

func newClient(e *examination) *client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return e.dial(ctx)
		},
		Protocols:          new(http.Protocols),
		DisableCompression: true, // otherwise net/http requests it
		DisableKeepAlives:  true,
		TLSClientConfig: &tls.Config{
			ServerName: e.host, MinVersion: tls.VersionTLS12, RootCAs: e.served.roots, Time: e.Now,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return e.clientCertificate(), nil
			},
		},
	}
	transport.Protocols.SetHTTP1(true)
	return &client{e: e, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// post delivers one body. The time in the answer is that of the whole delivery, connecting
// included.
func (c *client) post(ctx context.Context, body []byte) *answer {
	ctx, cancel := context.WithTimeout(ctx, c.e.Timeout)
	defer cancel()
	started := c.e.Now()
	a := c.exchange(ctx, body)
	a.took = c.e.Now().Sub(started)
	return a
}

func (c *client) exchange(ctx context.Context, body []byte) *answer {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.e.url.String(),
		bytes.NewReader(body))
	if err != nil {
		return &answer{err: err}
	}
	request.Header = http.Header{
		"Content-Type": {"text/xml; charset=UTF-8"},
		"SOAPAction":   {`""`}, // in this spelling, which Header.Set would change
		"User-Agent":   {simulate.DefaultUserAgent},
	}
	response, err := c.http.Do(request)
	if err != nil {
		return &answer{err: err}
	}
	defer response.Body.Close()
	a := &answer{status: response.StatusCode, header: response.Header}
	a.body, a.err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	return a
}

// failed returns the check of a delivery without an answer. It omits the text of net/http's errors,
// which hold the URL or what the listener sent.
func (e *examination) failed(a *answer) Check {
	check := Check{Status: Fail, Salesforce: simulate.ReasonConnection}
	var inURL *url.Error
	err := a.err
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	switch {
	case isTimeout(err):
		check.Found, check.Salesforce = "no complete answer within "+e.Timeout.String(),
			simulate.ReasonTimeout
		check.Todo = "store the message, ack it, and do slow work afterwards; Salesforce documents " +
			"60 s, and reportedly waits only 20 s"
	case alertOf(err) != "" && e.shown != nil && e.shown.asked && e.Certificate == nil:
		check.Found, check.Salesforce, check.Todo = wantsCertificate, "", wantsCertificateTodo
	case alertOf(err) != "":
		check.Found, check.Salesforce = "the listener ends the connection: "+alertOf(err), reasonAlert
		check.Todo = "see the listener's log; it may reject the client certificate"
	case simulate.IsClosed(err):
		check.Found, check.Salesforce = "the connection was closed before the answer was complete",
			simulate.ReasonReset
		check.Todo = "see the log of the listener, and of the proxy in front of it"
	default:
		check.Found, check.Todo = "the answer is not HTTP/1.1", "check that it is the listener's port"
	}
	return check
}
