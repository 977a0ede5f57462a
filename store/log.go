package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// NotificationLog is the notifications of a database in the order of their ids, for readers that
// continue where they stopped and must miss none. One is enough for a process.
//
// PostgreSQL draws an id before the transaction of its notification commits, so that a higher one
// may become visible first. Readers therefore stop at the safe end, an id up to which nothing can
// be added any more. An insert locks the table before it draws its id, and a commit is visible
// before its locks are released. So an id that was the last one drawn is safe when every transaction
// is over that held such a lock then. SQLite has one writer: there, all that is visible is safe.
type NotificationLog struct {
	store   *Store
	looking sync.Mutex // is held during a look: they must be added in their order
	// sequence is the name of the sequence of the ids, once it is known.
	sequence string

	mu   sync.Mutex
	life int    // counts the servers
	seen logEnd // of the present server
}

// logEnd is what is known about the end of the log on one server, since one of its starts.
type logEnd struct {
	server  string
	safe    int64
	pending int64            // is safe when no holder is left
	holders map[string]int64 // process id by virtual transaction
	since   time.Time        // when pending and its holders were found
}

// NotificationLog returns the log of the notifications.
func (s *Store) NotificationLog() *NotificationLog { return &NotificationLog{store: s} }

// ErrLogRestarted means that the server of the database was started anew, or that another took its
// place. The latter may have lost transactions, and draws their ids again for other notifications: a
// cursor that was read before may be too high.
var ErrLogRestarted = errors.New("the database server is another than before")

// LogHold is what keeps the safe end of the log from moving on.
type LogHold struct {
	// Since is when the transactions were first seen.
	Since time.Time
	// PIDs are the process ids of the server's backends that run them, in ascending order.
	PIDs []int64
}

// Hold returns what held up the safe end at the last look, or ok false if nothing did.
func (l *NotificationLog) Hold() (hold LogHold, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, pid := range l.seen.holders {
		hold.PIDs = append(hold.PIDs, pid)
	}
	slices.Sort(hold.PIDs)
	hold.Since = l.seen.since
	return hold, len(hold.PIDs) > 0
}

// LogReader reads a [NotificationLog]. It is not safe for concurrent use.
type LogReader struct {
	log     *NotificationLog
	life    int
	numbers revisions
	span    int64 // of ids that the next page is of at most
}

// maxLogSpan bounds the ids of a page where most of them were never stored.
const maxLogSpan = 1 << 20

// Reader returns a reader for the present server of the database. The cursor to begin with must be
// read from the database after that: a cursor of an earlier server may be too high.
func (l *NotificationLog) Reader(ctx context.Context) (*LogReader, error) {
	r := &LogReader{log: l}
	if l.store.driver == driverSQLite {
		return r, nil
	}
	err := l.store.onConnection(ctx, l.store.read, func(conn *sqlx.Conn) (err error) {
		r.life, _, err = l.look(ctx, conn)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	return r, nil
}

// End returns the safe end of the log: nothing will be added up to this id.
func (r *LogReader) End(ctx context.Context) (int64, error) {
	s := r.log.store
	var end int64
	err := s.onConnection(ctx, s.read, func(conn *sqlx.Conn) (err error) {
		if s.driver == driverSQLite {
			return conn.GetContext(ctx, &end, `select coalesce(max(id), 0) from notifications`)
		}
		end, err = r.safeEnd(ctx, conn, math.MaxInt64)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("read end of log: %w", err) // end may still be written to
	}
	return end, nil
}

// LogPage is a part of a log.
type LogPage struct {
	Notifications []Notification
	// Next is the cursor after this page: nothing will be added up to this id.
	Next int64
	// More is true if the next page can be read at once.
	More bool
}

// Read returns the notifications after an id, at most limit and about a megabyte. A page without
// any may still move the cursor. After an error the reader is of no use any more if it is
// [ErrLogRestarted].
func (r *LogReader) Read(ctx context.Context, after int64, limit int) (LogPage, error) {
	var read LogPage
	err := r.log.store.onConnection(ctx, r.log.store.read, func(conn *sqlx.Conn) (err error) {
		read, err = r.read(ctx, conn, after, limit)
		return err
	})
	if err != nil {
		return LogPage{}, fmt.Errorf("read log: %w", err) // read may still be written to
	}
	return read, nil
}

func (r *LogReader) read(
	ctx context.Context, conn *sqlx.Conn, after int64, limit int,
) (LogPage, error) {
	s := r.log.store
	where := conditions{}.with("n.id > ?", after)
	safe, end := after, after
	if s.driver == driverPostgres {
		var err error
		if safe, err = r.safeEnd(ctx, conn, after); err != nil || safe <= after {
			return LogPage{Next: after}, err
		}
		// Without statistics, as after many inserts, PostgreSQL sorts all that follows for each page.
		r.span = max(r.span, int64(limit))
		end = min(safe, after+r.span)
		where = where.with("n.id <= ?", end)
	}
	p, err := s.notificationPage(ctx, conn, where, limit)
	if err == nil {
		err = r.numbers.number(&p, where, s.ranking(ctx, conn))
	}
	if err == nil {
		err = r.checkServer(ctx, conn)
	}
	if p.more || s.driver == driverSQLite && p.last > 0 {
		end = p.last
	}
	if r.span /= 2; len(p.items) < limit/2 { // most ids were not stored
		r.span = min(4*r.span, maxLogSpan)
	}
	return LogPage{Notifications: p.items, Next: end, More: p.more || end < safe}, err
}

// safeEnd returns the safe end of the log, which is looked for only if the last known one is not
// past an id.
func (r *LogReader) safeEnd(ctx context.Context, conn *sqlx.Conn, past int64) (int64, error) {
	life, safe := r.log.known()
	if life == r.life && safe <= past {
		var err error
		if life, safe, err = r.log.look(ctx, conn); err != nil {
			return 0, err
		}
	}
	if life != r.life {
		return 0, ErrLogRestarted
	}
	return safe, nil
}

// checkServer fails unless the connection is one to the server that the reader is for. It must
// follow what was read on the connection.
func (r *LogReader) checkServer(ctx context.Context, conn *sqlx.Conn) error {
	if r.log.store.driver == driverSQLite {
		return nil
	}
	var server serverState
	if err := conn.GetContext(ctx, &server, `select `+serverColumns); err != nil {
		return err
	}
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	if server.Recovering || server.Start != r.log.seen.server || r.log.life != r.life {
		return ErrLogRestarted
	}
	return nil
}

func (l *NotificationLog) known() (life int, safe int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.life, l.seen.safe
}

// serverState says which server answers. Two servers do not start in the same microsecond.
type serverState struct {
	Recovering bool   `db:"recovering"`
	Start      string `db:"start"`
}

const serverColumns = `pg_is_in_recovery() as recovering, pg_postmaster_start_time()::text as start`

// look finds out how far the log is safe. The connection is used by nobody else, outside of a
// transaction, so that each statement sees what was committed before it.
func (l *NotificationLog) look(
	ctx context.Context, conn *sqlx.Conn,
) (life int, safe int64, err error) {
	l.looking.Lock()
	defer l.looking.Unlock()
	last, server, err := l.lastID(ctx, conn)
	if err != nil {
		return 0, 0, err
	}
	holders, after, err := logHolders(ctx, conn)
	switch {
	case err != nil:
		return 0, 0, err
	case server.Recovering || after.Recovering:
		return 0, 0, fmt.Errorf("%w: it is a standby", errReadOnly)
	case server != after:
		return 0, 0, ErrLogRestarted
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.addLocked(server.Start, last, holders)
	return l.life, l.seen.safe, nil
}

// addLocked combines what is known with what a look found: the last id that was drawn, and, after
// that, the transactions that may still add one.
func (l *NotificationLog) addLocked(server string, last int64, holders map[string]int64) {
	if server != l.seen.server || last < max(l.seen.safe, l.seen.pending) {
		l.life++
		l.seen = logEnd{server: server}
	}
	seen := &l.seen
	maps.DeleteFunc(seen.holders, func(transaction string, _ int64) bool {
		_, holds := holders[transaction]
		return !holds
	})
	switch {
	case len(holders) == 0:
		*seen = logEnd{server: server, safe: last, pending: last}
	case len(seen.holders) == 0:
		seen.safe = seen.pending
		seen.pending, seen.holders, seen.since = last, holders, time.Now()
	}
}

// lastID returns the last id that was drawn, by whatever transaction.
func (l *NotificationLog) lastID(
	ctx context.Context, conn *sqlx.Conn,
) (id int64, server serverState, err error) {
	if l.sequence == "" {
		err = conn.GetContext(ctx, &l.sequence, `select pg_get_serial_sequence('notifications', 'id')`)
		if err != nil {
			return 0, server, err
		}
	}
	var drawn struct {
		Last   int64 `db:"last_value"`
		Called bool  `db:"is_called"`
		serverState
	}
	err = conn.GetContext(ctx, &drawn, `select last_value, is_called, `+serverColumns+` from `+l.sequence)
	if e, ok := errors.AsType[*pq.Error](err); ok && e.Code == pqerror.InsufficientPrivilege {
		err = &advisedError{err, "as the role that owns the tables, run: grant select on sequence " +
			l.sequence + " to " + pq.QuoteIdentifier(l.store.role)}
	}
	if !drawn.Called {
		drawn.Last--
	}
	return drawn.Last, drawn.serverState, err
}

// logHolders returns the transactions that may have drawn an id and not committed it yet, with the
// process ids of their backends. A transaction that is prepared has none.
func logHolders(
	ctx context.Context, conn *sqlx.Conn,
) (holders map[string]int64, server serverState, err error) {
	var found struct {
		Transactions pq.StringArray `db:"transactions"`
		PIDs         pq.Int64Array  `db:"pids"`
		serverState
	}
	err = conn.GetContext(ctx, &found, `
		select array_agg(virtualtransaction) as transactions, array_agg(coalesce(pid, 0)::bigint) as pids,
			`+serverColumns+`
		from pg_locks
		where locktype = 'relation' and relation = 'notifications'::regclass
			and mode = 'RowExclusiveLock' and granted
			and database = (select oid from pg_database where datname = current_database())`)
	holders = make(map[string]int64, len(found.PIDs))
	for i, transaction := range found.Transactions {
		holders[transaction] = found.PIDs[i]
	}
	return holders, found.serverState, err
}
