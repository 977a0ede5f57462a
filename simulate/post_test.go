package simulate_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ackbox/simulate"
	"ackbox/soap"

	"github.com/google/go-cmp/cmp"
)

func newClient(tb testing.TB, url string, o simulate.ClientOptions) *simulate.Client {
	tb.Helper()
	client, err := simulate.NewClient(url, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	return client
}

// listener serves handle until the test ends.
func listener(tb testing.TB, handle http.HandlerFunc) *httptest.Server {
	tb.Helper()
	server := httptest.NewServer(handle)
	tb.Cleanup(server.Close)
	return server
}

func writeAck(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = io.WriteString(w, soap.Ack)
}

// rawRequest returns what the client writes to the connection for one body.
func rawRequest(t *testing.T, o simulate.ClientOptions, body string) string {
	t.Helper()
	network, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = network.Close() }()
	got := make(chan string, 1)
	go func() {
		conn, err := network.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		var raw strings.Builder
		request, err := http.ReadRequest(bufio.NewReader(io.TeeReader(conn, &raw)))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, request.Body)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+soap.Ack)
		got <- raw.String()
	}()
	client := newClient(t, "http://"+network.Addr().String()+"/outbound/token?key=1", o)
	if err := client.Post(t.Context(), []byte(body)); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(<-got, network.Addr().String(), "HOST")
}

func TestRequestIsWrittenAsSalesforceWritesIt(t *testing.T) {
	t.Parallel()
	want := "POST /outbound/token?key=1 HTTP/1.1\r\nHost: HOST\r\nUser-Agent: Jakarta Commons-HttpClient/3.1\r\n" +
		"Content-Length: 5\r\nContent-Type: text/xml; charset=UTF-8\r\nSOAPAction: \"\"\r\n\r\n<é/>"
	if diff := cmp.Diff(want, rawRequest(t, simulate.ClientOptions{}, "<é/>")); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// countedConn counts the calls of Write.
type countedConn struct {
	net.Conn
	writes *atomic.Int32
}

func (c countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

func TestASmallMessageIsWrittenAtOnce(t *testing.T) {
	server := listener(t, func(w http.ResponseWriter, _ *http.Request) { writeAck(w) })
	var writes atomic.Int32
	client := newClient(t, server.URL, simulate.ClientOptions{
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return countedConn{conn, &writes}, err
		},
	})
	if err := client.Post(t.Context(), []byte(strings.Repeat("x", 2000))); err != nil {
		t.Fatal(err)
	}
	if got := writes.Load(); got != 1 {
		t.Errorf("got %d writes for a request of 2,000 bytes, want 1", got)
	}
}

// An answer that was an Ack before is not parsed again; anything else is.
func TestEachAnswerIsReadForItself(t *testing.T) {
	answers := []struct {
		status int
		body   string
		want   string
	}{
		{200, soap.Ack, ""},
		{200, soap.Ack, ""},
		{500, soap.Ack, simulate.ReasonStatus},
		{200, strings.Replace(soap.Ack, "true", "false", 1), simulate.ReasonNack},
		{200, strings.Replace(soap.Ack, "true", "1", 1), ""},
		{200, "", simulate.ReasonEmpty},
		{200, soap.Ack, ""},
	}
	next := 0
	server := listener(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(answers[next].status)
		_, _ = io.WriteString(w, answers[next].body)
	})
	client := newClient(t, server.URL, simulate.ClientOptions{})
	for next = range answers {
		got := ""
		if failure, ok := errors.AsType[*simulate.Failure](client.Post(t.Context(), nil)); ok {
			got = failure.Reason
		}
		if got != answers[next].want {
			t.Errorf("answer %d: got %q, want %q", next, got, answers[next].want)
		}
	}
}

func TestFramingIsAnOption(t *testing.T) {
	t.Parallel()
	got := rawRequest(t, simulate.ClientOptions{Chunked: true, NoKeepAlive: true, UserAgent: "Other"},
		"<a/>")
	for _, want := range []string{
		"Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "User-Agent: Other\r\n",
		"\r\n4\r\n<a/>\r\n0\r\n\r\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	addresses := map[string]bool{}
	server := listener(t, func(w http.ResponseWriter, r *http.Request) {
		addresses[r.RemoteAddr] = true
		_, _ = io.Copy(io.Discard, r.Body)
		writeAck(w)
	})
	client := newClient(t, server.URL, simulate.ClientOptions{})
	for range 5 {
		if err := client.Post(t.Context(), []byte("<a/>")); err != nil {
			t.Fatal(err)
		}
	}
	if len(addresses) != 1 {
		t.Errorf("5 messages came over %d connections, want 1", len(addresses))
	}
}

func TestBadAnswersFailWithSalesforcesReasons(t *testing.T) {
	t.Parallel()
	abort := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for name, test := range map[string]struct {
		handle http.HandlerFunc
		want   string
	}{
		"Ack": {func(w http.ResponseWriter, _ *http.Request) { writeAck(w) }, ""},
		"redirect to the Ack": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/ack" {
				writeAck(w)
				return
			}
			http.Redirect(w, r, "/ack", http.StatusTemporaryRedirect)
		}, simulate.ReasonProlog},
		"login challenge": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
		}, simulate.ReasonProlog},
		"reset": {abort, simulate.ReasonReset},
		"reset within the answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, soap.Ack)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, simulate.ReasonReset},
		"slow": {func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, simulate.ReasonTimeout},
		"slow within the answer": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, soap.Ack[:50])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, simulate.ReasonTimeout},
		"compressed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte{0x1f, 0x8b, 8, 0})
		}, simulate.ReasonProlog},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, soap.Ack+strings.Repeat(" ", 1<<20))
		}, simulate.ReasonNoAck},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := listener(t, test.handle)
			timeout := 10 * time.Second
			if test.want == simulate.ReasonTimeout {
				timeout = 100 * time.Millisecond
			}
			client := newClient(t, server.URL+"/outbound/token", simulate.ClientOptions{Timeout: timeout})
			err := client.Post(t.Context(), []byte("<a/>"))
			if got := reasonOf(t, err); got != test.want {
				t.Errorf("got %q (%v), want %q", got, err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "token") {
				t.Errorf("%v names the path, which is a secret", err)
			}
		})
	}
}

func TestConnectionsThatFail(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	client := newClient(t, server.URL, simulate.ClientOptions{})
	if got := reasonOf(t, client.Post(t.Context(), []byte("<a/>"))); got != simulate.ReasonRefused {
		t.Errorf("got %q, want %q", got, simulate.ReasonRefused)
	}
	client = newClient(t, "http://listener.invalid", simulate.ClientOptions{
		Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "listener.invalid", IsNotFound: true}
		},
	})
	if got := reasonOf(t, client.Post(t.Context(), []byte("<a/>"))); got != simulate.ReasonHost {
		t.Errorf("got %q, want %q", got, simulate.ReasonHost)
	}
}

func TestEndpointMustBeAURL(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"", "localhost:8080", "ftp://example.com", "http://",
		"http://a b"} {
		if _, err := simulate.NewClient(endpoint, simulate.ClientOptions{}); err == nil {
			t.Errorf("%q was accepted", endpoint)
		}
	}
}

// clientCertificate returns a self-signed certificate.
func clientCertificate(tb testing.TB) tls.Certificate {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTLSWithAClientCertificate(t *testing.T) {
	t.Parallel()
	certificate := clientCertificate(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
		if r.ProtoMajor != 1 || string(r.TLS.PeerCertificates[0].Raw) != string(certificate.Certificate[0]) {
			w.WriteHeader(http.StatusForbidden)
		}
		writeAck(w)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.EnableHTTP2 = true
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())

	for name, test := range map[string]struct {
		options simulate.ClientOptions
		want    string
	}{
		"shown":              {simulate.ClientOptions{RootCAs: roots, Certificate: &certificate}, ""},
		"not shown":          {simulate.ClientOptions{RootCAs: roots}, simulate.ReasonTLS},
		"server not trusted": {simulate.ClientOptions{Certificate: &certificate}, simulate.ReasonTLS},
	} {
		err := newClient(t, server.URL, test.options).Post(t.Context(), []byte("<a/>"))
		// In TLS 1.3 the client may write its request to the closed connection before it reads the
		// alert.
		reset := name == "not shown" && reasonOf(t, err) == simulate.ReasonReset
		if got := reasonOf(t, err); got != test.want && !reset {
			t.Errorf("%s: got %q (%v), want %q", name, got, err, test.want)
		}
	}
	plain := strings.Replace(server.URL, "https:", "http:", 1)
	if err := newClient(t, plain, simulate.ClientOptions{}).Post(t.Context(),
		[]byte("<a/>")); err == nil {
		t.Error("http to an https port was acked")
	}
}

func TestInterruptedPostUnwrapsToCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := listener(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	err := newClient(t, server.URL, simulate.ClientOptions{}).Post(ctx, []byte("<a/>"))
	if !errors.Is(err, context.Canceled) || reasonOf(t, err) != simulate.ReasonConnection {
		t.Errorf("got %v, want a Failure of context.Canceled", err)
	}
}

func TestIsClosedKnowsEveryWayAConnectionCloses(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE,
		&net.OpError{Op: "write", Err: net.ErrClosed},
	} {
		if !simulate.IsClosed(fmt.Errorf("post: %w", err)) {
			t.Errorf("%v does not close a connection", err)
		}
	}
	for _, err := range []error{nil, context.Canceled, syscall.ECONNREFUSED, errors.New("other")} {
		if simulate.IsClosed(err) {
			t.Errorf("%v closes a connection", err)
		}
	}
}
