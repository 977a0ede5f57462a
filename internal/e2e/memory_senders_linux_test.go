package e2e_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
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
// waits as may, and then until all of it is acked.
func TestManySendersTakeBoundedMemory(t *testing.T) {
	t.Parallel()
	const senders = 40 // of each kind
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		postAll := func(want func(status int) bool) {
			var wait sync.WaitGroup
			for k, kind := range rich {
				for i := range senders {
					wait.Go(func() {
						body := kind.make(fmt.Sprintf("%03d%09d", k, i))
						for {
							got := post(t, s.url("crm"), body)
							if got.status != 200 && got.status != 503 {
								t.Errorf("%s: got %+v", kind.name, got)
								return
							}
							if want(got.status) {
								return
							}
						}
					})
				}
			}
			wait.Wait()
		}
		release := holdNotifications(t, database)
		postAll(func(int) bool { return true })
		s.requireBoundedMemory("while nothing can be committed")
		release()
		postAll(func(status int) bool { return status == 200 })
		s.requireBoundedMemory("when all is acked")
		if got, want := len(s.export()), len(rich)*senders*100; got != want {
			t.Errorf("got %d notifications, want %d", got, want)
		}
	})
}

// holdNotifications keeps others from adding notifications until release is called.
func holdNotifications(tb testing.TB, database string) (release func()) {
	tb.Helper()
	driver, source, lock := "postgres", database, `lock table notifications in exclusive mode`
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		driver, source, lock = "sqlite", path+"?_txlock=immediate&_pragma=busy_timeout(10000)", `select 1`
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		tb.Fatal(err)
	}
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
