package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// goose's tables are named after this application: with the default names, two applications that
// use goose in one database would take each other's migrations for their own.
const (
	versionTable = "ackbox_schema_version"
	lockTable    = "ackbox_schema_lock"
	// sharedVersionTable is goose's default name, which ackbox used for its first two migrations.
	sharedVersionTable = goose.DefaultTablename
)

// firstTables are the tables of the first migration.
var firstTables = []string{
	"sources", "source_organizations", "source_tokens", "notifications", "refusals",
}

// adopt creates the version table of a database that was migrated when ackbox still used goose's
// default one. The existing tables show what was migrated, as the numbers in the shared version
// table may be another application's. The old tables stay as they are: an older binary, as after a
// rollback, and another application continue to use them.
func (s *Store) adopt(ctx context.Context, dialect goose.Dialect) (err error) {
	version, err := s.unversioned(ctx)
	if err != nil || version == 0 {
		return err
	}
	if s.driver == driverSQLite { // the caller holds the lock
		return s.copyVersions(ctx, dialect, version)
	}
	unlock, err := s.lockOutOldVersions(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if version, err = s.unversioned(ctx); err != nil || version == 0 { // another process was faster
		return err
	}
	return s.copyVersions(ctx, dialect, version)
}

// lockOutOldVersions takes the lock under which older binaries migrate, as one may be migrating
// now.
func (s *Store) lockOutOldVersions(ctx context.Context) (unlock func() error, err error) {
	locker, err := s.newMigrationLock(lock.DefaultLockTableName)
	if err != nil {
		return nil, err
	}
	if err := locker.Lock(ctx, s.write.DB); err != nil {
		return nil, fmt.Errorf("wait for the migration lock of older versions: %w", err)
	}
	return func() error { return locker.Unlock(context.WithoutCancel(ctx), s.write.DB) }, nil
}

// unversioned returns the number of the newest migration according to the existing tables, if the
// database has no version table yet; otherwise 0. Tables with the same names that ackbox did not
// create are an error.
func (s *Store) unversioned(ctx context.Context) (int64, error) {
	tables, err := s.tables(ctx, s.write, append(firstTables, versionTable, "refusal_counts")...)
	if err != nil || slices.Contains(tables, versionTable) {
		return 0, err
	}
	first := slices.DeleteFunc(slices.Clone(tables), func(table string) bool {
		return table == "refusal_counts"
	})
	if len(first) == 0 {
		return 0, nil
	}
	ours, err := s.hasDigest(ctx)
	if err != nil {
		return 0, err
	}
	if !ours || len(first) < len(firstTables) {
		return 0, foreignTablesError(first)
	}
	return 1 + int64(len(tables)-len(first)), nil
}

// copyVersions creates the version table with the versions up to the given one, as they are in the
// shared table.
func (s *Store) copyVersions(ctx context.Context, dialect goose.Dialect, version int64) error {
	versions, err := database.NewStore(dialect, versionTable)
	if err != nil {
		return err
	}
	shared, err := s.tables(ctx, s.write, sharedVersionTable)
	if err != nil {
		return err
	}
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := versions.CreateVersionTable(ctx, tx); err != nil {
			return err
		}
		if len(shared) > 0 {
			_, err := tx.ExecContext(ctx, tx.Rebind(`
				insert into `+versionTable+` (version_id, is_applied, tstamp)
				select version_id, is_applied, min(tstamp) from `+sharedVersionTable+`
				where is_applied and version_id between 0 and ?
				group by version_id, is_applied order by version_id`), version)
			if err != nil {
				return err
			}
		}
		return insertMissingVersions(ctx, tx, versions, version)
	})
}

// insertMissingVersions adds the versions, from goose's 0 on, that the shared table did not have.
func insertMissingVersions(
	ctx context.Context, tx *sqlx.Tx, versions database.Store, version int64,
) error {
	for v := range version + 1 {
		_, err := versions.GetMigration(ctx, tx, v)
		if errors.Is(err, database.ErrVersionNotFound) {
			err = versions.Insert(ctx, tx, database.InsertRequest{Version: v})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tables returns which of the names are tables, sorted, as of one moment.
func (s *Store) tables(
	ctx context.Context, db *sqlx.DB, names ...string,
) (found []string, err error) {
	query := `select name from sqlite_master where type = 'table' and name in (?) order by name`
	if s.driver == driverPostgres { // each database has its own catalog
		query = `select relname from pg_class
			where relkind in ('r', 'p') and pg_table_is_visible(oid) and relname in (?) order by relname`
	}
	query, args, err := sqlx.In(query, names)
	if err != nil {
		return nil, err
	}
	err = db.SelectContext(ctx, &found, db.Rebind(query), args...)
	return found, err
}

// hasDigest reports whether the table notifications has the column by which ackbox recognizes its
// own table.
func (s *Store) hasDigest(ctx context.Context) (exists bool, err error) {
	query := `select exists (select 1 from pragma_table_info('notifications') where name = 'digest')`
	if s.driver == driverPostgres {
		query = `select exists (
			select 1 from pg_attribute where attrelid = to_regclass('notifications') and attname = 'digest')`
	}
	err = s.write.GetContext(ctx, &exists, query)
	return exists, err
}

// foreignTablesError returns the error for a database in which something else created tables with
// ackbox's names.
func foreignTablesError(tables []string) error {
	quoted := make([]string, len(tables))
	for i, table := range tables {
		quoted[i] = strconv.Quote(table)
	}
	return fmt.Errorf("the database has tables that ackbox did not create: %s; "+
		"use a separate database for ackbox", strings.Join(quoted, ", "))
}
