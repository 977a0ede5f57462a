package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	_ "github.com/lib/pq"  // the driver "postgres"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"ackbox/soap/sobject/lead"
)

// maxConnections is the size of the pool on PostgreSQL that is commonly recommended for a small
// server.
const maxConnections = 25

// database is an open database with the schema of ackbox.
type database struct {
	pool   *sql.DB
	source int64 // the id of the one source
}

// open opens the database at a DATABASE_URL of ackbox.
func open(ctx context.Context, databaseURL string) (*database, error) {
	pool, err := connect(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	d := &database{pool: pool}
	if err := pool.QueryRowContext(ctx, "select min(id) from sources").Scan(&d.source); err != nil {
		return nil, errors.Join(fmt.Errorf("find source: %w", err), pool.Close())
	}
	return d, nil
}

func (d *database) close() error { return d.pool.Close() }

// connect opens the pool. SQLite gets the recommended settings: the write-ahead log, a sync at
// every commit, and one connection, because it has one writer and several would wait for each other
// by polling.
func connect(databaseURL string) (*sql.DB, error) {
	if path, ok := strings.CutPrefix(databaseURL, "sqlite:"); ok {
		options := url.Values{
			"_txlock": {"immediate"},
			"_pragma": {"journal_mode(wal)", "synchronous(full)", "busy_timeout(5000)", "foreign_keys(1)"},
		}
		pool, err := sql.Open("sqlite", "file:"+path+"?"+options.Encode())
		if err == nil {
			pool.SetMaxOpenConns(1)
		}
		return pool, err
	}
	pool, err := sql.Open("postgres", databaseURL)
	if err == nil {
		pool.SetMaxOpenConns(maxConnections)
		pool.SetMaxIdleConns(maxConnections)
	}
	return pool, err
}

// insert stores one notification, unless it is stored already.
const insert = `
	insert into notifications (source_id, organization, organization_suffix, action_id,
		notification_id, digest, object_type, record_id, fields, received_at)
	values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
	on conflict (source_id, organization, notification_id, digest) do nothing`

// save stores the notifications of a message in one transaction.
func (d *database) save(ctx context.Context, message *lead.Notifications) error {
	tx, err := d.pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	statement, err := tx.PrepareContext(ctx, insert)
	if err != nil {
		return fmt.Errorf("prepare insert: %w", err)
	}
	defer statement.Close()
	received := time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	for _, n := range message.Notification {
		args, err := d.arguments(message, n)
		if err != nil {
			return err
		}
		if _, err := statement.ExecContext(ctx, append(args, received)...); err != nil {
			return fmt.Errorf("insert notification: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// arguments returns the arguments of insert except the last.
func (d *database) arguments(message *lead.Notifications, n *lead.LeadNotification) ([]any, error) {
	if n.Id == nil || n.SObject == nil {
		return nil, errors.New("the notification has no id or no record")
	}
	fields, err := json.Marshal(n.SObject)
	if err != nil {
		return nil, fmt.Errorf("write record: %w", err)
	}
	organization, suffix := string(*message.OrganizationId), ""
	if len(organization) == 18 {
		organization, suffix = organization[:15], organization[15:]
	}
	digest := sha256.Sum256(fields)
	return []any{
		d.source, organization, suffix, string(*message.ActionId), string(*n.Id), digest[:16],
		n.SObject.ObjectType(), (*string)(n.SObject.Id), string(fields),
	}, nil
}
