package relay_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"ackbox/relay"
	"ackbox/store"
)

// statuses are what a monitor sees.
type statuses struct {
	mu  sync.Mutex
	all []store.DestinationStatus
}

func (s *statuses) DestinationStatuses(context.Context) ([]store.DestinationStatus, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]store.DestinationStatus{}, s.all...), nil
}

func (s *statuses) set(all ...store.DestinationStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = all
}

// watch runs a monitor in the bubble of a test of time, with what may hold up the log.
func watch(t *testing.T, s *statuses, hold func() (store.LogHold, bool), log *strings.Builder) (
	*relay.Monitor, *prometheus.Registry,
) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	m := relay.NewMonitor(s, hold, slog.New(slog.NewTextHandler(log, nil)), registry)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return m, registry
}

// pass lets time pass, and all that follows from it.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func status(id int64, change func(d *store.DestinationStatus)) store.DestinationStatus {
	d := store.DestinationStatus{Destination: store.Destination{ID: id, Name: "erp" + string(rune('0'+id))}}
	change(&d)
	return d
}

func requireWarnings(t *testing.T, m *relay.Monitor, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, m.Warnings(time.Now())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatOperatorsAreWarnedOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, log := &statuses{}, &strings.Builder{}
		held := time.Now()
		m, _ := watch(t, s, func() (store.LogHold, bool) {
			return store.LogHold{Since: held, PIDs: []int64{12, 345}}, time.Since(held) < 2*time.Minute
		}, log)
		failing := status(1, func(d *store.DestinationStatus) { d.Progress.Failures, d.Progress.Unmatched = 3, 7 })
		s.set(failing,
			status(2, func(d *store.DestinationStatus) { d.State, d.Backlog.Dead = store.Disabled, 2 }),
			status(3, func(d *store.DestinationStatus) { d.Backlog.Retry, d.Backlog.Held = 6000, 4000 }))
		pass(10 * time.Second)
		lasting := []string{"2 events were given up", "1 destination is disabled"}
		const stopped = "1 destination gets nothing new, as too many of its events have failed"
		requireWarnings(t, m, append(lasting, stopped)...)
		pass(61 * time.Second)
		requireWarnings(t, m, append(lasting, "1 destination has been down for more than a minute", stopped,
			"nothing new is delivered for 1m11s: a transaction of the database's process 12, 345 has not ended")...)
		if n := strings.Count(log.String(), "a transaction keeps notifications from being delivered"); n != 1 {
			t.Errorf("got %d lines in the log, want 1: %s", n, log)
		}
		failing.Progress.Failures, failing.Progress.Unmatched = 0, 8
		s.set(failing)
		pass(time.Minute)
		requireWarnings(t, m,
			"the filter of 1 destination could not be computed for notifications of the last hour")
		pass(time.Hour)
		requireWarnings(t, m)
	})
}

func TestTheGaugesOfDestinations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &statuses{}
		m, registry := watch(t, s, nil, &strings.Builder{})
		oldest := time.Now()
		s.set(status(1, func(d *store.DestinationStatus) {
			d.Backlog = store.Backlog{Waiting: 4, Oldest: &oldest, Retry: 3, Held: 2, Dead: 1}
			d.Progress.Failures = 1
		}))
		pass(10 * time.Second)
		want := map[string]float64{
			"destination_waiting": 4, "destination_oldest_waiting_seconds": 10, "destination_deliveries retry": 3,
			"destination_deliveries held": 2, "destination_deliveries dead": 1, "destination_down": 1,
			"destination_active": 1, "log_held_seconds": 0,
		}
		if diff := cmp.Diff(want, gather(t, registry)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		requireWarnings(t, m, "1 event was given up")
	})
}

// gather returns the values of metrics by their names without prefix, and the label besides the
// destination.
func gather(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := strings.TrimPrefix(family.GetName(), "ackbox_")
			for _, label := range metric.GetLabel() {
				if label.GetName() != "destination" {
					name += " " + label.GetValue()
				}
			}
			found[name] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue() +
				float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return found
}
