package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"ackbox/store"
	"ackbox/store/storetest"
)

// onlyConnection limits a store to one connection and returns it.
func onlyConnection(t *testing.T, db *store.Store) store.Connection {
	t.Helper()
	conn, err := db.OnlyConnection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// requireNew saves a batch and checks that all of it is new.
func requireNew(t *testing.T, db *store.Store, source store.Source, from, size int) {
	t.Helper()
	saved := save(t, db, source, benchmarkBatch(from, size), now)
	if want := (store.Saved{Stored: size}); saved != want {
		t.Errorf("batch of %d from %d: got %+v, want %+v", size, from, saved, want)
	}
}

func TestOnlyDirectConnectionsPrepareInserts(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{})
	direct := cluster.URL("postgres")
	raw := openRaw(t, &storetest.Database{URL: direct})
	var folder string
	if err := raw.QueryRow(`show unix_socket_directories`).Scan(&folder); err != nil {
		t.Fatal(err)
	}
	socket := fmt.Sprintf("postgres://postgres@/postgres?host=%s&port=%d", folder, cluster.Port())
	for _, test := range []struct {
		name string
		url  func(t *testing.T) string
		want int
	}{
		{"TCP", func(*testing.T) string { return direct }, 2},
		{"socket", func(*testing.T) string { return socket }, 2},
		{"PgBouncer", func(t *testing.T) string { return storetest.PgBouncer(t, direct, 3) }, 0},
		{"HAProxy", func(t *testing.T) string { return storetest.HAProxy(t, direct) }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t, test.url(t)).Store
			conn := onlyConnection(t, db)
			source := addSource(t, db, test.name)
			for i := range 2 { // the second time they are prepared already
				requireNew(t, db, source, 3*i, 1)
				requireNew(t, db, source, 3*i+1, 2)
			}
			if got := conn.Prepared(); got != test.want {
				t.Errorf("got %d prepared inserts, want %d", got, test.want)
			}
		})
	}
}

// What a prepared insert did not insert is looked at again without it.
func TestPreparedInsertCountsDuplicatesAndRevisions(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres).Store
	conn := onlyConnection(t, db)
	source := addSource(t, db, "one")
	for _, size := range []int{1, 3} {
		id := func(i int) string { return fmt.Sprintf("04l%d%d", size, i) }
		first, other := batchOf(), batchOf()
		for i := range size {
			first.Entries = append(first.Entries, entry(id(i), `{"Version":1}`))
			other.Entries = append(other.Entries, entry(id(i), `{"Version":2}`))
		}
		for i, want := range []store.Saved{
			{Stored: size}, {Duplicates: size}, {Revisions: size}, {Duplicates: size},
		} {
			batch := first
			if i >= 2 {
				batch = other
			}
			if got := save(t, db, source, batch, now); got != want {
				t.Errorf("size %d, save %d: got %+v, want %+v", size, i, got, want)
			}
		}
	}
	if got := conn.Prepared(); got != 2 {
		t.Errorf("got %d prepared inserts, want 2", got)
	}
}

// An error would end the transaction, which may have written more.
func TestTransactionPreparesNothing(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres).Store
	conn := onlyConnection(t, db)
	source := addSource(t, db, "one")
	in := store.Inbound{
		SourceID: source.ID, Batch: benchmarkBatch(0, 2), ReceivedAt: now,
		Join: func(context.Context, *sqlx.Tx) error { return nil },
	}
	if _, err := db.Save(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if got := conn.Prepared(); got != 0 {
		t.Errorf("got %d prepared inserts, want 0", got)
	}
	requireNew(t, db, source, 2, 2)
	if got := conn.Prepared(); got != 1 {
		t.Errorf("after a transaction: got %d prepared inserts, want 1", got)
	}
}

// Whoever can end prepared statements does not end the connection.
func TestPreparedInsertThatIsGone(t *testing.T) {
	t.Parallel()
	for _, end := range []string{
		`discard all`, `deallocate all`,
		// The insert then returns another type than when it was prepared.
		`alter table notifications alter column notification_id type varchar collate "C"`,
		// The name is another statement's.
		`deallocate all; prepare "1" as select 1`,
	} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			db := storetest.New(t, storetest.Postgres).Store
			conn := onlyConnection(t, db)
			source := addSource(t, db, "one")
			requireNew(t, db, source, 0, 2)
			if _, err := db.Query(t.Context(), end); err != nil {
				t.Fatal(err)
			}
			requireNew(t, db, source, 2, 2)
			requireNew(t, db, source, 4, 1)
			if got := onlyConnection(t, db); got != conn || got.Prepared() != 0 {
				t.Errorf("got connection %v with %d prepared inserts, want %v with 0", got, got.Prepared(), conn)
			}
			if got := save(t, db, source, benchmarkBatch(0, 5), now); got.Duplicates != 5 {
				t.Errorf("sent again: got %+v, want 5 duplicates", got)
			}
		})
	}
}

func TestRestartedServerPreparesAgain(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{})
	db := storetest.Open(t, cluster.URL("postgres")).Store
	conn := onlyConnection(t, db)
	source := addSource(t, db, "one")
	requireNew(t, db, source, 0, 2)
	if err := cluster.Stop(false); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	requireNew(t, db, source, 2, 2) // in a transaction, which opens a connection
	requireNew(t, db, source, 4, 2)
	if got := onlyConnection(t, db); got == conn || got.Prepared() != 1 {
		t.Errorf("got %d prepared inserts, want 1 on a new connection", got.Prepared())
	}
}

// The plan of a prepared insert that was made for a few rows reads the whole table for each row.
func TestPlanOfPreparedInsertFollowsTheTable(t *testing.T) {
	t.Parallel()
	opened := storetest.New(t, storetest.Postgres)
	db, raw := opened.Store, openRaw(t, opened)
	conn := onlyConnection(t, db)
	source := addSource(t, db, "one")
	execAll(t, raw, `alter table notifications set (autovacuum_enabled = off)`)
	for i := range 10 { // PostgreSQL plans the first five for their values
		requireNew(t, db, source, i, 1)
	}
	execAll(t, raw, `vacuum analyze notifications`)
	plan := func() string {
		t.Helper()
		rows, err := db.Query(t.Context(), `explain execute "1"
			(1, '00D', '', '', 'id', '', null, null, null, now(), 0, null, 0, null, null)`)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(rows, "\n")
	}
	requireNew(t, db, source, 10, 1)
	if got := plan(); !strings.Contains(got, "Seq Scan on notifications") {
		t.Fatalf("the plan for a few rows reads no table:\n%s", got)
	}
	execAll(t, raw, `
		insert into notifications (source_id, organization, organization_suffix, action_id,
			notification_id, digest, received_at)
		select 1, '00D', '', '', i, '', now() from generate_series(1, 5000) i`)
	conn.AgePlans()
	requireNew(t, db, source, 11, 1)
	if got := plan(); strings.Contains(got, "Seq Scan") {
		t.Errorf("the plan for many rows:\n%s", got)
	}
}

// statementOf returns a statement that takes the parameters of the insert of several rows and, where
// they are true, returns what is given.
func statementOf(insert, returned, where string) string {
	_, rest, _ := strings.Cut(insert, "from unnest(")
	list, _, _ := strings.Cut(rest, ")")
	return "select " + returned + " where " + where + " exists (select from unnest(" + list + "))"
}

// foreign are columns of the types that the insert returns.
const foreign = `1::bigint, 1, ''::text, ''::text, ''::bytea, false`

// Behind a pooler that does not know prepared statements, the statement of another client may have
// the name of the prepared insert. A client without guards then takes its rows for duplicates: it
// gets no row and no error, and nothing is stored.
func TestStatementOfAnotherClientLooksLikeDuplicates(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	through := storetest.PgBouncer(t, db.URL, 2)
	source := addSource(t, db.Store, "one")
	insert, _, args, _ := db.Store.Insert(store.Inbound{
		SourceID: source.ID, Batch: benchmarkBatch(0, 2), ReceivedAt: now,
	})
	conn := connect(t, openRaw(t, &storetest.Database{URL: through}))
	prepared, err := conn.PrepareContext(t.Context(), insert)
	if err != nil {
		t.Fatal(err)
	}
	defer prepared.Close()
	clash(t, through, statementOf(insert, foreign, "not"))
	rows, err := prepared.Query(args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if rows.Next() || rows.Err() != nil {
		t.Errorf("got a row, or %v, want none", rows.Err())
	}
	if got := len(export(t, db.Store, store.NotificationFilter{})); got != 0 {
		t.Errorf("got %d notifications, want none", got)
	}
}

func TestStatementOfAnotherClientIsNotTakenForTheInsert(t *testing.T) {
	t.Parallel()
	insert, _, _, _ := storetest.New(t, storetest.Postgres).Store.Insert(store.Inbound{
		SourceID: 1, Batch: benchmarkBatch(0, 2), ReceivedAt: now,
	})
	otherDigest := strings.Replace(foreign, "''::bytea", "sha256('')", 1)
	for _, test := range []struct {
		name, foreign string
		fails         bool // whether the batch is not saved at first
	}{
		{"no rows", statementOf(insert, foreign, "not"), false},
		{"another row", statementOf(insert, foreign, ""), false},
		{"a row with a digest that was not sent", statementOf(insert, otherDigest, ""), false},
		{"a row of other types", statementOf(insert, "'x', 'x', 'x', 'x', 'x', 'x'", ""), false},
		{"other columns", statementOf(insert, "1", ""), false},
		{"other parameters", `select 1 where $1 = 1`, false},
		{"an error", statementOf(insert, strings.Replace(foreign, "1", "1 / count(*)", 1), "not"), false},
		{"an error of any insert",
			statementOf(insert, strings.Replace(foreign, "''::bytea", "lo_get(1)", 1), ""), true},
		{"no statement", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			direct := storetest.New(t, storetest.Postgres)
			through := storetest.PgBouncer(t, direct.URL, 2)
			db := storetest.Open(t, through).Store
			conn := onlyConnection(t, db)
			source := addSource(t, db, "one")
			conn.PretendDirect()
			requireNew(t, db, source, 10, 2)
			if conn.Prepared() != 1 {
				t.Fatal("the insert is not prepared")
			}
			clash(t, through, test.foreign)
			if test.fails {
				in := store.Inbound{SourceID: source.ID, Batch: benchmarkBatch(0, 2), ReceivedAt: now}
				if saved, err := db.Save(t.Context(), in); err == nil {
					t.Errorf("got %+v, want an error", saved)
				}
			}
			requireNew(t, db, source, 0, 2)
			if got := len(export(t, direct.Store, store.NotificationFilter{})); got != 4 {
				t.Errorf("got %d notifications, want 4", got)
			}
		})
	}
}

// clash prepares a statement, unless it is "", with a client of its own, on that one of PgBouncer's
// two connections where no statement is prepared. The other one stays taken until the end of the
// test, so that whoever prepared a statement there executes that of the clash.
func clash(t *testing.T, through, statement string) {
	t.Helper()
	raw := openRaw(t, &storetest.Database{URL: through})
	clients := []*sql.Conn{connect(t, raw), connect(t, raw)}
	var free *sql.Conn
	for _, client := range clients {
		if _, err := client.ExecContext(t.Context(), `begin`); err != nil {
			t.Fatal(err)
		}
		var prepared int
		err := client.QueryRowContext(t.Context(), `select count(*) from pg_prepared_statements`).Scan(&prepared)
		if err != nil {
			t.Fatal(err)
		}
		if prepared == 0 {
			free = client
		}
	}
	if free == nil {
		t.Fatal("both connections have prepared statements")
	}
	if statement != "" {
		_, err := free.PrepareContext(t.Context(), statement) //nolint:sqlclosecheck // it must stay
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := free.ExecContext(t.Context(), `commit`); err != nil {
		t.Fatal(err)
	}
}

// connect returns a client that is disconnected when the test ends.
func connect(t *testing.T, raw *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := raw.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// One allocation for each of the 15 arguments, a few for what holds them, and none for what they
// contain.
func TestInsertKeepsTheMemoryOfItsArguments(t *testing.T) { //nolint:paralleltest // counts allocations
	in := store.Inbound{SourceID: 1, Batch: benchmarkBatch(0, 1000), ReceivedAt: now}
	if got := store.InsertAllocations(in); got > 21 {
		t.Errorf("got %v allocations, want at most 21", got)
	}
}
