package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ackbox/store/storetest"
)

func TestBackupIsADatabase(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	storeRecords(t, db, `{"Name":"x"}`, `{"Name":"y"}`)
	path := filepath.Join(t.TempDir(), "backup.db")
	got := on(t, db.URL, "backup", path)
	if got.code != exitDone || got.out != "" || !strings.Contains(got.err, path) {
		t.Fatalf("got %+v, want exit code 0 and the file", got)
	}
	want := on(t, db.URL, "export").out
	if copied := on(t, "sqlite:"+path, "export").out; copied != want || want == "" {
		t.Errorf("got %q from the backup, want %q", copied, want)
	}
	got = on(t, db.URL, "backup", path)
	if got.code != exitFailed || !strings.Contains(got.err, "exists") {
		t.Errorf("got %+v for a file that exists, want exit code 1", got)
	}
	missing := filepath.Join(t.TempDir(), "no", "backup.db")
	got = on(t, db.URL, "backup", missing)
	if got.code != exitFailed || !strings.Contains(got.err, missing) ||
		strings.Contains(got.err, "DATABASE_URL") {
		t.Errorf("got %+v for a folder that does not exist, want exit code 1 and the file", got)
	}
}

func TestBackupOfPostgreSQLNamesItsTool(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.Postgres)
	path := filepath.Join(t.TempDir(), "it's.dump")
	got := on(t, db.URL, "backup", path)
	line := `pg_dump --format=custom --file='` + strings.ReplaceAll(path, "'", `'\''`) + `' "$DATABASE_URL"`
	if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, line) {
		t.Errorf("got %+v, want exit code 2 and %s", got, line)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written")
	}
}

func TestBackupOfNoDatabaseMakesNoFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	url := "sqlite:" + filepath.Join(folder, "ackbox.db")
	got := on(t, url, "backup", filepath.Join(folder, "backup.db"))
	if got.code != exitFailed || !strings.Contains(got.err, "ackbox.db") {
		t.Errorf("got %+v, want exit code 1 and the database", got)
	}
	if files, err := os.ReadDir(folder); err != nil || len(files) > 0 {
		t.Errorf("got the files %v, %v, want none", files, err)
	}
}
