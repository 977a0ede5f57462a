package relay_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"ackbox/relay"
	"ackbox/store"
	"ackbox/store/storetest"
)

func TestWhatIsDeliveredIsCounted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.save(25)
		r.answer(func(e relay.Event) relay.Verdict {
			switch {
			case e.Notification.ID == 1 && e.Attempt == 1:
				return relay.Verdict{Outcome: relay.Rejected, Error: "answered 422"}
			case e.Notification.ID == 2:
				return relay.Verdict{Outcome: relay.Impossible, Error: "answered 413"}
			}
			return relay.Verdict{Outcome: relay.Success}
		})
		registry := prometheus.NewPedanticRegistry()
		wanted := func(n *store.Notification) (bool, error) { return n.ID%5 != 0, nil }
		open := func(store.Destination) (relay.Sender, relay.Filter, error) { return r.receiver, wanted, nil }
		logger := slog.New(slog.NewTextHandler(t.Output(), nil))
		process := relay.New(db.Store, db.Store.NotificationLog(), logger, open, options())
		process.Metrics = relay.NewMetrics(registry)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- process.Run(ctx) }()
		until(t, "all are settled", func() bool {
			p := r.destination().Progress
			return p.Delivered == 19 && p.Dead == 1 && p.Filtered == 5
		})
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		want := map[string]float64{
			"destination_events_total delivered": 19, "destination_events_total filtered": 5,
			"destination_events_total skipped": 0, "destination_events_total failed": 2,
			"destination_events_total dead": 1, "destination_retries_total": 1,
			"destination_delivery_seconds": 18,
		}
		if diff := cmp.Diff(want, gather(t, registry)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
