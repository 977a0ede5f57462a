package relay_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"ackbox/ledger"
	"ackbox/relay"
	"ackbox/store"
	"ackbox/store/storetest"
)

// instant is a destination that takes everything at once.
type instant struct{}

func (instant) Send(_ context.Context, events []relay.Event) []relay.Verdict {
	verdicts := make([]relay.Verdict, len(events))
	for i := range verdicts {
		verdicts[i] = relay.Verdict{Outcome: relay.Success}
	}
	return verdicts
}

func (instant) Close() error { return nil }

// saveRecords saves notifications of so many records in messages of 100.
func saveRecords(b *testing.B, db *store.Store, source store.Source, n, records int) {
	b.Helper()
	for saved := 0; saved < n; {
		batch := &ledger.Batch{OrganizationID: "00Dxx0000001gPLEAY"}
		for range min(100, n-saved) {
			saved++
			id, object := fmt.Sprintf("00Qxx%010dAAA", saved*7919%records), "Lead"
			fields := fmt.Sprintf(`{"Id":"%s","Company":"Hush Inc","AnnualRevenue":1.0E7,"N":%d}`, id, saved)
			batch.Entries = append(batch.Entries, ledger.Entry{
				ID: fmt.Sprintf("04l%09d", saved), ObjectType: &object, RecordID: &id, Fields: []byte(fields),
				Digest: ledger.DigestOf([]byte(fields)), ChangedAt: now.Add(time.Duration(saved) * time.Millisecond),
			})
		}
		in := store.Inbound{SourceID: source.ID, Batch: batch, ReceivedAt: now}
		if _, err := db.Save(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

// failing takes everything at once, but fails one in a hundred events twice.
type failing struct {
	mu    sync.Mutex
	tried map[int64]int
}

func (f *failing) Send(_ context.Context, events []relay.Event) []relay.Verdict {
	f.mu.Lock()
	defer f.mu.Unlock()
	verdicts := make([]relay.Verdict, len(events))
	for i := range verdicts {
		verdicts[i] = relay.Verdict{Outcome: relay.Success}
		if id := events[i].Notification.ID; id%100 == 0 && f.tried[id] < 2 {
			f.tried[id]++
			verdicts[i] = relay.Verdict{Outcome: relay.Rejected, Status: 422, Error: "answered 422"}
		}
	}
	return verdicts
}

func (*failing) Close() error { return nil }

// BenchmarkFailures delivers with the order record, without failures and, in turn with that, with
// one in a hundred events failing twice. The metric x is the rate with failures divided by that
// without; the waits before an event is tried again are short.
func BenchmarkFailures(b *testing.B) {
	const stored, records = 30_000, 1_000_000
	for _, driver := range []string{storetest.SQLite, storetest.Postgres} {
		b.Run(driver, func(b *testing.B) {
			var without, with time.Duration
			for range b.N {
				without += deliverBacklog(b, driver, store.OrderRecord, stored, records, instant{})
				with += deliverBacklog(b, driver, store.OrderRecord, stored, records, &failing{tried: map[int64]int{}})
			}
			b.ReportMetric(float64(without)/float64(with), "x")
		})
	}
}

// BenchmarkBacklog delivers what was stored before, to a destination that takes no time. Events/s is
// what the pipeline can do; the metric of PostgreSQL's CPU time is of `make bench-relay`.
func BenchmarkBacklog(b *testing.B) {
	const stored, records = 30_000, 1_000_000
	for _, driver := range []string{storetest.SQLite, storetest.Postgres} {
		for _, ordering := range []store.Ordering{store.OrderNone, store.OrderRecord, store.OrderLatest} {
			b.Run(driver+"/"+ordering.String(), func(b *testing.B) {
				var total time.Duration
				for range b.N {
					total += deliverBacklog(b, driver, ordering, stored, records, instant{})
				}
				b.ReportMetric(float64(b.N)*stored/total.Seconds(), "events/s")
			})
		}
	}
}

func deliverBacklog(
	b *testing.B, driver string, ordering store.Ordering, stored, records int, to relay.Sender,
) time.Duration {
	b.Helper()
	b.StopTimer()
	db := storetest.New(b, driver)
	source, _, err := db.Store.AddSource(b.Context(), "crm", nil, now)
	if err != nil {
		b.Fatal(err)
	}
	_, err = db.Store.AddDestination(b.Context(), store.Destination{
		Name: "erp", Kind: "test", GiveUp: time.Hour, Ordering: ordering,
	}, now)
	if err != nil {
		b.Fatal(err)
	}
	saveRecords(b, db.Store, source, stored, records)
	open := func(store.Destination) (relay.Sender, relay.Filter, error) {
		return to, everything, nil
	}
	o := relay.Defaults()
	o.Message = relay.Backoff{First: 20 * time.Millisecond, Most: 100 * time.Millisecond}
	process := relay.New(db.Store, db.Store.NotificationLog(), slog.New(slog.DiscardHandler), open, o)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	ended := make(chan error, 1)
	b.StartTimer()
	begun := time.Now()
	go func() { ended <- process.Run(ctx) }()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for range ticker.C {
		d, err := db.Store.Destination(b.Context(), "erp")
		if err != nil {
			b.Fatal(err)
		}
		if d.Progress.Delivered == int64(stored) {
			break
		}
	}
	took := time.Since(begun)
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	return took
}
