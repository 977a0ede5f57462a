package handlers_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ackbox/handlers"
	"ackbox/store/storetest"
)

// Whoever lets large bodies stall takes room only from large ones, and not all of that from other
// sources.
func TestStalledLargeBodiesShutNobodyOut(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	const limit = 8 << 20
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.BodyLimit = limit })
	_, other, err := db.Store.AddSource(t.Context(), "other", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if a := in.postTo(t, other); !a.isAck() {
		t.Fatalf("got %d", a.status)
	}
	stalled := func(length int) net.Conn {
		conn, err := net.Dial("tcp", in.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_, err = fmt.Fprintf(conn, "POST /outbound/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s",
			in.token, length, strings.Repeat(" ", length-1))
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	large := func(token string) int {
		body := strings.NewReader(pad(envelope("04l1"), 2<<20))
		return in.do(t, http.MethodPost, in.URL+"/outbound/"+token, body).status
	}
	stalled(limit)
	eventually(t, "they have taken their room", func() bool {
		stalled(3 << 20) // one that finds no room, because others grow, is refused
		return large(in.token) == 503
	})
	for i := range 20 {
		if a := in.post(t, envelope(fmt.Sprint("04l", i))); !a.isAck() {
			t.Errorf("a small one of the same source: got %d %s", a.status, a.body)
		}
	}
	if got := large(other); got != 200 {
		t.Errorf("a large one of another source: got %d", got)
	}
	eventually(t, "those that stall are cut off", func() bool { return large(in.token) == 200 })
}

// A body of any size up to the limit is taken when nothing else is going on, whether its length is
// announced or not; and whatever is refused gives its room back.
func TestOneBodyUpToTheLimitIsAlwaysTaken(t *testing.T) {
	t.Parallel()
	const limit = 2 << 20
	db := storetest.New(t, storetest.SQLite)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.BodyLimit = limit })
	for _, size := range []int{16 << 10, 16<<10 + 1, 256 << 10, 257 << 10, 1 << 20, 1<<20 + 1, limit - 1, limit} {
		body := pad(envelope("04l1"), size)
		for range 3 { // what does not give its room back leaves none for the next one
			in.do(t, http.MethodPost, in.url(), strings.NewReader(body[:size/2]+"<"+body[size/2+1:]))
			in.do(t, http.MethodPost, in.url(), io.MultiReader(strings.NewReader(body), strings.NewReader(body)))
		}
		for name, reader := range map[string]io.Reader{
			"announced": strings.NewReader(body), "chunked": io.MultiReader(strings.NewReader(body)),
		} {
			if a := in.do(t, http.MethodPost, in.url(), reader); !a.isAck() {
				t.Errorf("%s: %d bytes: got %d %s", name, size, a.status, a.body)
			}
		}
	}
}

// A panic gives back what the message had taken.
func TestAPanicWithALargeBodyGivesItsRoomBack(t *testing.T) {
	t.Parallel()
	const limit = 2 << 20
	db := storetest.New(t, storetest.SQLite)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.Store, c.BodyLimit = panicking{db.Store}, limit })
	for range 4 {
		a := in.post(t, pad(envelope("04l1"), limit))
		if _, reason := a.fault(t); a.status != 503 || strings.Contains(reason, "too much to do") {
			t.Errorf("got %d %s", a.status, reason)
		}
	}
}

// Text that JSON escapes takes more room there than in the body.
func TestABodyWhoseJSONIsOverTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.BodyLimit = 1 << 20 })
	for text, status := range map[string]int{"a": 200, "aaaaaaaaa\n": 200, "aaaaa\n": 413, "\"": 413, "\n": 413} {
		long := strings.Repeat(text, 900<<10/len(text))
		a := in.post(t, strings.Replace(envelope("04l1"), "Hush Inc", long, 1))
		if a.status != status {
			t.Errorf("%q: got %d, want %d", text, a.status, status)
		}
		if status != 200 && !strings.Contains(a.body, "as JSON") {
			t.Errorf("%q: got %s, want words that say why", text, a.body)
		}
	}
}

// Of a body that did not come to its end, its beginning says whose it is.
func TestARefusedBodySaysWhoseItIsByItsBeginning(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.BodyLimit = 100 << 10 })
	in.do(t, http.MethodPost, in.url(), io.MultiReader(strings.NewReader(pad(envelope("04l1"), 200<<10))))
	escaped := strings.Replace(envelope("04l1"), "</sObject>", strings.Repeat("\n", 90<<10)+"</sObject>", 1)
	in.post(t, escaped)
	got := in.refusals(t)
	if len(got) != 2 {
		t.Fatalf("got %+v, want two", got)
	}
	want := refused{"too_large", organization, "04k5g000000TestAAA", "Lead", 1, false}
	for _, r := range got {
		if refusedOf(r) != want {
			t.Errorf("got %+v, want %+v", r, want)
		}
	}
}
