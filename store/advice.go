package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// advisedError is an error of a database with what to do about it.
type advisedError struct {
	err    error
	advice string
}

func (e *advisedError) Error() string { return e.err.Error() + "; " + e.advice }

func (e *advisedError) Unwrap() error { return e.err }

// migrationError is the error of a migration.
type migrationError struct{ error }

func (e migrationError) Unwrap() error { return e.error }

// IsAdvised reports whether the text of an error says what to do about it.
func IsAdvised(err error) bool {
	_, ok := errors.AsType[*advisedError](err)
	return ok
}

// withAdvice adds what to do about an error, if that is known.
func (s *Store) withAdvice(err error) error {
	if IsAdvised(err) {
		return err
	}
	if advice := s.advice(err); advice != "" {
		return &advisedError{err, advice}
	}
	return err
}

func (s *Store) advice(err error) string {
	_, migrating := errors.AsType[migrationError](err)
	switch {
	case !migrating && isSchemaMissing(err):
		return `the database lacks the tables of this version: run "ackbox migrate", or omit --no-migrate`
	case errors.Is(err, pq.ErrSSLNotSupported):
		return "add sslmode=disable to DATABASE_URL if nobody can listen on the network in between"
	case s.driver == driverSQLite && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)):
		return s.cannotOpenAdvice()
	}
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return s.postgresAdvice(e, migrating)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return s.sqliteAdvice(e.Code() & 0xff)
	}
	return ""
}

func (s *Store) postgresAdvice(err *pq.Error, migrating bool) string {
	role := pq.QuoteIdentifier(s.role)
	switch {
	case err.Code.Class() == pqerror.ClassInvalidAuthorizationSpecification:
		return "check the user, the password and sslmode in DATABASE_URL"
	case err.Code == pqerror.InvalidCatalogName:
		return "create it: " + createDatabase(pq.QuoteIdentifier(s.database))
	case migrating && (err.Code == pqerror.InsufficientPrivilege || err.Code == pqerror.InvalidSchemaName):
		return "as the owner of the database, run: grant usage, create on schema public to " + role +
			"; if there are tables of ackbox already, migrate as the role that owns them"
	case err.Code == pqerror.InsufficientPrivilege && err.Routine != checksRow:
		return "as the role that owns the tables, run: " +
			"grant select, insert, update, delete on all tables in schema public to " + role
	}
	return ""
}

// createDatabase returns the statement that creates a database of a name.
func createDatabase(name string) string {
	return "create database " + name + " encoding 'UTF8' template template0"
}

func (s *Store) sqliteAdvice(code int) string {
	switch code {
	case sqlite3.SQLITE_CANTOPEN:
		return s.cannotOpenAdvice()
	case sqlite3.SQLITE_NOTADB:
		return s.path + " is not a SQLite database: correct DATABASE_URL"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return "let this user write to " + s.path + " and to its folder"
	}
	return ""
}

// cannotOpenAdvice returns what to do about a SQLite file that cannot be opened.
func (s *Store) cannotOpenAdvice() string {
	folder := filepath.Dir(s.path)
	info, err := os.Stat(s.path)
	_, folderErr := os.Stat(folder)
	switch {
	case errors.Is(folderErr, os.ErrNotExist):
		return fmt.Sprintf("the folder %s does not exist: create it, or correct DATABASE_URL", folder)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Sprintf(`there is no database at %s: run "ackbox migrate" as a user who may write to its `+
			"folder, or correct DATABASE_URL", s.path)
	case err == nil && info.IsDir():
		return s.path + " is a folder: DATABASE_URL must name a file"
	}
	return "let this user read and write " + s.path
}

// errEncoding means that a PostgreSQL database does not store every text.
var errEncoding = errors.New("the encoding of the database is not UTF8")

// encodingError returns the error for a database of an encoding, or nil for UTF8.
func encodingError(encoding string) error {
	if encoding == "UTF8" {
		return nil
	}
	return fmt.Errorf("%w but %s, which cannot store every text; create another database: %s",
		errEncoding, encoding, createDatabase("NAME"))
}

// errOutdated means that the schema is older than this binary's.
var errOutdated = errors.New(`the schema of the database is older than this version: run "ackbox migrate"`)

// problem returns in public words why messages cannot be saved. It names nothing.
func problem(err error) string {
	for _, known := range []struct {
		target error
		words  string
	}{
		{errFileMoved, "a file of the database was removed or replaced"},
		{errEncoding, errEncoding.Error()},
		{errReadOnly, "the database is read-only"},
		{errNotReplicated, "the database does not wait for its standby"},
		{errPanic, "a save was interrupted by a panic"},
	} {
		if errors.Is(err, known.target) {
			return known.words
		}
	}
	words := ""
	if e, ok := errors.AsType[*pq.Error](err); ok {
		words = postgresProblem(e)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		words = sqliteProblems[e.Code()&0xff]
	}
	switch {
	case words != "":
		return words
	case isSchemaMissing(err):
		return "the database lacks tables"
	case errors.Is(err, context.DeadlineExceeded):
		return "the database does not answer in time"
	case errors.Is(err, ErrUnavailable):
		return "the database cannot be reached"
	}
	return "the database refuses to store messages"
}

// postgresProblem returns the words for an error of PostgreSQL, or "".
func postgresProblem(err *pq.Error) string {
	switch err.Code {
	case pqerror.DiskFull:
		return "the disk of the database is full"
	case pqerror.TooManyConnections:
		return "the database has no connection left"
	case pqerror.ReadOnlySQLTransaction:
		return "the database is read-only"
	case pqerror.InsufficientPrivilege:
		return "the database denies access"
	case pqerror.InvalidCatalogName:
		return "the database does not exist"
	case pqerror.LockNotAvailable:
		return "the database is locked"
	case pqerror.QueryCanceled:
		return "the database does not answer in time"
	}
	switch err.Code.Class() {
	case pqerror.ClassInvalidAuthorizationSpecification:
		return "the database denies access"
	case pqerror.ClassOperatorIntervention:
		return "the database starts or stops"
	case pqerror.ClassInsufficientResources:
		return "the database has not enough resources"
	case pqerror.ClassSystemError, pqerror.ClassInternalError, pqerror.ClassConfigFileError:
		return "the database or its disk is damaged"
	}
	return ""
}

// sqliteProblems are the words for the primary result codes of SQLite.
var sqliteProblems = map[int]string{
	sqlite3.SQLITE_FULL:     "the disk of the database is full",
	sqlite3.SQLITE_READONLY: "the database is read-only",
	sqlite3.SQLITE_PERM:     "the database denies access",
	sqlite3.SQLITE_CANTOPEN: "the file of the database cannot be opened",
	sqlite3.SQLITE_BUSY:     "the database is locked",
	sqlite3.SQLITE_LOCKED:   "the database is locked",
	sqlite3.SQLITE_IOERR:    "the database or its disk is damaged",
	sqlite3.SQLITE_CORRUPT:  "the database or its disk is damaged",
	sqlite3.SQLITE_NOTADB:   "the database or its disk is damaged",
}
