package store_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ackbox/store"
	"ackbox/store/storetest"
)

// open opens a database and closes it when the test ends.
func open(t *testing.T, url string) *store.Store {
	t.Helper()
	db, err := store.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// requireAdvice checks that an error says what to do.
func requireAdvice(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

// The statements that errors advise are run here.
func TestErrorsOfRightsSayWhatToGrant(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{})
	raw := openRaw(t, &storetest.Database{URL: cluster.URL("postgres")})
	execAll(t, raw, `create role "in box" login`, `revoke create on schema public from public`)
	db := open(t, strings.Replace(cluster.URL("postgres"), "postgres@", "in%20box@", 1))
	err := db.Migrate(t.Context())
	requireAdvice(t, err, `run: grant usage, create on schema public to "in box"`)
	execAll(t, raw, grant.FindString(err.Error()))
	if err := db.Migrate(t.Context()); err != nil {
		t.Error(err)
	}

	execAll(t, raw, `create role reader login`)
	reader := open(t, strings.Replace(cluster.URL("postgres"), "postgres@", "reader@", 1))
	_, err = reader.Sources(t.Context())
	requireAdvice(t, err, `run: grant select, insert, update, delete on all tables in schema public to "reader"`)
	execAll(t, raw, grant.FindString(err.Error()))
	if _, _, err := reader.AddSource(t.Context(), "one", nil, now); err != nil {
		t.Error(err)
	}
}

var grant = regexp.MustCompile(`grant [^;]* to "[^"]*"`)

func TestErrorsOfPostgreSQLSayWhatToDo(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{})
	_, err := open(t, cluster.URL("missing")).Sources(t.Context())
	requireAdvice(t, err, `create database "missing" encoding 'UTF8' template template0`)
	_, err = open(t, strings.Replace(cluster.URL("postgres"), "postgres@", "nobody@", 1)).Sources(t.Context())
	requireAdvice(t, err, "check the user, the password")
	_, err = open(t, strings.Replace(cluster.URL("postgres"), "disable", "require", 1)).Sources(t.Context())
	requireAdvice(t, err, "add sslmode=disable to DATABASE_URL")
}

func TestErrorOfADatabaseWithoutSchemaNamesTheCommand(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers {
		url := storetest.URL(t, driver)
		if path, isSQLite := strings.CutPrefix(url, "sqlite:"); isSQLite {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		db := open(t, url)
		const want = `run "ackbox migrate", or omit --no-migrate`
		_, err := db.Sources(t.Context())
		requireAdvice(t, err, want)
		_, _, err = db.AddSource(t.Context(), "one", nil, now)
		requireAdvice(t, err, want)
		requireAdvice(t, db.Notifications(t.Context(), store.NotificationFilter{}, nil), want)
		in := store.Inbound{SourceID: 1, Batch: benchmarkBatch(0, 1), ReceivedAt: now}
		_, err = db.Save(t.Context(), in)
		requireAdvice(t, err, want)
	}
}

func TestErrorsOfSQLiteSayWhatToDo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	text := filepath.Join(folder, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(folder, "missing")
	migrate := func(path string) error { return open(t, "sqlite:"+path).Migrate(context.Background()) }
	requireAdvice(t, migrate(filepath.Join(missing, "ackbox.db")),
		"the folder "+missing+" does not exist: create it")
	requireAdvice(t, migrate(folder), folder+" is a folder: DATABASE_URL must name a file")
	requireAdvice(t, migrate(text), text+" is not a SQLite database")
	_, err := open(t, "sqlite:"+filepath.Join(folder, "none.db")).Sources(t.Context())
	requireAdvice(t, err, "there is no database at "+filepath.Join(folder, "none.db"))
}
