package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// errFileMoved means that a file of the database was removed, renamed or replaced while it is in
// use: what is written to it cannot be found again.
var errFileMoved = errors.New("was removed, renamed or replaced while ackbox uses it; " +
	"put it back, or restart ackbox")

// sqliteFiles knows which files the connections to a SQLite database have open. It holds a
// connection of its own from the first use to the end: SQLite itself deletes the write-ahead log and
// its index when the last connection closes them, so that until then they stay the same files.
type sqliteFiles struct {
	path    string // of the database
	holder  driver.Connector
	opened  atomic.Pointer[[]openedFile] // nil while no connection is held
	mu      sync.Mutex
	holding driver.Conn
	closed  bool
}

type openedFile struct {
	path string
	info os.FileInfo
}

// check returns [errFileMoved] if a path of the database leads to another file than the one that is
// open, or to none.
func (f *sqliteFiles) check() error {
	opened := f.opened.Load()
	if opened == nil {
		return nil
	}
	for _, file := range *opened {
		info, err := os.Stat(file.path)
		if err != nil || !os.SameFile(info, file.info) {
			return fmt.Errorf("%s %w", file.path, errFileMoved)
		}
	}
	return nil
}

// hold opens the connection that is held, unless it is open or there is no database with a
// write-ahead log yet.
func (f *sqliteFiles) hold(ctx context.Context) error {
	if f.opened.Load() != nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.opened.Load() != nil {
		return nil
	}
	before, err := os.Stat(f.path)
	if err != nil {
		return nil // there is none yet
	}
	conn, err := f.holder.Connect(ctx)
	if err != nil {
		return err
	}
	opened, err := openedFiles(ctx, conn, f.path)
	if err != nil || len(opened) == 0 {
		return errors.Join(err, conn.Close())
	}
	if !os.SameFile(before, opened[0].info) {
		return errors.Join(fmt.Errorf("%s %w", f.path, errFileMoved), conn.Close())
	}
	f.holding = conn
	f.opened.Store(&opened)
	return nil
}

// openedFiles makes a connection open all files of the database and returns them: the database
// first, its write-ahead log and the log's index. It returns none if there is no such log.
func openedFiles(ctx context.Context, conn driver.Conn, path string) ([]openedFile, error) {
	mode, err := journalMode(ctx, conn)
	if err != nil || mode != "wal" {
		return nil, err
	}
	target, err := filepath.EvalSymlinks(path) // the others are beside the file itself
	if err != nil {
		return nil, err
	}
	opened := []openedFile{{path: path}, {path: target + "-wal"}, {path: target + "-shm"}}
	for i := range opened {
		if opened[i].info, err = os.Stat(opened[i].path); err != nil {
			return nil, err
		}
	}
	return opened, nil
}

// journalMode returns the journal mode of the database. To find it, SQLite opens the write-ahead log
// if there is one.
func journalMode(ctx context.Context, conn driver.Conn) (mode string, err error) {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, "pragma journal_mode", nil)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	row := make([]driver.Value, 1)
	for {
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return mode, nil
		case err != nil:
			return "", err
		}
		mode, _ = row[0].(string)
	}
}

// close closes the connection that is held. It must be the last to close, so that it moves the
// write-ahead log into the database.
func (f *sqliteFiles) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.holding == nil {
		return nil
	}
	err := f.holding.Close()
	f.holding = nil
	return err
}

// sqliteConnector opens the connections of a pool. It opens none to another file than those that are
// open already.
type sqliteConnector struct {
	driver.Connector
	files *sqliteFiles
}

// Connect implements [driver.Connector].
func (c sqliteConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := errors.Join(c.files.hold(ctx), c.files.check()); err != nil {
		return nil, err
	}
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.files.check(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return newSQLiteConn(conn), nil
}
