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

// Lists at URLs of real servers.

// serve is a server with TLS that answers with handler.
func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	return server
}

// write answers with a list.
func write(list string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, list) }
}

func TestListFromAServer(t *testing.T) {
	t.Parallel()
	var list atomic.Value
	list.Store(listOf("203.0.113.0/24"))
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { write(list.Load().(string))(w, r) })
	r := watch(t, address.RangesConfig{
		From: []string{server.URL}, Client: server.Client(), Refresh: time.Second,
	}, nil)
	waitUntil(t, func() bool { return r.Check(listed) == address.Inside })
	list.Store(listOf("198.51.100.0/24"))
	waitUntil(t, func() bool { return r.Check(listed) == address.Outside })
	server.Close()
	requirePlace(t, r, "198.51.100.9", address.Inside)
}

// The copy of one run is what the next one, without the server, goes on with.
func TestRestartWithoutTheServer(t *testing.T) {
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
	three := watch(t, address.RangesConfig{From: []string{server.URL + "/3"}, Client: server.Client()}, nil)
	waitUntil(t, func() bool { return three.Check(listed) == address.Inside })
	requireRefused(t, server.Client(), server.URL+"/4", "redirected more than 3 times")
}

// Whoever can redirect to http:// could put any list there on the way; that server must not even be asked.
func TestRedirectToHTTP(t *testing.T) {
	t.Parallel()
	var asked atomic.Bool
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(true)
		write(listOf("203.0.113.0/24"))(w, r)
	}))
	t.Cleanup(plain.Close)
	server := serve(t, http.RedirectHandler(plain.URL, http.StatusMovedPermanently).ServeHTTP)
	requireRefused(t, server.Client(), server.URL, "over http, not https")
	if asked.Load() {
		t.Error("want the server without TLS not to be asked")
	}
}

// A server on this machine needs no TLS, but must not lead away either.
func TestListFromLoopbackOverHTTP(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(write(listOf("203.0.113.0/24")))
	t.Cleanup(plain.Close)
	r := watch(t, address.RangesConfig{From: []string{plain.URL}}, nil)
	waitUntil(t, func() bool { return r.Check(listed) == address.Inside })
	away := httptest.NewServer(http.RedirectHandler(plain.URL, http.StatusFound))
	t.Cleanup(away.Close)
	requireRefused(t, nil, away.URL, "over http, not https")
}

func TestServerWithACertificateOfNobody(t *testing.T) {
	t.Parallel()
	server := serve(t, write(listOf("203.0.113.0/24")))
	requireRefused(t, nil, server.URL, "certificate")
}

func TestStatusThatIsNot200(t *testing.T) {
	t.Parallel()
	for _, status := range []int{201, 203, 206, 304, 404, 429, 500} {
		server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, listOf("203.0.113.0/24"))
		})
		requireRefused(t, server.Client(), server.URL, fmt.Sprintf("status %d", status))
	}
}

// A list without end is read no further than it may be long, packed or not.
func TestListWithoutEnd(t *testing.T) {
	t.Parallel()
	for name, pack := range map[string]func(w http.ResponseWriter) io.Writer{
		"plain": func(w http.ResponseWriter) io.Writer { return w },
		"packed": func(w http.ResponseWriter) io.Writer {
			w.Header().Set("Content-Encoding", "gzip")
			return gzip.NewWriter(w)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				defer close(gone)
				out, block := pack(w), []byte(strings.Repeat(" ", 1<<16))
				for r.Context().Err() == nil {
					if _, err := out.Write(block); err != nil {
						return
					}
				}
			})
			requireRefused(t, server.Client(), server.URL, "it has more than 4 MiB")
			<-gone
		})
	}
}

// A body that stops in the middle, or never comes, is no list.
func TestListThatIsCutOff(t *testing.T) {
	t.Parallel()
	list := listOf("203.0.113.0/24")
	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(list)+1))
		_, _ = io.WriteString(w, list)
	})
	requireRefused(t, cut.Client(), cut.URL, "unexpected EOF")
	hangs := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, list[:len(list)-1])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		panic(http.ErrAbortHandler) // without an end of the body, which might yet arrive
	})
	hurried := *hangs.Client()
	hurried.Timeout = 100 * time.Millisecond
	requireRefused(t, &hurried, hangs.URL, "Client.Timeout")
}

// requireRefused fetches a list that must not be put to use, and checks what is logged.
func requireRefused(t *testing.T, client *http.Client, url, want string) {
	t.Helper()
	var log journal
	r := watch(t, address.RangesConfig{From: []string{url}, Client: client}, &log)
	waitUntil(t, func() bool { return log.count("level=WARN") > 0 })
	if log.count("level=WARN", want) != 1 {
		t.Errorf("want a warning with %q, got:\n%.1000s", want, &log)
	}
	if got := r.Check(listed); got != address.Unknown {
		t.Errorf("got %s, want unknown", got)
	}
}
