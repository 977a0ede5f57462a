package store_test

import (
	"database/sql"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
	"golang.org/x/sync/errgroup"

	"ackbox/store"
	"ackbox/store/storetest"
)

var drivers = []string{storetest.SQLite, storetest.Postgres}

func TestConcurrentMigrate(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			url := storetest.URL(t, driver)
			var group errgroup.Group
			for range 10 { // two servers and eight commands
				group.Go(func() error {
					db, err := store.Open(url)
					if err != nil {
						return err
					}
					defer db.Close()
					return db.Migrate(t.Context())
				})
			}
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
			health, err := storetest.Open(t, url).Store.Health(t.Context())
			if err != nil || health.Have != health.Want || health.Want < 1 {
				t.Errorf("got %+v, %v, want the wanted version", health, err)
			}
		})
	}
}

func TestMigrateLeavesANewerSchemaAlone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		_, err := openRaw(t, db).Exec(`
			insert into ackbox_schema_version (version_id, is_applied) values (999, true)`)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Store.Migrate(t.Context()); err != nil {
			t.Error(err)
		}
		health, err := db.Store.Health(t.Context())
		if err != nil || health.Have != 999 || health.Want >= 999 {
			t.Errorf("got %+v, %v, want to have 999", health, err)
		}
	})
}

func TestHealthBeforeMigrate(t *testing.T) {
	t.Parallel()
	db, err := store.Open(storetest.URL(t, storetest.Postgres))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	health, err := db.Health(t.Context())
	if err != nil || health.Have != 0 || health.Want < 1 {
		t.Errorf("got %+v, %v, want to have 0", health, err)
	}
}

func TestBothDatabasesHaveTheSameColumns(t *testing.T) {
	t.Parallel()
	var schemas [2][]string
	for i, query := range []string{`
		select t.name || '.' || c.name || case when c."notnull" or c.pk then '' else ' null' end
		from sqlite_master t join pragma_table_info(t.name) c
		where t.type = 'table' and t.name not like 'ackbox_schema%' and t.name not like 'sqlite%'`, `
		select table_name || '.' || column_name || case is_nullable when 'YES' then ' null' else '' end
		from information_schema.columns
		where table_schema = 'public' and table_name not like 'ackbox_schema%'`,
	} {
		schemas[i] = texts(t, openRaw(t, storetest.New(t, drivers[i])), query)
	}
	if diff := cmp.Diff(schemas[0], schemas[1]); diff != "" || len(schemas[0]) == 0 {
		t.Errorf("columns (-sqlite +postgres):\n%s", diff)
	}
}

func TestIDsAreCollatedByBytes(t *testing.T) {
	t.Parallel()
	got := texts(t, openRaw(t, storetest.New(t, storetest.Postgres)), `
		select table_name || '.' || column_name from information_schema.columns
		where table_schema = 'public' and data_type = 'text' and collation_name is distinct from 'C'
			and table_name not like 'ackbox_schema%' order by 1`)
	forPeople := []string{
		"address_lists.content", "client_certificates.chain", "client_certificates.issuer",
		"client_certificates.problem", "client_certificates.subject", "deliveries.last_error",
		"delivery_attempts.answer", "delivery_attempts.cause", "destination_filters.expression",
		"destination_state.last_error", "destinations.reason", "refusals.detail", "replays.created_by",
		"replays.reason",
	}
	if diff := cmp.Diff(forPeople, got); diff != "" {
		t.Errorf("text that is not collated C (-want +got):\n%s", diff)
	}
}

func TestDownMigrationsLeaveNothing(t *testing.T) {
	t.Parallel()
	queries := map[string]string{
		storetest.SQLite: `
			select name from sqlite_master
			where name not like 'ackbox_schema%' and name not like 'sqlite%'`,
		storetest.Postgres: `
			select tablename from pg_tables
			where schemaname = 'public' and tablename not like 'ackbox_schema%'`,
	}
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		driver, conn := db.Store.Driver(), openRaw(t, db)
		provider, err := goose.NewProvider(dialects[driver], conn, os.DirFS("migrations/"+driver),
			goose.WithTableName("ackbox_schema_version"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provider.DownTo(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if left := texts(t, conn, queries[driver]); len(left) != 0 {
			t.Errorf("got %v left, want nothing", left)
		}
	})
}

func TestHealthWarns(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		addSource(t, db.Store, "a")
		requireWarning(t, db.Store, "1 source accepts any organization")
		addSource(t, db.Store, "b")
		addSource(t, db.Store, "c")
		requireWarning(t, db.Store, "3 sources accept any organization")
		if err := db.Store.AllowOrganization(t.Context(), "a", organization); err != nil {
			t.Fatal(err)
		}
		if err := db.Store.DisableSource(t.Context(), "b", now); err != nil {
			t.Fatal(err)
		}
		requireWarning(t, db.Store, "1 source accepts any organization")
		if err := db.Store.AllowOrganization(t.Context(), "c", organization); err != nil {
			t.Fatal(err)
		}
		requireWarning(t, db.Store, "")
	})
}

// requireWarning checks the warning about sources. It ignores those about the settings of the
// test's server.
func requireWarning(t *testing.T, db *store.Store, want string) {
	t.Helper()
	health, err := db.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, warning := range health.Warnings {
		if !strings.Contains(warning, " is off: ") {
			got = append(got, warning)
		}
	}
	if strings.Join(got, "; ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// texts returns the rows of a query, sorted.
func texts(t *testing.T, conn *sql.DB, query string) (found []string) {
	t.Helper()
	rows, err := conn.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		found = append(found, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}
