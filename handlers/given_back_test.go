package handlers_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ackbox/handlers"
	"ackbox/store"
	"ackbox/store/storetest"
)

// interrupted sends a part of a body, then ends the connection, and returns when the server has
// dropped the request.
func (in *inbox) interrupted(t *testing.T, announced, sent int) {
	t.Helper()
	conn, err := net.Dial("tcp", in.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /outbound/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s",
		in.token, announced, strings.Repeat(" ", sent))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Fatal(err)
	}
}

// The bodies take more together than there is room for, small and large ones.
func TestAnInterruptedBodyGivesItsRoomBack(t *testing.T) {
	t.Parallel()
	const limit = 2 << 20
	db := storetest.New(t, storetest.SQLite)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.BodyLimit = limit })
	for range 12 {
		in.interrupted(t, limit, limit-1)
		if a := in.post(t, pad(envelope("04l1"), limit)); !a.isAck() {
			t.Fatalf("a large body: got %d %s", a.status, a.body)
		}
	}
	for range 200 { // what finds no small room takes large
		in.interrupted(t, 250<<10, 249<<10)
	}
	for range 1200 {
		in.interrupted(t, 1000, 0)
	}
	for _, size := range []int{200 << 10, limit} {
		if a := in.post(t, pad(envelope("04l1"), size)); !a.isAck() {
			t.Errorf("%d bytes: got %d %s", size, a.status, a.body)
		}
	}
}

// The small bodies take more together than what may be decoded at once; the large one takes all of
// that by itself.
func TestABodyThatCannotBeParsedGivesItsTurnBack(t *testing.T) {
	t.Parallel()
	const limit = 2 << 20
	db := storetest.New(t, storetest.SQLite)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.BodyLimit = limit })
	for size, times := range map[int]int{200 << 10: 40, limit: 3} {
		body := pad(envelope("04l1"), size)
		for range times {
			if a := in.post(t, body[:size-1]+"<"); a.status != 400 {
				t.Fatalf("%d bytes: got %d %s", size, a.status, a.body)
			}
		}
		if a := in.post(t, body); !a.isAck() {
			t.Errorf("%d bytes: got %d %s", size, a.status, a.body)
		}
	}
}

// leaving is a database whose sender is gone by the time that it saves.
type leaving struct {
	*store.Store
	leave func()
}

func (l leaving) Save(ctx context.Context, in store.Inbound) (store.Saved, error) {
	l.leave()
	return l.Store.Save(ctx, in)
}

func TestASaveGoesOnWhenTheSenderIsGone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		in := newInbox(t, db.Store, func(c *handlers.Config) { c.Store = leaving{db.Store, leave} })
		body := strings.NewReader(envelope("04l1", "04l2"))
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/outbound/"+in.token, body)
		in.routes.ServeHTTP(httptest.NewRecorder(), r)
		if got := in.stored(t); got != 2 {
			t.Errorf("got %d notifications, want both", got)
		}
	})
}
