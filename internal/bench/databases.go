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

// databases makes the databases of the runs. One with stored notifications takes long to fill: all its runs share it.
type databases struct {
	folder  string
	cluster *storetest.Cluster // nil without PostgreSQL
	admin   *sql.DB
	server  int // the process id of PostgreSQL's first process
	made    int
	seeded  map[load]*database // by database and stored
	say     func(format string, args ...any)
}

// database is one of them. release drops it, unless it is shared.
type database struct {
	url     string
	release func(ctx context.Context) error
}

// startPostgres starts a server with PostgreSQL's own defaults, unlike the one of the tests, which does not sync.
func (d *databases) startPostgres(ctx context.Context) (err error) {
	settings := map[string]string{"fsync": "on", "shared_buffers": "128MB", "max_connections": "100"}
	if d.cluster, err = storetest.StartCluster(ctx, storetest.Options{Settings: settings}); err != nil {
		return fmt.Errorf("start PostgreSQL, or leave it out with --databases sqlite: %w", err)
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

// cpuTime is what PostgreSQL has used so far. SQLite works in the listener.
func (d *databases) cpuTime(ctx context.Context) (time.Duration, error) {
	if d.cluster == nil {
		return 0, ctx.Err()
	}
	return treeCPUTime(d.server)
}

// create makes an empty database.
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
	files, err := filepath.Glob(path + "*") // the write-ahead log and locks too
	for _, file := range files {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// get gives the database for a run: a new one, or the shared one of as many stored notifications.
func (h *harness) get(ctx context.Context, l load) (*database, error) {
	key := load{database: l.database, stored: l.stored}
	if db := h.databases.seeded[key]; db != nil {
		return db, nil
	}
	db, err := h.databases.create(ctx, l.database)
	if err != nil || l.stored == 0 {
		return db, err
	}
	if _, err := h.addSource(ctx, db); err != nil { // makes the schema
		return nil, err
	}
	if err := h.databases.seed(ctx, db, l); err != nil {
		return nil, fmt.Errorf("store notifications: %w", err)
	}
	db.release = func(context.Context) error { return nil } // it goes with the folder or the server
	h.databases.seeded[key] = db
	return db, nil
}

// prepare gives the database for a run and the path of a source in it.
func (h *harness) prepare(ctx context.Context, l load) (db *database, path string, err error) {
	if db, err = h.get(ctx, l); err != nil {
		return nil, "", err
	}
	if path, err = h.addSource(ctx, db); err != nil {
		return nil, "", errors.Join(err, db.release(context.WithoutCancel(ctx)))
	}
	if l.database == storetest.Postgres { // what other runs have written is not to be paid by this one
		_, err = h.databases.admin.ExecContext(ctx, "checkpoint")
	}
	return db, path, err
}

// addSource makes a source with the command line, and the schema when there is none, and gives the source's path.
func (h *harness) addSource(ctx context.Context, db *database) (path string, err error) {
	h.runs++
	cmd := exec.CommandContext(ctx, h.binary("ackbox"), "source", "add", "bench-"+strconv.Itoa(h.runs), "--json")
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
