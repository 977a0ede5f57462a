package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
	"golang.org/x/sync/errgroup"

	"ackbox/store"
	"ackbox/store/storetest"
)

var dialects = map[string]goose.Dialect{
	storetest.SQLite: goose.DialectSQLite3, storetest.Postgres: goose.DialectPostgres,
}

// eachEmpty runs a test on an empty database of each kind, opened without the store.
func eachEmpty(t *testing.T, test func(t *testing.T, driver, url string, conn *sql.DB)) {
	t.Helper()
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			url := storetest.URL(t, driver)
			test(t, driver, url, openRaw(t, &storetest.Database{URL: url}))
		})
	}
}

// gooseUp runs migrations as an application does that uses goose's default version table: an old
// ackbox, or another.
func gooseUp(t *testing.T, driver string, conn *sql.DB, migrations fs.FS, version int64) {
	t.Helper()
	gooseUpIn(t, goose.DefaultTablename, driver, conn, migrations, version)
}

// gooseUpIn does so with a version table of another name.
func gooseUpIn(
	t *testing.T, table, driver string, conn *sql.DB, migrations fs.FS, version int64,
) {
	t.Helper()
	provider, err := goose.NewProvider(dialects[driver], conn, migrations, goose.WithTableName(table))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}

// oldMigrations returns the migrations of an ackbox that kept its versions in goose's default
// table.
func oldMigrations(driver string) fs.FS { return os.DirFS("migrations/" + driver) }

// otherMigrations returns another application's migrations, numbered from one version to another.
func otherMigrations(from, to int64) fs.FS {
	files := fstest.MapFS{}
	for v := from; v <= to; v++ {
		text := fmt.Sprintf("-- +goose Up\ncreate table other_%d (id integer);\n"+
			"-- +goose Down\ndrop table other_%d;\n", v, v)
		files[fmt.Sprintf("%05d_other.sql", v)] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func migrate(t *testing.T, url string) error {
	t.Helper()
	db, err := store.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return db.Migrate(t.Context())
}

// requireCurrent fails unless the database has this binary's schema, and works.
func requireCurrent(t *testing.T, url string) {
	t.Helper()
	db := storetest.Open(t, url).Store
	health, err := db.Health(t.Context())
	if err != nil || health.Have != health.Want {
		t.Fatalf("got %+v, %v, want the wanted version", health, err)
	}
	got := save(t, db, addSource(t, db, "new"), batchOf(entry("04lnew", `{"Id":"x"}`)), now)
	if got != (store.Saved{Stored: 1}) {
		t.Errorf("got %+v, want 1 stored", got)
	}
}

// versions returns the rows of a version table, without the ids.
func versions(t *testing.T, conn *sql.DB, table string) []string {
	t.Helper()
	return texts(t, conn, `select version_id || ' ' || is_applied || ' ' || tstamp from `+table)
}

func TestMigrateAdoptsWhatAnOldBinaryMigrated(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, driver, url string, conn *sql.DB) {
		gooseUp(t, driver, conn, oldMigrations(driver), 2)
		const at = "2025-01-02 03:04:05"
		if _, err := conn.Exec(`update goose_db_version set tstamp = '` + at + `'`); err != nil {
			t.Fatal(err)
		}
		old := versions(t, conn, "goose_db_version")
		var group errgroup.Group
		for range 4 {
			group.Go(func() error { return migrate(t, url) })
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		requireCurrent(t, url)
		if diff := cmp.Diff(old, versions(t, conn, "goose_db_version")); diff != "" {
			t.Errorf("the old version table changed (-before +after):\n%s", diff)
		}
		adopted := texts(t, conn, `
			select cast(version_id as text) from ackbox_schema_version
			where cast(tstamp as text) = '`+at+`'`)
		if diff := cmp.Diff([]string{"0", "1", "2"}, adopted); diff != "" {
			t.Errorf("versions with their old time (-want +got):\n%s", diff)
		}
	})
}

// If an old ackbox came first, goose did not see the other application's migrations, and the other
// way round.
func TestMigrateSharesADatabaseWithAnotherApplication(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, driver string, conn *sql.DB){
		"the other came first": func(t *testing.T, driver string, conn *sql.DB) {
			gooseUp(t, driver, conn, otherMigrations(1, 40), 40)
		},
		"ours came first": func(t *testing.T, driver string, conn *sql.DB) {
			gooseUp(t, driver, conn, oldMigrations(driver), 1)
			gooseUp(t, driver, conn, otherMigrations(2, 40), 40)
		},
		"the other's table was lost": func(t *testing.T, driver string, conn *sql.DB) {
			gooseUp(t, driver, conn, oldMigrations(driver), 2)
			if _, err := conn.Exec(`drop table goose_db_version`); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachEmpty(t, func(t *testing.T, driver, url string, conn *sql.DB) {
				prepare(t, driver, conn)
				if err := migrate(t, url); err != nil {
					t.Fatal(err)
				}
				requireCurrent(t, url)
				if name != "the other's table was lost" {
					gooseUp(t, driver, conn, otherMigrations(2, 50), 50) // it goes on
				}
			})
		})
	}
}

func TestMigrateNamesForeignTables(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ ddl, named string }{
		"another notifications": {`create table notifications (id integer, body text)`, `"notifications"`},
		"another sources":       {`create table sources (id integer)`, `"sources"`},
		"two": {
			`create table sources (id integer); create table refusals (id integer)`,
			`"refusals", "sources"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachEmpty(t, func(t *testing.T, driver, url string, conn *sql.DB) {
				for _, statement := range strings.Split(test.ddl, ";") {
					if _, err := conn.Exec(statement); err != nil {
						t.Fatal(err)
					}
				}
				err := migrate(t, url)
				if err == nil || !strings.Contains(err.Error(), "did not create: "+test.named+";") {
					t.Errorf("got %v, want an error that names %s", err, test.named)
				}
				if driver == storetest.Postgres {
					if left := texts(t, conn, `select to_regclass('ackbox_schema_version')::text where
						to_regclass('ackbox_schema_version') is not null`); len(left) > 0 {
						t.Errorf("%v was made", left)
					}
				}
			})
		})
	}
}

// Inserts must not wait behind a migration that waits for a long-running reader, such as a slow
// export.
func TestMigrateLetsInsertsPassBehindALongReader(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, storetest.Postgres)
	conn := openRaw(t, &storetest.Database{URL: url})
	gooseUp(t, storetest.Postgres, conn, oldMigrations(storetest.Postgres), 2)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	_, err := conn.ExecContext(ctx, `insert into sources (name, created_at) values ('crm', now())`)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := conn.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback()
	if _, err := reader.ExecContext(ctx, `select count(*) from notifications`); err != nil {
		t.Fatal(err)
	}
	migrated := make(chan error, 1)
	go func() { migrated <- migrate(t, url) }()
	waits := `select count(*) from pg_stat_activity where datname = current_database()
		and wait_event_type = 'Lock' and query like '%add column intake%'`
	for waiting := 0; waiting == 0; {
		if err := conn.QueryRowContext(ctx, waits).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	_, err = conn.ExecContext(ctx, `
		insert into notifications (received_at, source_id, digest, organization,
			organization_suffix, notification_id, action_id)
		select now(), id, '\x00', '00D', '', '04l', '' from sources`)
	if err != nil {
		t.Fatalf("an insert behind the migration: %v", err)
	}
	if err := reader.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-migrated; err != nil {
		t.Fatal(err)
	}
	requireCurrent(t, url)
}
