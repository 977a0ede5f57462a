package store

import (
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/jmoiron/sqlx"
	"modernc.org/sqlite"
)

// maxSQLiteReaders is how many queries may read at once. They do not wait for the writer, nor does
// it wait for them.
const maxSQLiteReaders = 4

// sqlitePath returns the absolute path of the file in a DATABASE_URL that begins with sqlite:. Ok
// is false if it begins otherwise.
func sqlitePath(databaseURL string) (path string, ok bool, err error) {
	path, ok = strings.CutPrefix(databaseURL, "sqlite:")
	switch {
	case !ok:
		return "", false, nil
	case path == "", strings.HasPrefix(path, ":memory:"), strings.HasPrefix(path, "file:"):
		return "", true, errors.New(
			"DATABASE_URL must contain the path of a file, as in sqlite:ackbox.db")
	case strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///"):
		return "", true, errors.New("DATABASE_URL must not have // after sqlite: write " +
			"sqlite:ackbox.db for a file in the working folder, or sqlite:/var/lib/ackbox.db for another")
	}
	path, err = filepath.Abs(path)
	return path, true, err
}

// openSQLite returns a store with two pools for one file. SQLite has one writer at a time anyway.
// With a single connection for it, writers queue in Go, where a context ends the wait, and only
// other processes are waited for by busy_timeout.
func openSQLite(path string, o options) (*Store, error) {
	// fullfsync is for macOS, whose fsync does not reach the disk.
	pragmas := []string{"busy_timeout(5000)", "synchronous(full)", "fullfsync(1)", "foreign_keys(1)"}
	holder, err := sqliteURI(path, url.Values{"mode": {"rw"}, "_pragma": pragmas})
	if err != nil {
		return nil, err
	}
	files := &sqliteFiles{path: path, holder: holder}
	write, err := sqlitePool(files, url.Values{
		"mode":    {"rw"}, // only Migrate creates the file
		"_txlock": {"immediate"}, "_pragma": pragmas,
	})
	if err != nil {
		return nil, err
	}
	read, err := sqlitePool(files, url.Values{
		"mode": {"rw"}, "_pragma": {"busy_timeout(5000)", "query_only(1)"},
	})
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	read.SetMaxOpenConns(maxSQLiteReaders)
	read.SetMaxIdleConns(maxSQLiteReaders)
	s := &Store{
		driver: driverSQLite, process: rand.Text(), log: o.log,
		files: files, path: path, write: write, read: read,
	}
	s.queue = newQueue(1, o, s.commitGuarded)
	return s, nil
}

// sqlitePool returns a pool that has opened no connection yet.
func sqlitePool(files *sqliteFiles, parameters url.Values) (*sqlx.DB, error) {
	connector, err := sqliteURI(files.path, parameters)
	if err != nil {
		return nil, err
	}
	// sqlx knows by this name that placeholders are question marks.
	return sqlx.NewDb(sql.OpenDB(sqliteConnector{connector, files}), "sqlite3"), nil
}

// sqliteURI returns the connector of a file. It escapes the path: in the URI that SQLite reads, ?, #
// and % have a meaning.
func sqliteURI(path string, parameters url.Values) (driver.Connector, error) {
	uri := url.URL{Path: filepath.ToSlash(path)}
	if !strings.HasPrefix(uri.Path, "/") {
		uri.Path = "/" + uri.Path // such as C:/ackbox.db
	}
	connector, err := sqlite.NewConnector("file://" + uri.EscapedPath() + "?" + parameters.Encode())
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return connector, nil
}
