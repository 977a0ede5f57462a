package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ackbox/handlers"
	"ackbox/internal/web"
	"ackbox/soap"
	"ackbox/soap/sobject"
	"ackbox/store"
	"ackbox/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const organization = "00D5g00000ABCDEEA4"

// inbox is a server with one source, on a database of its own.
type inbox struct {
	*httptest.Server
	routes http.Handler
	h      *handlers.Handlers
	health *handlers.Health
	db     *store.Store
	token  string
	log    *lockedBuffer
}

// newRoutes registers what this package answers as the command does.
func newRoutes(h *handlers.Handlers, health *handlers.Health) http.Handler {
	w := web.New(h.Log, h.Access.Proxies.Remote)
	handlers.RegisterOutbound(w.Surface(handlers.OutboundPath, h.OutboundErrors), h)
	handlers.RegisterHealth(w.Group(""), health)
	handlers.RegisterRoot(w.Group(""))
	return w
}

// healthReader is what [handlers.NewHealth] asks.
type healthReader interface {
	Health(ctx context.Context) (store.Health, error)
}

// lockedBuffer is a log that the server writes while the test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newInbox serves a database with the source "crm"; configure may change the handlers'
// configuration.
func newInbox(t *testing.T, db *store.Store, configure func(*handlers.Config)) *inbox {
	t.Helper()
	_, token, err := db.AddSource(t.Context(), "crm", []string{organization}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	types, err := soap.NewTypes(sobject.Records()...)
	if err != nil {
		t.Fatal(err)
	}
	log := &lockedBuffer{}
	config := handlers.Config{
		Store: db, Types: types, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if configure != nil {
		configure(&config)
	}
	h := handlers.New(config)
	health := handlers.NewHealth(config.Store.(healthReader), config.Log, h.Warnings)
	routes := newRoutes(h, health)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	server := httptest.NewServer(routes)
	t.Cleanup(func() {
		server.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return &inbox{server, routes, h, health, db, token, log}
}

// onEach runs a test with an inbox on each database.
func onEach(t *testing.T, test func(t *testing.T, in *inbox)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) { test(t, newInbox(t, db.Store, nil)) })
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	closed bool // the server wants no more requests on the connection
}

func (in *inbox) url() string { return in.URL + "/outbound/" + in.token }

// do sends a request; header lines are "Name: value".
func (in *inbox) do(t *testing.T, method, url string, body io.Reader, header ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     transport,
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(content), response.Close}
}

// post posts a body as Salesforce does.
func (in *inbox) post(t *testing.T, body string, header ...string) answer {
	t.Helper()
	return in.do(t, http.MethodPost, in.url(), strings.NewReader(body),
		append([]string{"Content-Type: text/xml; charset=UTF-8", `SOAPAction: ""`}, header...)...)
}

// postFrom posts to a token from an address, and returns the status.
func (in *inbox) postFrom(t *testing.T, from, token string) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/outbound/"+token,
		strings.NewReader(envelope("04l1")))
	r.RemoteAddr = from
	w := httptest.NewRecorder()
	in.routes.ServeHTTP(w, r)
	return w.Code
}

func (a answer) isAck() bool {
	return a.status == http.StatusOK && a.body == soap.Ack && a.header.Get("Content-Type") == "text/xml; charset=utf-8"
}

// fault is the code and the reason of a Fault; the test fails when the body is none.
func (a answer) fault(t *testing.T) (code, reason string) {
	t.Helper()
	var e struct {
		XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
		Body    struct {
			Fault *struct {
				Code   string `xml:"faultcode"`
				Reason string `xml:"faultstring"`
			} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault"`
		} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
	}
	if err := xml.Unmarshal([]byte(a.body), &e); err != nil || e.Body.Fault == nil {
		t.Fatalf("the answer is no Fault: %v: %d %s", err, a.status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "text/xml; charset=utf-8" {
		t.Errorf("got a Fault of type %q", got)
	}
	return e.Body.Fault.Code, e.Body.Fault.Reason
}

// envelope is a message of Leads with these notification ids.
func envelope(ids ...string) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(`<Notification><Id>` + id + `</Id><sObject xsi:type="sf:Lead" ` +
			`xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>00Q5g000001LeadEAG</sf:Id>` +
			`<sf:AnnualRevenue>1.0E7</sf:AnnualRevenue><sf:Company>Hush Inc</sf:Company></sObject></Notification>`)
	}
	return `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" ` +
		`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>` +
		`<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>` + organization +
		`</OrganizationId><ActionId>04k5g000000TestAAA</ActionId><SessionId>00D5g00000ABCDE!AQsecret</SessionId>` +
		b.String() + `</notifications></soapenv:Body></soapenv:Envelope>`
}

// stored is how many notifications there are.
func (in *inbox) stored(t *testing.T) int {
	t.Helper()
	n := 0
	err := in.db.Notifications(t.Context(), store.NotificationFilter{}, func(store.Notification) error {
		n++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// refusals are those that were recorded.
func (in *inbox) refusals(t *testing.T) []store.Refusal {
	t.Helper()
	var all []store.Refusal
	err := in.db.Refusals(t.Context(), store.RefusalFilter{}, func(r store.Refusal) error {
		all = append(all, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func decodeJSON(t *testing.T, text string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), to); err != nil {
		t.Fatalf("not JSON: %v: %s", err, text)
	}
}
