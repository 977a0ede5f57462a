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
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// DefaultTimeout is how long a delivery may take. Salesforce documents 60 s. Others report,
	// unconfirmed, that it is 20 s since 2025, so listeners should be tested with the shorter time.
	DefaultTimeout = 20 * time.Second
	// DefaultUserAgent is Salesforce's User-Agent.
	DefaultUserAgent = "Jakarta Commons-HttpClient/3.1"

	maxAnswer = 64 << 10
)

// ClientOptions holds the options of a [Client]. The zero value is what Salesforce does, as far as
// is known.
type ClientOptions struct {
	// Connections is how many idle connections are kept open, 1 when 0. Set it to the number of
	// concurrent deliveries.
	Connections int
	// Timeout limits the whole delivery, answer included; [DefaultTimeout] when 0.
	Timeout time.Duration
	// UserAgent is the User-Agent; [DefaultUserAgent] when empty.
	UserAgent string
	// Certificate is the client certificate, presented whenever the listener requests one; nil for
	// none.
	Certificate *tls.Certificate
	// RootCAs are the CAs that may have signed the listener's certificate; nil for the system's.
	RootCAs *x509.CertPool
	// Chunked sends the body in chunks, without a Content-Length. Not documented: which of the two
	// Salesforce does.
	Chunked bool
	// NoKeepAlive opens a new connection for each message. Not documented: whether Salesforce keeps
	// connections.
	NoKeepAlive bool
	// Answers reads the answers; the zero value is as strict as [ReadAck].
	Answers AckReader
	// Dial connects to an address; nil for the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client posts messages to one listener over HTTP/1.1, with the headers that Salesforce sends. It
// does not follow redirects. It is safe for concurrent use.
type Client struct {
	url     string
	options ClientOptions
	http    *http.Client
	acked   atomic.Pointer[[]byte] // the last answer under status 200 that was an Ack
}

// NewClient returns a Client for the listener at an http or https URL, which may have a query.
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
		DisableCompression:  true, // compression would send an Accept-Encoding
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

// Close closes the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Post delivers one body and reads the answer. It returns a *[Failure] unless that is an Ack. The
// body must not be modified, even after Post has returned.
func (c *Client) Post(ctx context.Context, body []byte) error {
	return c.post(ctx, &payload{bytes: body})
}

func (c *Client) post(ctx context.Context, p *payload) error {
	ctx, cancel := context.WithTimeout(httptrace.WithClientTrace(ctx, p.trace()), c.options.Timeout)
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
		detail := fmt.Sprintf("the answer is longer than %d bytes; answer with the Ack and nothing else",
			maxAnswer)
		return &Failure{Reason: ReasonNoAck, Detail: detail, Status: response.StatusCode}
	}
	return c.read(response, answer)
}

// read reads an answer as Answers does, once for all answers that are the same: a listener answers
// every message alike, and parsing that takes a seventh of the time of a message of 1.
func (c *Client) read(response *http.Response, answer []byte) error {
	plain := response.StatusCode == http.StatusOK
	if known := c.acked.Load(); plain && known != nil && bytes.Equal(*known, answer) {
		return nil
	}
	err := c.options.Answers.Read(response.StatusCode, response.Header.Get("Content-Type"), answer)
	if err == nil && plain {
		c.acked.Store(&answer)
	}
	return err
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
	// The listener may just have closed an idle connection: the transport then retries on a new
	// one.
	request.GetBody = func() (io.ReadCloser, error) { return p.open(), nil }
	request.Header = http.Header{
		"Content-Type": {"text/xml; charset=UTF-8"},
		"SOAPAction":   {`""`}, // in this spelling, which Header.Set would change
		"User-Agent":   {c.options.UserAgent},
	}
	return request, nil
}

// payload is a request's body. The transport may still write the bytes after the answer has come,
// so it counts its tries to.
type payload struct {
	bytes   []byte
	begun   atomic.Int32
	written atomic.Int32
}

// open returns a reader of the bytes that net/http knows to be in memory: only then does it write
// the head and the body of a small request at once.
func (p *payload) open() io.ReadCloser { return io.NopCloser(bytes.NewReader(p.bytes)) }

func (p *payload) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { p.begun.Add(1) },
		WroteRequest: func(httptrace.WroteRequestInfo) { p.written.Add(1) },
	}
}

// buffer returns the bytes for reuse, or nil if they may still be in use.
func (p *payload) buffer() []byte {
	if p.written.Load() == p.begun.Load() {
		return p.bytes[:0]
	}
	return nil
}

// connectionFailure returns the Failure for an error of the connection.
func connectionFailure(err error, status int) *Failure {
	failure := &Failure{Reason: ReasonConnection, Status: status, Err: unwrapURL(err)}
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, context.Canceled):
		failure.Detail = "the delivery was interrupted"
	case isTimeout(err):
		failure.Reason, failure.Detail = ReasonTimeout,
			"the answer took too long; answer after storing the message, and do slow work later"
	case errors.As(err, &dns):
		failure.Reason, failure.Detail = ReasonHost, "check the endpoint's host name"
	case errors.As(err, &certificate), errors.As(err, &record), isAlert(err):
		failure.Reason = ReasonTLS
		failure.Detail = "check the listener's certificate, its chain and host name, and the client certificate: " +
			failure.Err.Error()
	case errors.Is(err, syscall.ECONNREFUSED):
		failure.Reason, failure.Detail = ReasonRefused, "check that the listener runs, and its port"
	case IsClosed(err):
		failure.Reason, failure.Detail = ReasonReset, "the listener closed the connection; see its log. "+
			"A listener that requires a client certificate may do so too"
	default:
		failure.Detail = failure.Err.Error()
	}
	return failure
}

// IsClosed reports whether err means that the peer closed the connection before it had answered.
// net/http itself closes a connection whose peer does so while it is sending: [net.ErrClosed].
func IsClosed(err error) bool {
	for _, closed := range []error{
		io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE,
	} {
		if errors.Is(err, closed) {
			return true
		}
	}
	return false
}

// isAlert reports whether a TLS alert, of either side, caused err. crypto/tls reveals that only by
// the name of the operation.
func isAlert(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) &&
		(operation.Op == "remote error" || operation.Op == "local error")
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// unwrapURL removes the URL from an error, because its path holds the listener's secret.
func unwrapURL(err error) error {
	var inURL *url.Error
	if errors.As(err, &inURL) {
		return inURL.Err
	}
	return err
}
