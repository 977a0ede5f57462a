package main

import (
	"database/sql"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ackbox/store/storetest"
)

// readers are the commands that find something in the database.
var readers = []string{
	"export", "refusals", "refusals --counts", "certificates", "prune --older-than 30d", "source list",
	"source rotate crm", "source disable crm", "source enable crm", "source allow crm --org " + organization,
	"source deny crm --org " + organization, "source remove crm",
}

func TestReadersCreateNoDatabase(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{storetest.SQLite, storetest.Postgres} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			url := storetest.URL(t, driver)
			for _, line := range readers {
				for _, flags := range []string{"", " --no-migrate"} {
					got := on(t, url, strings.Fields(line+flags)...)
					if got.code != exitFailed || got.out != "" || !strings.Contains(got.err, databaseName(t, url)) ||
						!strings.Contains(got.err, "ackbox migrate") {
						t.Errorf("%s: got %+v, want exit code 1 and the name of the database", line, got)
					}
				}
			}
			requireEmpty(t, driver, url)
			if got := on(t, url, "migrate"); got.code != exitDone {
				t.Fatalf("migrate: got %+v", got)
			}
			if got := on(t, url, "export"); got.code != exitDone {
				t.Errorf("export: got %+v, want exit code 0", got)
			}
		})
	}
}

// Without a migration the error names it, and not a table or column that is missing.
func TestWithoutMigrationTheMissingOneIsNamed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		driver := "postgres"
		path, isFile := strings.CutPrefix(db.URL, "sqlite:")
		if isFile {
			driver = "sqlite"
		} else {
			path = db.URL
		}
		raw, err := sql.Open(driver, path)
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		const older = "delete from ackbox_schema_version where version_id > 2"
		if _, err := raw.ExecContext(t.Context(), older); err != nil {
			t.Fatal(err)
		}
		for _, line := range append([]string{"source add crm"}, readers...) {
			got := on(t, db.URL, append(strings.Fields(line), "--no-migrate")...)
			if got.code != exitFailed || !strings.Contains(got.err, "it has version 2, this binary needs") ||
				!strings.Contains(got.err, "ackbox migrate") {
				t.Errorf("%s: got %+v, want exit code 1 and the versions", line, got)
			}
		}
	})
	url := storetest.URL(t, storetest.SQLite)
	got := on(t, url, "source", "add", "crm", "--no-migrate")
	if got.code != exitFailed || !strings.Contains(got.err, "ackbox migrate") {
		t.Errorf("source add without a database: got %+v, want exit code 1 and what to do", got)
	}
	requireEmpty(t, storetest.SQLite, url)
}

// databaseName returns what a command calls the database at a URL.
func databaseName(tb testing.TB, databaseURL string) string {
	tb.Helper()
	if path, ok := strings.CutPrefix(databaseURL, "sqlite:"); ok {
		return path
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// requireEmpty checks that a database has no file or no table.
func requireEmpty(tb testing.TB, driver, databaseURL string) {
	tb.Helper()
	if driver == storetest.SQLite {
		files, err := os.ReadDir(filepath.Dir(strings.TrimPrefix(databaseURL, "sqlite:")))
		if err != nil || len(files) > 0 {
			tb.Errorf("got the files %v, %v, want none", files, err)
		}
		return
	}
	db, err := sql.Open(driver, databaseURL)
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	var tables int
	const query = "select count(*) from pg_tables where schemaname = 'public'"
	if err := db.QueryRowContext(tb.Context(), query).Scan(&tables); err != nil || tables > 0 {
		tb.Errorf("got %d tables, %v, want none", tables, err)
	}
}

// A database of another application is not ackbox's, and gets no tables from those who read.
func TestReadersLeaveAFileOfOthersAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "other.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "create table theirs (id integer)"); err != nil {
		t.Fatal(err)
	}
	for _, line := range readers {
		got := on(t, "sqlite:"+path, strings.Fields(line)...)
		if got.code != exitFailed || !strings.Contains(got.err, path) {
			t.Errorf("%s: got %+v, want exit code 1 and the file", line, got)
		}
	}
	var tables int
	err = db.QueryRowContext(t.Context(), "select count(*) from sqlite_master").Scan(&tables)
	if err != nil || tables != 1 {
		t.Errorf("got %d tables, %v, want the one of the other application", tables, err)
	}
}

func TestTheDefaultDatabaseIsNamedWithItsFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("DATABASE_URL", "")
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	got := command(t, "export")
	if got.code != exitFailed || !strings.Contains(got.err, filepath.Join(folder, "ackbox.db")) ||
		!strings.Contains(got.err, "DATABASE_URL is not set") {
		t.Errorf("got %+v, want exit code 1 and the path", got)
	}
}

func TestErrorsOfFilesSayWhatToDo(t *testing.T) {
	t.Parallel()
	missing := "sqlite:" + filepath.Join(t.TempDir(), "no", "ackbox.db")
	for _, line := range []string{"migrate", "source add crm"} {
		got := on(t, missing, strings.Fields(line)...)
		if got.code != exitFailed || !strings.Contains(got.err, "does not exist: create it") {
			t.Errorf("%s: got %+v, want exit code 1 and to create the folder", line, got)
		}
	}
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	got := on(t, "sqlite:"+filepath.Join(closed, "ackbox.db"), "migrate")
	if got.code != exitFailed || !strings.Contains(got.err, "write to its folder") {
		t.Errorf("got %+v, want exit code 1 and who must be able to write", got)
	}
}

// A role may lack the right to create tables, as all but the owner do since PostgreSQL 15.
func TestMigrateWithoutTheRightToCreateSaysWhatToGrant(t *testing.T) {
	t.Parallel()
	databaseURL := storetest.URL(t, storetest.Postgres)
	db, err := sql.Open("postgres", databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	role := "limited_" + strings.TrimPrefix(u.Path, "/")
	for _, statement := range []string{
		"create role " + role + " login password 's3cr3t'", "revoke create on schema public from public",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if _, err := db.Exec("drop role " + role); err != nil {
			t.Error(err)
		}
		db.Close()
	})
	u.User = url.UserPassword(role, "s3cr3t")
	got := on(t, u.String(), "migrate")
	if got.code != exitFailed || !strings.Contains(got.err, "grant usage, create on schema public") ||
		strings.Contains(got.err, "s3cr3t") {
		t.Errorf("got %+v, want exit code 1 and what to grant", got)
	}
}

// Only the owner may read the records. SQLite gives its other files the permissions of the first.
func TestSQLiteFilesAreTheirOwnersOnly(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite) // open, so that the files beside it are there
	if _, _, err := db.Store.AddSource(t.Context(), "crm", nil, t0); err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(db.URL, "sqlite:")
	found := 0
	err := filepath.WalkDir(filepath.Dir(path), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		found++
		info, err := entry.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the permissions %o, want 600", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil || found < 3 {
		t.Errorf("got %d files, %v, want the database with -wal and -shm", found, err)
	}
}
