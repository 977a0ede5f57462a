package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"ackbox/handlers"
	"ackbox/internal/access/address"
	"ackbox/internal/logbuffer"
	"ackbox/store"
)

// relayCmd is the command relay.
type relayCmd struct {
	Database  databaseFlags `embed:""`
	Secrets   secretFlags   `embed:""`
	AdminAddr string        `env:"ACKBOX_ADMIN_ADDR" placeholder:"HOST:PORT" help:"Serve /metrics, /healthz and /readyz there."`

	log *logbuffer.Buffer // nil in tests
}

// relayName is the name of the command that delivers until a signal ends it.
const relayName = "relay"

// Validate checks the settings when relay is run. Kong calls it.
func (c *relayCmd) Validate() error { return cmp.Or(checkAdminAddr(c.AdminAddr), c.Secrets.check()) }

// Run implements the command: it delivers until the context ends.
func (c *relayCmd) Run(ctx context.Context) (err error) {
	setCollector(0)
	db, err := c.Database.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	logger, metrics := slog.Default(), newRegistry()
	if c.log != nil {
		metrics.MustRegister(droppedLines(c.log))
	}
	delivery := newDelivery(db, true, &c.Secrets, metrics)
	health := handlers.NewHealth(db, logger, delivery.monitor.Warnings)
	group, running := errgroup.WithContext(ctx)
	if c.AdminAddr != "" {
		surfaces := &surfaces{health: health, metrics: metrics, proxies: new(address.Proxies)}
		admin, err := openEndpoint(ctx, c.AdminAddr, surfaces.admin())
		if err != nil {
			return err
		}
		logger.Info("listening", "addr", admin.listener.Addr().String(), "database", db.Driver())
		group.Go(admin.serve)
		group.Go(func() error { return admin.drain(running, health) })
	}
	group.Go(func() error {
		if err := c.prepare(running, db); err != nil || running.Err() != nil {
			return err
		}
		logger.Info("delivering", "database", db.Driver())
		return delivery.run(running)
	})
	err = group.Wait()
	logger.Info("stopped")
	return err
}

// prepare brings the schema up to date as soon as the database answers. It makes no database.
func (c *relayCmd) prepare(ctx context.Context, db *store.Store) error {
	var last string
	for ctx.Err() == nil {
		err := db.CheckExists(ctx)
		if errors.Is(err, store.ErrNoDatabase) {
			return errors.Join(err, errors.New(c.Database.advice(err, db)))
		}
		if err == nil {
			err = c.Database.migrate(ctx, db)
		}
		if err == nil {
			return nil
		}
		if err.Error() != last { // not every second
			last = err.Error()
			slog.Error("database not usable yet, nothing is delivered", "error", err,
				"advice", c.Database.advice(err, db))
		}
		select {
		case <-ctx.Done():
		case <-time.After(migrateAgain):
		}
	}
	return nil
}
