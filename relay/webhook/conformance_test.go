package webhook_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"ackbox/relay"
	"ackbox/relay/relaytest"
	"ackbox/relay/webhook"
)

// hook is a receiver that can be made to fail. It keeps its address when it is stopped and started.
type hook struct {
	address string

	mu          sync.Mutex
	server      *httptest.Server
	arrived     []relaytest.Arrival
	answers     map[string]answer // by event id; others get 204
	held        chan struct{}     // nil, unless it hangs
	released    chan struct{}
	connections int
	protocol    string // of the last request
}

// answer is how a hook answers an event.
type answer struct {
	write http.HandlerFunc
	takes bool // the event, all the same
	once  bool
}

// ServeHTTP implements [http.Handler].
func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender is gone
	}
	h.mu.Lock()
	held, released := h.held, h.released
	id := r.Header.Get("webhook-id")
	a, special := h.answers[id]
	if held == nil && (!special || a.takes) {
		h.arrived = append(h.arrived, relaytest.Arrival{ID: id, Body: body})
	}
	if a.once {
		delete(h.answers, id)
	}
	h.protocol = r.Proto
	h.mu.Unlock()
	switch {
	case held != nil:
		hang(r.Context(), held, released)
	case special:
		a.write(w, r)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// hang waits until the sender is gone or the hang is over.
func hang(ctx context.Context, held chan<- struct{}, released <-chan struct{}) {
	select {
	case held <- struct{}{}:
	default: // it was said before
	}
	select {
	case <-released:
	case <-ctx.Done():
	}
	panic(http.ErrAbortHandler)
}

// abort ends the connection or, with HTTP/2, the stream.
func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// answer sets how an event is answered. The function that it returns unsets it.
func (h *hook) answer(id string, a answer) (unset func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers[id] = a
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.answers, id)
	}
}

// start listens at the address of the hook; with TLS, also by HTTP/2.
func (h *hook) start(tb testing.TB, tls bool) {
	server := httptest.NewUnstartedServer(h)
	_ = server.Listener.Close()
	server.Listener, server.EnableHTTP2 = listen(tb, h.address), true
	server.Config.ConnState = h.count
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it names the connections that stop ends
	if tls {
		server.StartTLS()
	} else {
		server.Start()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.server, h.address = server, server.Listener.Addr().String()
}

// listen listens at an address, which a connection of somebody else may have for a moment.
func listen(tb testing.TB, address string) net.Listener {
	tb.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-ticker.C {
		l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", address)
		if err == nil {
			return l
		}
		if time.Now().After(deadline) {
			tb.Fatal(err)
		}
	}
}

func (h *hook) count(_ net.Conn, state http.ConnState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch state {
	case http.StateNew:
		h.connections++
	case http.StateClosed, http.StateHijacked:
		h.connections--
	default:
	}
}

func (h *hook) stop() {
	h.mu.Lock()
	server := h.server
	h.mu.Unlock()
	server.CloseClientConnections()
	server.Close()
}

// receiver starts a hook for the suite.
func (h *hook) receiver(tb testing.TB, tls bool, settings webhook.Settings) *relaytest.Receiver {
	h.start(tb, tls)
	tb.Cleanup(h.stop)
	scheme := "http://"
	if tls {
		scheme = "https://"
	}
	encoded, err := json.Marshal(settings)
	if err != nil {
		tb.Fatal(err)
	}
	return &relaytest.Receiver{
		Config: relay.Config{Name: "erp", Settings: encoded, Secrets: map[string]string{
			webhook.SecretURL: scheme + h.address + secretPath,
			webhook.SecretKey: webhook.NewKey(), webhook.SecretPrevious: webhook.NewKey(),
			webhook.SecretHeader + "Authorization": "Bearer s3cr3tt0k3n",
		}},
		Arrived: func() []relaytest.Arrival {
			h.mu.Lock()
			defer h.mu.Unlock()
			return slices.Clone(h.arrived)
		},
		Hang:  h.hang,
		Stop:  h.stop,
		Start: func() { h.start(tb, tls) },
		Lose:  func(id string) { h.answer(id, answer{write: abort, takes: true, once: true}) },
		Connections: func() int {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.connections
		},
	}
}

func (h *hook) hang() (<-chan struct{}, func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	held, released := make(chan struct{}, 1), make(chan struct{})
	h.held, h.released = held, released
	return held, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.held = nil
		close(released)
	}
}

// failures are the ways in which a hook fails.
func failures(hookOf func(r *relaytest.Receiver) *hook) (all []relaytest.Failure) {
	add := func(name string, outcome relay.Outcome, write http.HandlerFunc) {
		all = append(all, relaytest.Failure{
			Name: name, Outcome: outcome,
			Arrange: func(_ testing.TB, r *relaytest.Receiver, e *relay.Event) func() {
				return hookOf(r).answer(e.ID(), answer{write: write})
			},
		})
	}
	for status, outcome := range map[int]relay.Outcome{
		302: relay.Rejected, 400: relay.Rejected, 404: relay.Rejected, 408: relay.Unavailable, 410: relay.Gone,
		413: relay.Impossible, 425: relay.Unavailable, 429: relay.Unavailable, 500: relay.Unavailable,
		503: relay.Unavailable,
	} {
		add(fmt.Sprint("the status ", status), outcome, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			http.Error(w, "no: "+r.URL.String(), status)
		})
	}
	add("a lost connection", relay.Unavailable, abort)
	add("half an answer", relay.Unavailable, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		abort(w, r)
	})
	return all
}

// conforming returns the kind for the suite, and what gives its hooks.
func conforming(tls bool, settings webhook.Settings) (k relaytest.Kind, hooks func() []*hook) {
	var mu sync.Mutex
	all := map[*relaytest.Receiver]*hook{}
	authorities := x509.NewCertPool()
	k.Receive = func(tb testing.TB) *relaytest.Receiver {
		h := &hook{address: "127.0.0.1:0", answers: map[string]answer{}}
		r := h.receiver(tb, tls, settings)
		mu.Lock()
		defer mu.Unlock()
		all[r] = h
		if tls {
			authorities.AddCert(h.server.Certificate())
		}
		return r
	}
	k.Open = func(c relay.Config) (relay.Sender, error) {
		sender, err := webhook.Open(c)
		if err == nil {
			webhook.Trust(sender, authorities)
		}
		return sender, err
	}
	k.Failures = failures(func(r *relaytest.Receiver) *hook {
		mu.Lock()
		defer mu.Unlock()
		return all[r]
	})
	k.Retries = !tls // net/http sends again what an HTTP/1.1 connection that was used before has lost
	k.Ordered = settings.Concurrency == 1
	if settings.Binary {
		k.Body = func(e *relay.Event) ([]byte, error) { return e.Data() }
	}
	return k, func() []*hook {
		mu.Lock()
		defer mu.Unlock()
		return slices.Collect(maps.Values(all))
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tls      bool
		settings webhook.Settings
		protocol string
	}{
		"HTTP 1.1":   {false, local, "HTTP/1.1"},
		"HTTP 2":     {true, local, "HTTP/2.0"},
		"binary":     {false, webhook.Settings{AllowPrivate: true, Binary: true}, "HTTP/1.1"},
		"one by one": {false, webhook.Settings{AllowPrivate: true, Concurrency: 1}, "HTTP/1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind, hooks := conforming(test.tls, test.settings)
			t.Cleanup(func() {
				protocols := map[string]int{}
				for _, h := range hooks() {
					protocols[h.protocol]++
				}
				delete(protocols, "") // of those that got nothing
				if len(protocols) != 1 || protocols[test.protocol] == 0 {
					t.Errorf("got the protocols %v, want %s only", protocols, test.protocol)
				}
			})
			relaytest.Run(t, kind)
		})
	}
}
