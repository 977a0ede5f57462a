package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	_ "github.com/lib/pq"  // the driver "postgres"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"ackbox/store/storetest"
)

// databases creates the databases of the runs. One with stored notifications takes long to fill, so
// all its runs share it.
type databases struct {
	folder  string
	cluster *storetest.Cluster // nil without PostgreSQL
	admin   *sql.DB
	server  int // the process id of the postmaster
	made    int
	seeded  map[load]*database // by the fields database and stored
	logf    func(format string, args ...any)
}

// database is a database of a run. release drops it, unless it is shared.
type database struct {
	url     string
	release func(ctx context.Context) error
}

// startPostgres starts a server with the default settings of PostgreSQL. That of the tests does not
// sync.
func (d *databases) startPostgres(ctx context.Context, syncs *syncDelay) (err error) {
	d.cluster, err = storetest.StartCluster(ctx, storetest.Options{
		Settings: map[string]string{
			"fsync": "on", "shared_buffers": "128MB", "max_connections": "100",
		},
		Start: func(cmd *exec.Cmd) error { return syncs.onThisThread(cmd.Start) },
	})
	if err != nil {
		return fmt.Errorf("start PostgreSQL (--databases sqlite omits it): %w", err)
	}
	if d.admin, err = sql.Open("postgres", d.cluster.URL("postgres")); err != nil {
		return err
	}
	d.admin.SetMaxOpenConns(1)
	var own int
	if err := d.admin.QueryRowContext(ctx, "select pg_backend_pid()").Scan(&own); err != nil {
		return err
	}
	backend, err := readProcess(own)
	d.server = backend.parent
	return err
}

func (d *databases) close() (err error) {
	if d.admin != nil {
		err = d.admin.Close()
	}
	if d.cluster != nil {
		err = errors.Join(err, d.cluster.Close())
	}
	return err
}

// cpuTime returns the CPU time that PostgreSQL has used so far. SQLite runs in the listener.
func (d *databases) cpuTime(ctx context.Context) (time.Duration, error) {
	if d.cluster == nil {
		return 0, ctx.Err()
	}
	return treeCPUTime(d.server)
}

// create creates an empty database.
func (d *databases) create(ctx context.Context, kind string) (*database, error) {
	d.made++
	name := "bench_" + strconv.Itoa(d.made)
	if kind == storetest.SQLite {
		path := filepath.Join(d.folder, name+".db")
		return &database{"sqlite:" + path, func(context.Context) error { return removeSQLite(path) }}, nil
	}
	if _, err := d.admin.ExecContext(ctx, "create database "+name+" template template0"); err != nil {
		return nil, fmt.Errorf("create database: %w", err)
	}
	return &database{d.cluster.URL(name), func(ctx context.Context) error {
		_, err := d.admin.ExecContext(ctx, "drop database "+name+" with (force)")
		return err
	}}, nil
}

func removeSQLite(path string) error {
	files, err := filepath.Glob(path + "*") // the write-ahead log and locks as well
	for _, file := range files {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// get returns the database for a run: a new one, or the shared one with as many stored
// notifications.
func (h *harness) get(ctx context.Context, l load) (*database, error) {
	key := load{database: l.database, stored: l.stored}
	if db := h.databases.seeded[key]; db != nil {
		return db, nil
	}
	db, err := h.databases.create(ctx, l.database)
	if err != nil || l.stored == 0 {
		return db, err
	}
	if _, err := h.addSource(ctx, db); err != nil { // creates the schema
		return nil, err
	}
	if err := h.databases.seed(ctx, db, l); err != nil {
		return nil, fmt.Errorf("store notifications: %w", err)
	}
	// It is removed with the folder or the server.
	db.release = func(context.Context) error { return nil }
	h.databases.seeded[key] = db
	return db, nil
}

// prepare returns the database for a run and the path of a source in it.
func (h *harness) prepare(ctx context.Context, l load) (db *database, path string, err error) {
	if db, err = h.get(ctx, l); err != nil {
		return nil, "", err
	}
	if path, err = h.addSource(ctx, db); err != nil {
		return nil, "", errors.Join(err, db.release(context.WithoutCancel(ctx)))
	}
	if l.database == storetest.Postgres { // or this run pays for the writes of others
		_, err = h.databases.admin.ExecContext(ctx, "checkpoint")
	}
	return db, path, err
}

// addSource adds a source with the command line, which also creates the schema if there is none. It
// returns the path of the source.
func (h *harness) addSource(ctx context.Context, db *database) (path string, err error) {
	h.runs++
	cmd := exec.CommandContext(ctx, h.binary("ackbox"),
		"source", "add", "bench-"+strconv.Itoa(h.runs), "--json")
	cmd.Env = append(os.Environ(), "DATABASE_URL="+db.url)
	output, err := cmd.Output()
	if failure, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("add source: %w: %s", err, failure.Stderr)
	}
	if err != nil {
		return "", err
	}
	var source struct{ Path string }
	if err := json.Unmarshal(output, &source); err != nil {
		return "", fmt.Errorf("add source: %w", err)
	}
	return source.Path, nil
}
