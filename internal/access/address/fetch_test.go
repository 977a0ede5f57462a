package address_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ackbox/internal/access/address"
)

// Tests of lists at URLs with real HTTP servers.

// serve starts a TLS server with a handler.
func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	return server
}

// write returns a handler that answers with a list.
func write(list string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, list) }
}

func TestListFromServer(t *testing.T) {
	t.Parallel()
	var list atomic.Value
	list.Store(listOf("203.0.113.0/24"))
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		write(list.Load().(string))(w, r)
	})
	r := watch(t, address.RangesConfig{
		From: []string{server.URL}, Client: server.Client(), Refresh: time.Second,
	}, nil)
	waitUntil(t, func() bool { return r.Check(listed) == address.Inside })
	list.Store(listOf("198.51.100.0/24"))
	waitUntil(t, func() bool { return r.Check(listed) == address.Outside })
	server.Close()
	requirePlace(t, r, "198.51.100.9", address.Inside)
}

// The copy stored by one run is used by the next one, when the server is down.
func TestRestartWithoutServer(t *testing.T) {
	t.Parallel()
	kept := &copies{kept: map[string]keptCopy{}}
	server := serve(t, write(listOf("203.0.113.0/24")))
	config := address.RangesConfig{From: []string{server.URL}, Client: server.Client(), Copies: kept}
	watch(t, config, nil)
	waitUntil(t, func() bool { return kept.of(server.URL).Content != "" })
	server.Close()
	restarted := watch(t, config, nil)
	waitUntil(t, func() bool { return restarted.Check(listed) == address.Inside })
	requirePlace(t, restarted, "198.51.100.9", address.Outside)
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/0" {
			write(listOf("203.0.113.0/24"))(w, r)
			return
		}
		next := map[string]string{"/3": "/2", "/2": "/1", "/1": "/0", "/4": "/3"}[r.URL.Path]
		http.Redirect(w, r, next, http.StatusFound)
	})
	three := watch(t, address.RangesConfig{
		From: []string{server.URL + "/3"}, Client: server.Client(),
	}, nil)
	waitUntil(t, func() bool { return three.Check(listed) == address.Inside })
	requireRejected(t, server.Client(), server.URL+"/4", "redirected more than 3 times")
}

// After a redirect to http:// the list could be changed on the network, so it is not fetched.
func TestRedirectToHTTP(t *testing.T) {
	t.Parallel()
	var requested atomic.Bool
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requested.Store(true)
		write(listOf("203.0.113.0/24"))(w, r)
	}))
	t.Cleanup(plain.Close)
	server := serve(t, http.RedirectHandler(plain.URL, http.StatusMovedPermanently).ServeHTTP)
	requireRejected(t, server.Client(), server.URL, "over http, not https")
	if requested.Load() {
		t.Error("got a request without TLS, want none")
	}
}

// A server on the loopback interface needs no TLS, but redirects from it do.
func TestListFromLoopbackOverHTTP(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(write(listOf("203.0.113.0/24")))
	t.Cleanup(plain.Close)
	r := watch(t, address.RangesConfig{From: []string{plain.URL}}, nil)
	waitUntil(t, func() bool { return r.Check(listed) == address.Inside })
	redirecting := httptest.NewServer(http.RedirectHandler(plain.URL, http.StatusFound))
	t.Cleanup(redirecting.Close)
	requireRejected(t, nil, redirecting.URL, "over http, not https")
}

func TestServerWithUntrustedCertificate(t *testing.T) {
	t.Parallel()
	server := serve(t, write(listOf("203.0.113.0/24")))
	requireRejected(t, nil, server.URL, "certificate")
}

func TestStatusOtherThan200(t *testing.T) {
	t.Parallel()
	for _, status := range []int{201, 203, 206, 304, 404, 429, 500} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, listOf("203.0.113.0/24"))
		})
		requireRejected(t, server.Client(), server.URL, fmt.Sprintf("status %d", status))
	}
}

// A body without end is read only up to the size limit, compressed or not.
func TestListWithoutEnd(t *testing.T) {
	t.Parallel()
	for name, compress := range map[string]func(w http.ResponseWriter) io.Writer{
		"plain": func(w http.ResponseWriter) io.Writer { return w },
		"gzip": func(w http.ResponseWriter) io.Writer {
			w.Header().Set("Content-Encoding", "gzip")
			return gzip.NewWriter(w)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				defer close(gone)
				out, block := compress(w), []byte(strings.Repeat(" ", 1<<16))
				for r.Context().Err() == nil {
					if _, err := out.Write(block); err != nil {
						return
					}
				}
			})
			requireRejected(t, server.Client(), server.URL, "it is larger than 4 MiB")
			<-gone
		})
	}
}

// A body that is cut off, or never completes, is rejected.
func TestIncompleteList(t *testing.T) {
	t.Parallel()
	list := listOf("203.0.113.0/24")
	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(list)+1))
		_, _ = io.WriteString(w, list)
	})
	requireRejected(t, cut.Client(), cut.URL, "unexpected EOF")
	hangs := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, list[:len(list)-1])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // leaves the body without an end
	})
	shortTimeout := *hangs.Client()
	shortTimeout.Timeout = 100 * time.Millisecond
	requireRejected(t, &shortTimeout, hangs.URL, "Client.Timeout")
}

// requireRejected fetches a list that must not be put to use, and checks the log.
func requireRejected(t *testing.T, client *http.Client, url, want string) {
	t.Helper()
	var log logBuffer
	r := watch(t, address.RangesConfig{From: []string{url}, Client: client}, &log)
	waitUntil(t, func() bool { return log.count("level=WARN") > 0 })
	if log.count("level=WARN", want) != 1 {
		t.Errorf("want a warning with %q, got:\n%.1000s", want, &log)
	}
	if got := r.Check(listed); got != address.Unknown {
		t.Errorf("got %s, want unknown", got)
	}
}
