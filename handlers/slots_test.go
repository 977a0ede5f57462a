package handlers_test

import (
	"context"
	"strings"
	"testing"

	"ackbox/handlers"
	"ackbox/store"
	"ackbox/store/storetest"
)

// holding is a database that saves nothing until it is told to.
type holding struct {
	*store.Store
	saving  chan struct{} // gets a value for each save that has begun
	release chan struct{}
}

func (h holding) Save(ctx context.Context, in store.Inbound) (store.Saved, error) {
	h.saving <- struct{}{}
	<-h.release
	return h.Store.Save(ctx, in)
}

func TestMessageWithoutASlotIsRefusedBeforeItIsDecoded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		held := holding{db.Store, make(chan struct{}, 100), make(chan struct{})}
		in := newInbox(t, db.Store, func(c *handlers.Config) { c.Store, c.QueueLimit = held, 2 })
		acked := make(chan answer)
		for _, id := range []string{"04l1", "04l2"} {
			go func() { acked <- in.post(t, envelope(id)) }()
			<-held.saving
		}
		const malformed = "<"
		for _, body := range []string{envelope("04l3"), malformed} {
			a := in.post(t, body)
			code, reason := a.fault(t)
			if a.status != 503 || code != "soapenv:Server" || a.closed {
				t.Errorf("got %d %s %q, closed %t, want 503 on a connection that stays open",
					a.status, code, reason, a.closed)
			}
		}
		close(held.release)
		for range 2 {
			if a := <-acked; !a.isAck() {
				t.Errorf("got %d %s, want an Ack for a message that has a slot", a.status, a.body)
			}
		}
		if got := in.stored(t); got != 2 {
			t.Errorf("got %d stored, want 2", got)
		}
		if got := in.post(t, malformed).status; got != 400 {
			t.Errorf("got %d for a malformed message when there are slots, want 400", got)
		}
	})
}

// Whatever becomes of a message, its slot is free once it is answered.
func TestSlotIsGivenBackBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	in := newInbox(t, db.Store, func(c *handlers.Config) { c.QueueLimit = 1 })
	other := `00D5g00000OTHEREAA`
	for range 20 {
		for body, want := range map[string]int{
			envelope("04l1"): 200, "<": 400, envelope(): 400, replaceOrganization(other): 403,
		} {
			if a := in.post(t, body); a.status != want {
				t.Errorf("got %d %s, want %d", a.status, a.body, want)
			}
		}
	}
}

func replaceOrganization(id string) string {
	return strings.ReplaceAll(envelope("04l2"), organization, id)
}
