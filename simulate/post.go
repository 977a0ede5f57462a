package simulate

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// DefaultTimeout is how long a delivery may take. Salesforce documents 60 s; that it is 20 s since 2025 is said by
	// others and not confirmed, so the shorter one is what a listener should live with.
	DefaultTimeout = 20 * time.Second
	// DefaultUserAgent is what Salesforce calls itself.
	DefaultUserAgent = "Jakarta Commons-HttpClient/3.1"

	maxAnswer = 64 << 10
)

// ClientOptions say how a [Client] posts. The zero value is what Salesforce does, as far as it is known.
type ClientOptions struct {
	// Connections is how many connections are kept open between messages, 1 when 0: the number of messages at once.
	Connections int
	// Timeout is for the whole delivery, answer included; [DefaultTimeout] when 0.
	Timeout time.Duration
	// UserAgent is [DefaultUserAgent] when empty.
	UserAgent string
	// Certificate is the client certificate, shown whenever the listener asks for one.
	Certificate *tls.Certificate
	// RootCAs are whom the listener's certificate is checked against; nil for the system's.
	RootCAs *x509.CertPool
	// Chunked sends the body without a Content-Length. Not documented is which of the two Salesforce does.
	Chunked bool
	// NoKeepAlive opens a connection for each message. Not documented is whether Salesforce keeps them.
	NoKeepAlive bool
	// Answers is how answers are read; the zero value as [ReadAck] does.
	Answers AckReader
	// Dial connects instead of the network, for tests without one.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client posts messages to one listener over HTTP/1.1, with the headers that Salesforce sends. Redirects are not
// followed. It may be used by several goroutines.
type Client struct {
	url     string
	options ClientOptions
	http    *http.Client
}

// NewClient makes a Client for the listener at an http or https URL, whose query is sent along.
func NewClient(endpoint string, o ClientOptions) (*Client, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the endpoint must be a URL such as https://example.com/outbound/TOKEN")
	}
	o.Connections = max(o.Connections, 1)
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.UserAgent == "" {
		o.UserAgent = DefaultUserAgent
	}
	return &Client{url: endpoint, options: o, http: &http.Client{
		Transport:     newTransport(&o),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func newTransport(o *ClientOptions) *http.Transport {
	tlsConfig := &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12}
	if o.Certificate != nil {
		tlsConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return o.Certificate, nil
		}
	}
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     tlsConfig,
		Protocols:           new(http.Protocols),
		DisableCompression:  true, // it would send an Accept-Encoding
		DisableKeepAlives:   o.NoKeepAlive,
		MaxIdleConns:        o.Connections,
		MaxIdleConnsPerHost: o.Connections,
		IdleConnTimeout:     time.Minute,
	}
	t.Protocols.SetHTTP1(true)
	if o.Dial != nil {
		t.Proxy, t.DialContext = nil, o.Dial
	}
	return t
}

// Close closes the connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Post delivers one body, which must not be changed afterwards, and reads the answer. Without an Ack, for whatever
// reason, the error is a *[Failure].
func (c *Client) Post(ctx context.Context, body []byte) error {
	return c.post(ctx, &payload{bytes: body})
}

func (c *Client) post(ctx context.Context, p *payload) error {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	request, err := c.request(ctx, p)
	if err != nil {
		return &Failure{Reason: ReasonConnection, Detail: "the request cannot be made", Err: err}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return connectionFailure(err, 0)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return connectionFailure(err, response.StatusCode)
	}
	if len(answer) > maxAnswer {
		detail := fmt.Sprintf("the answer is longer than %d bytes, answer with the Ack only", maxAnswer)
		return &Failure{Reason: ReasonNoAck, Detail: detail, Status: response.StatusCode}
	}
	return c.options.Answers.Read(response.StatusCode, response.Header.Get("Content-Type"), answer)
}

func (c *Client) request(ctx context.Context, p *payload) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, p.open())
	if err != nil {
		return nil, err
	}
	request.ContentLength = int64(len(p.bytes))
	if c.options.Chunked {
		request.ContentLength = -1
	}
	// A kept connection may have been closed by the listener just now: the transport then starts again on a new one.
	request.GetBody = func() (io.ReadCloser, error) { return p.open(), nil }
	request.Header = http.Header{
		"Content-Type": {"text/xml; charset=UTF-8"},
		"SOAPAction":   {`""`}, // in this spelling, which Header.Set would change
		"User-Agent":   {c.options.UserAgent},
	}
	return request, nil
}

// payload is a request's body. It counts its readers: the transport may read on when the answer is already there, and
// until it has closed them the bytes must stay.
type payload struct {
	bytes   []byte
	readers atomic.Int32
}

func (p *payload) open() io.ReadCloser {
	p.readers.Add(1)
	return &payloadReader{Reader: bytes.NewReader(p.bytes), payload: p}
}

// buffer gives the bytes for use again, or new ones when somebody still reads them.
func (p *payload) buffer() []byte {
	if p.readers.Load() == 0 {
		return p.bytes[:0]
	}
	return nil
}

type payloadReader struct {
	*bytes.Reader
	payload *payload
	closed  atomic.Bool
}

// Close implements io.Closer.
func (r *payloadReader) Close() error {
	if r.closed.CompareAndSwap(false, true) {
		r.payload.readers.Add(-1)
	}
	return nil
}

// connectionFailure finds the words for what the network says.
func connectionFailure(err error, status int) *Failure {
	failure := &Failure{Reason: ReasonConnection, Status: status, Err: unwrapURL(err)}
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, context.Canceled):
		failure.Detail = "stopped while it was under way"
	case isTimeout(err):
		failure.Reason, failure.Detail = ReasonTimeout, "the answer took too long, store first, do slow work later"
	case errors.As(err, &dns):
		failure.Reason, failure.Detail = ReasonHost, "check the endpoint's host name"
	case errors.As(err, &certificate), errors.As(err, &record), isAlert(err):
		failure.Reason = ReasonTLS
		failure.Detail = "check the listener's certificate, its chain and host name, and the client certificate: " +
			failure.Err.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		failure.Reason, failure.Detail = ReasonRefused, "check that the listener runs and its port"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe):
		failure.Reason, failure.Detail = ReasonReset, "the listener closed the connection, see its log; "+
			"one that wants a client certificate may do so too"
	default:
		failure.Detail = failure.Err.Error()
	}
	return failure
}

// isAlert tells whether a side ended the TLS handshake: crypto/tls says so in the operation's name only.
func isAlert(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) && (operation.Op == "remote error" || operation.Op == "local error")
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// unwrapURL takes off the URL, whose path is the listener's secret.
func unwrapURL(err error) error {
	var inURL *url.Error
	if errors.As(err, &inURL) {
		return inURL.Err
	}
	return err
}
