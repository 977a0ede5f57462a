package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/jmoiron/sqlx"
)

// statement is an insert with its arguments, which share no memory with the rows.
type statement struct {
	text string
	args []any
}

// durable sets the transaction's synchronous_commit to on where a role, a database or a URL has set
// it lower: only then is the commit on disk when it returns. As part of the insert it costs no
// round trip.
const durable = `
	(select set_config('synchronous_commit', case current_setting('synchronous_commit')
		when 'remote_apply' then 'remote_apply' else 'on' end, true)) is not null`

// The parts of the statement around the rows, for both databases. Identity and digest are the only
// conflict that it names: anything else that goes wrong is an error. In the subselect,
// notifications.id and so on are those of the inserted row.
const (
	insertInto = `
		insert into notifications (source_id, organization, organization_suffix, action_id,
			notification_id, digest, object_type, record_id, fields, received_at, intake, operation,
			covers, changed_at, header)`
	insertReturning = `
		on conflict (source_id, organization, notification_id, digest) do nothing
		returning id, source_id, organization, notification_id, digest, exists (
			select 1 from notifications p
			where p.source_id = notifications.source_id and p.organization = notifications.organization
				and p.notification_id = notifications.notification_id and p.id < notifications.id)`
)

// statements returns the statements that insert the rows in their order.
func (s *Store) statements(rows []sortedRow) []statement {
	if s.driver == driverPostgres {
		return insertPostgres(rows)
	}
	return insertSQLite(rows)
}

// arguments appends the row's columns, in the order in which the statements name them.
func (r *row) arguments(args []any) []any {
	return append(args, r.sourceID, r.organization, r.organizationSuffix, r.actionID,
		r.notificationID, r.digest[:], r.objectType, r.recordID, textOrNull(r.fields),
		timestamp{r.receivedAt}, int64(r.intake), r.operation, int64(r.covers),
		timestampOrNull(r.changedAt), textOrNull(r.header))
}

// textOrNull returns the argument for a column of JSON, nil or a string: SQLite does not treat
// bytes as text. On PostgreSQL it serves a single row.
func textOrNull(text []byte) any {
	if text == nil {
		return nil
	}
	return string(text)
}

// run saves rows with their statements, and join unless it is nil, in one transaction and returns
// the inserted ones. Inserting nothing waits for no standby, so it then waits by itself.
func (s *Store) run(ctx context.Context, inserts []statement, join Join) ([]freshRow, error) {
	fresh, err := s.runOnce(ctx, inserts, join)
	if err == nil && len(fresh) == 0 {
		err = s.awaitStandby(ctx)
	}
	return fresh, err
}

// runOnce executes the statements, and join unless it is nil, in one transaction and returns the
// inserted rows. PostgreSQL runs a single statement in a transaction of its own, which saves the
// round trips of begin and commit: it is committed once the last of its rows was read.
func (s *Store) runOnce(ctx context.Context, inserts []statement, join Join) ([]freshRow, error) {
	if len(inserts) == 1 && join == nil && s.driver == driverPostgres {
		fresh, err := s.runAlone(ctx, inserts[0])
		if !errors.Is(err, driver.ErrBadConn) && !isReadOnly(err) {
			return fresh, err
		}
		// The connection dates from before a restart of the server or a failover. A transaction gets
		// one that works, and inserting again is always safe.
		return s.runInTx(ctx, inserts, join)
	}
	fresh, err := s.runInTx(ctx, inserts, join)
	if isReadOnly(err) {
		return s.runInTx(ctx, inserts, join)
	}
	return fresh, err
}

// runInTx executes the statements and join in a transaction that it begins and commits.
func (s *Store) runInTx(ctx context.Context, inserts []statement, join Join) ([]freshRow, error) {
	var fresh []freshRow
	err := s.inTx(ctx, func(tx *sqlx.Tx) (err error) {
		fresh, err = insertAll(ctx, tx, inserts)
		if err == nil && join != nil {
			err = join(ctx, tx)
		}
		return err
	})
	if err != nil {
		return nil, err // fresh may still be written to
	}
	return fresh, nil
}

// runAlone executes one statement without begin and commit.
func (s *Store) runAlone(ctx context.Context, insert statement) ([]freshRow, error) {
	var fresh []freshRow
	err := s.onConnection(ctx, s.write, func(conn *sqlx.Conn) (err error) {
		fresh, err = insertSome(ctx, conn, insert, nil)
		return err
	})
	if err != nil {
		return nil, err // fresh may still be written to
	}
	return fresh, nil
}

func insertAll(
	ctx context.Context, tx *sqlx.Tx, inserts []statement,
) (fresh []freshRow, err error) {
	for _, insert := range inserts {
		if fresh, err = insertSome(ctx, tx, insert, fresh); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

// querier is a pool of connections, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func insertSome(
	ctx context.Context, db querier, insert statement, fresh []freshRow,
) ([]freshRow, error) {
	rows, err := db.QueryContext(ctx, insert.text, insert.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r freshRow
		var digest sql.RawBytes
		err := rows.Scan(&r.id, &r.sourceID, &r.organization, &r.notificationID, &digest, &r.known)
		if err != nil {
			return nil, err
		}
		copy(r.digest[:], digest)
		fresh = append(fresh, r)
	}
	return fresh, rows.Err()
}
