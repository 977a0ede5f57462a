package e2e_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
)

// rich makes messages of 100 notifications that are accepted and take much memory for their size.
// The prefix has 12 characters and tells the messages of two senders apart.
var rich = []struct {
	name string
	make func(prefix string) []byte
}{
	{"many fields", func(prefix string) []byte {
		var fields strings.Builder
		for i := range 500 {
			fmt.Fprintf(&fields, "<sf:F%d>b</sf:F%d>", i, i)
		}
		return hundred(prefix, "", fields.String())
	}},
	{"one field many times", func(prefix string) []byte {
		return hundred(prefix, "", strings.Repeat("<sf:a/>", 1000))
	}},
	{"nested fields", func(prefix string) []byte {
		nested := strings.Repeat("<sf:a>", 20) + strings.Repeat("</sf:a>", 20)
		return hundred(prefix, "", strings.Repeat(nested, 20))
	}},
	{"long ids", func(prefix string) []byte {
		long := strings.Repeat("x", 230)
		body := hundred(prefix, long, "")
		body = bytes.Replace(body, []byte(action), []byte(prefix+long), 1)
		return bytes.ReplaceAll(body, []byte(`"sf:Lead"`), []byte(`"sf:`+prefix+long+`"`))
	}},
	{"control characters", func(prefix string) []byte {
		return hundred(prefix, "", "<sf:City>"+strings.Repeat("\x01", 2000)+"</sf:City>")
	}},
}

func hundred(prefix, suffix, fields string) []byte {
	var all strings.Builder
	for i := range 100 {
		id := fmt.Sprintf("%s%03d%s", prefix, i, suffix)
		all.WriteString(lead("04l"+id, "00Q"+id, fields))
	}
	return envelope(all.String())
}

// Many senders post at once what is accepted: first while nothing can be committed, so that as much
// waits as may, and then, a few at a time, until all of it is acked.
func TestManySendersTakeBoundedMemory(t *testing.T) {
	t.Parallel()
	const aFew = 4
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		var bodies [][]byte
		for k, kind := range rich {
			for i := range manySenders {
				bodies = append(bodies, kind.make(fmt.Sprintf("%03d%09d", k, i)))
			}
		}
		release := holdNotifications(t, database)
		s.postAll(bodies, len(bodies), 200, 503)
		s.requireBoundedMemory("while nothing can be committed")
		release()
		s.postAll(bodies, aFew, 200)
		s.requireBoundedMemory("when all is acked")
		if got, want := len(s.export()), 100*len(bodies); got != want {
			t.Errorf("got %d notifications, want %d", got, want)
		}
	})
}

// postAll posts messages, a number of them at a time. The answers must have one of the statuses.
func (s *server) postAll(bodies [][]byte, atOnce int, statuses ...int) {
	s.tb.Helper()
	var senders errgroup.Group
	senders.SetLimit(atOnce)
	for _, body := range bodies {
		senders.Go(func() error {
			if got := post(s.tb, s.url("crm"), body); !slices.Contains(statuses, got.status) {
				return fmt.Errorf("got %+v, want one of %v", got, statuses)
			}
			return nil
		})
	}
	if err := senders.Wait(); err != nil {
		s.tb.Error(err)
	}
}

// holdNotifications keeps others from adding notifications until release is called.
func holdNotifications(tb testing.TB, database string) (release func()) {
	tb.Helper()
	lock := `lock table notifications in exclusive mode`
	if strings.HasPrefix(database, "sqlite:") {
		lock = `select 1` // it has one writer anyway
	}
	db := openDirectly(tb, database)
	tx, err := db.BeginTx(tb.Context(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := tx.ExecContext(tb.Context(), lock); err != nil {
		tb.Fatal(err)
	}
	return func() {
		tb.Helper()
		if err := tx.Rollback(); err != nil {
			tb.Error(err)
		}
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	}
}
