package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"ackbox/internal/secret"
	"ackbox/relay"
	"ackbox/store"
)

// opener opens the senders of destinations, as far as this process can.
type opener struct {
	keys func() (*secret.Keys, error)
	slog *slog.Logger

	mu     sync.Mutex
	warned map[int64]string // the last error of a destination
}

// open implements [relay.Open]. Why a destination cannot be delivered to is logged once.
func (o *opener) open(d store.Destination) (relay.Sender, relay.Filter, error) {
	sender, filter, err := o.try(&d)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		delete(o.warned, d.ID)
		return sender, filter, nil
	}
	if text := err.Error(); o.warned[d.ID] != text {
		o.warned[d.ID] = text
		o.slog.Warn("this process cannot deliver to a destination", "destination", d.Name, "error", err)
	}
	return nil, nil, fmt.Errorf("%w: %w", relay.ErrNotHere, err)
}

func (o *opener) try(d *store.Destination) (relay.Sender, relay.Filter, error) {
	filter, err := relay.CompileFilter(d.Filter)
	if err != nil {
		return nil, nil, fmt.Errorf("filter of destination %s: %w", d.Name, err)
	}
	config := &configuration{settings: d.Settings, secrets: map[string]string{}}
	if len(d.Secret) > 0 { // a destination without secrets needs no key
		keys, err := o.keys()
		if err == nil {
			config, err = configurationOf(d, keys)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	sender, err := config.open(d)
	return sender, filter, err
}

// delivery delivers what is stored, and watches how far that is.
type delivery struct {
	relay   *relay.Relay // nil if this process does not deliver
	monitor *relay.Monitor
}

// newDelivery returns the delivery from a database. Unless it delivers, it only watches.
func newDelivery(
	db *store.Store, delivers bool, secrets *secretFlags, metrics prometheus.Registerer,
) *delivery {
	if !delivers {
		return &delivery{monitor: relay.NewMonitor(db, nil, slog.Default(), metrics)}
	}
	log := db.NotificationLog()
	logger := slog.Default()
	o := &opener{
		keys: func() (*secret.Keys, error) { return secrets.keys(db) },
		slog: logger, warned: map[int64]string{},
	}
	r := relay.New(db, log, logger, o.open, relay.Defaults())
	r.Metrics = relay.NewMetrics(metrics)
	return &delivery{r, relay.NewMonitor(db, log.Hold, logger, metrics)}
}

// run delivers until the context ends, and returns when what was being sent is settled.
func (d *delivery) run(ctx context.Context) error {
	var watching sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	var err error
	watching.Go(func() { err = d.monitor.Run(ctx) })
	var delivered error
	if d.relay != nil {
		delivered = d.relay.Run(ctx)
	} else {
		<-ctx.Done()
	}
	stop()
	watching.Wait()
	return errors.Join(delivered, err)
}
