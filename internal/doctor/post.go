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

// answer is what came for one message.
type answer struct {
	status int
	header http.Header
	body   []byte // at most maxAnswer and a byte
	took   time.Duration
	err    error // no answer, or not a whole one
}

// client posts as Salesforce does; package simulate does it too, but keeps the headers of the answer to itself.
type client struct {
	e    *examination
	http *http.Client
}

func newClient(e *examination) *client {
	transport := &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return e.dial(ctx) },
		Protocols:          new(http.Protocols),
		DisableCompression: true, // it would ask for it
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

// post delivers one body. Its time is that of the whole delivery, connecting included.
func (c *client) post(ctx context.Context, body []byte) *answer {
	ctx, cancel := context.WithTimeout(ctx, c.e.Timeout)
	defer cancel()
	started := c.e.Now()
	a := c.exchange(ctx, body)
	a.took = c.e.Now().Sub(started)
	return a
}

func (c *client) exchange(ctx context.Context, body []byte) *answer {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.e.url.String(), bytes.NewReader(body))
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

// failed is the check of a delivery that brought no answer. What the errors of net/http say is not shown: they hold
// the URL, or what the listener said.
func (e *examination) failed(a *answer) Check {
	check := Check{Status: Fail, Salesforce: simulate.ReasonConnection}
	var inURL *url.Error
	err := a.err
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	switch {
	case isTimeout(err):
		check.Found, check.Salesforce = "no complete answer within "+e.Timeout.String(), simulate.ReasonTimeout
		check.Todo = "store the message, ack it, and do slow work afterwards; Salesforce documents 60 s, " +
			"and is said to wait 20 s only"
	case alertOf(err) != "" && e.shown != nil && e.shown.asked && e.Certificate == nil:
		check.Found, check.Salesforce, check.Todo = wantsCertificate, "", wantsCertificateTodo
	case alertOf(err) != "":
		check.Found, check.Salesforce = "the listener ends the connection: "+alertOf(err), wordsAlert
		check.Todo = "see the listener's log; it may not take the client certificate"
	case isClosed(err):
		check.Found, check.Salesforce = "the connection was closed before the answer was complete", simulate.ReasonReset
		check.Todo = "see the log of the listener, and of the proxy before it"
	default:
		check.Found, check.Todo = "what came is no HTTP/1.1", "check that the port is the listener's"
	}
	return check
}
