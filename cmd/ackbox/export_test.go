package main

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ackbox/ledger"
	"ackbox/store"
	"ackbox/store/storetest"
)

// storeRecords stores a notification for the fields of each record; "" is one without a record.
func storeRecords(tb testing.TB, db *storetest.Database, records ...string) {
	tb.Helper()
	source, _, err := db.Store.AddSource(tb.Context(), "crm", nil, t0)
	if err != nil {
		tb.Fatal(err)
	}
	batch := &ledger.Batch{OrganizationID: organization, ActionID: "04kxx0000004C92AAE"}
	for i, fields := range records {
		e := ledger.Entry{ID: "04l" + string(rune('a'+i)), Digest: ledger.DigestOf([]byte(fields))}
		if fields != "" {
			e.ObjectType, e.RecordID, e.Fields = new("Lead"), new("00Qxx0000001gPLEAY"), json.RawMessage(fields)
		}
		batch.Entries = append(batch.Entries, e)
	}
	inbound := store.Inbound{SourceID: source.ID, Batch: batch, ReceivedAt: t0}
	if _, err := db.Store.Save(tb.Context(), inbound); err != nil {
		tb.Fatal(err)
	}
}

// rows parses CSV.
func rows(tb testing.TB, text string) [][]string {
	tb.Helper()
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func TestExportWritesAColumnPerField(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		storeRecords(t, db,
			`{"Id":"00Q1","Company":"Acme, \"A\"","AnnualRevenue":-1.0E7,"IsConverted":true,"Email":null,"Name":{"x":[1]}}`,
			`{"Id":"00Q2","company":"lower"}`, "")
		got := on(t, db.URL, "export", "--format", "csv",
			"--columns", "record_id,Id, COMPANY,AnnualRevenue,IsConverted,Email,Name,received_at")
		const at = "2026-11-22T01:02:03.456789Z"
		want := [][]string{
			{"record_id", "Id", "COMPANY", "AnnualRevenue", "IsConverted", "Email", "Name", "received_at"},
			{"00Qxx0000001gPLEAY", "00Q1", `Acme, "A"`, "-1.0E7", "true", "", `{"x":[1]}`, at},
			{"00Qxx0000001gPLEAY", "00Q2", "lower", "", "", "", "", at},
			{"", "", "", "", "", "", "", at},
		}
		if diff := cmp.Diff(want, rows(t, got.out)); diff != "" || got.code != exitDone || got.err != "" {
			t.Errorf("got exit code %d, %q, CSV (-want +got):\n%s", got.code, got.err, diff)
		}
		got = on(t, db.URL, "export", "--format", "csv", "--columns", "Company,Compny")
		if got.code != exitDone || !strings.Contains(got.err, `"Compny"`) || strings.Contains(got.err, `"Company"`) {
			t.Errorf("got %+v, want a warning of the column that no record has", got)
		}
		got = on(t, db.URL, "export", "--columns", "Company")
		if got.code != exitUsage || !strings.Contains(got.err, "--format csv") {
			t.Errorf("got %+v for ndjson, want exit code 2 and why", got)
		}
	})
}

// A text of a stranger must not become a formula in the spreadsheet of whoever opens the export.
func TestExportQuotesFormulas(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		texts := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "a=1", "1-1", ""}
		var records []string
		for _, text := range texts {
			value, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, `{"=Name":`+string(value)+`}`)
		}
		storeRecords(t, db, records...)
		got := rows(t, on(t, db.URL, "export", "--format", "csv", "--columns", "=Name").out)
		want := [][]string{{"'=Name"}}
		for _, text := range texts {
			if text != "" && strings.Contains("=+-@\t\r", text[:1]) {
				text = "'" + text
			}
			want = append(want, []string{text})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("CSV (-want +got):\n%s", diff)
		}
	})
}

func TestExportQuotesFormulasInItsOwnColumns(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	source, _, err := db.Store.AddSource(t.Context(), "crm", nil, t0)
	if err != nil {
		t.Fatal(err)
	}
	batch := &ledger.Batch{OrganizationID: "=o", ActionID: "+a", Entries: []ledger.Entry{{
		ID: "@i", ObjectType: new("-t"), RecordID: new("=r"), Fields: json.RawMessage("{}"),
	}}}
	if _, err := db.Store.Save(t.Context(), store.Inbound{
		SourceID: source.ID, Batch: batch, ReceivedAt: t0,
	}); err != nil {
		t.Fatal(err)
	}
	got := rows(t, on(t, db.URL, "export", "--format", "csv").out)[1]
	want := []string{"'=o", "'+a", "'@i", "1", "'-t", "'=r"}
	if diff := cmp.Diff(want, got[2:8]); diff != "" {
		t.Errorf("CSV (-want +got):\n%s", diff)
	}
}

// Readers of lines end one at these characters, too.
func TestExportWritesALineForEachNotification(t *testing.T) {
	t.Parallel()
	const text = "a\u0085b\u2028c\u2029d<&>"
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		storeRecords(t, db, `{"Name":"`+text+`"}`, `{"Name":"other"}`)
		got := on(t, db.URL, "export").out
		lines := strings.FieldsFunc(got, func(r rune) bool {
			return strings.ContainsRune("\n\v\f\r\x1c\x1d\x1e\u0085\u2028\u2029", r)
		})
		if len(lines) != 2 || !strings.Contains(lines[0], "<&>") {
			t.Fatalf("got %q, want two lines", lines)
		}
		var decoded struct{ Fields struct{ Name string } }
		if err := json.Unmarshal([]byte(lines[0]), &decoded); err != nil || decoded.Fields.Name != text {
			t.Errorf("got %q, %v, want %q", decoded.Fields.Name, err, text)
		}
	})
}

func TestCommandsSayThatTheyFoundNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		storeRecords(t, db, `{"Name":"x"}`)
		for line, out := range map[string]string{
			"export --object Account":                               "",
			"export --object lead --intake change":                  "",
			"export --record 00Qxx0000001gPM":                       "",
			"export --after 9999":                                   "",
			"export --query Name=y":                                 "",
			"export --format csv --columns Name --until 2000-01-01": "Name\n",
			"refusals --json":                                       "",
			"refusals --counts --json":                              "",
			"refusals --source crm --since 1h --json":               "",
		} {
			got := on(t, db.URL, strings.Fields(line)...)
			if got.code != exitDone || got.out != out || got.err != "nothing matched\n" {
				t.Errorf("%s: got %+v, want %q and a word on stderr", line, got, out)
			}
		}
		for _, line := range []string{"refusals", "refusals --counts"} {
			got := on(t, db.URL, strings.Fields(line)...)
			if got.code != exitDone || strings.Count(got.out, "\n") != 1 || got.err != "nothing matched\n" {
				t.Errorf("%s: got %+v, want the header and a word on stderr", line, got)
			}
		}
		for _, line := range []string{
			"export", "export --object LEAD --intake soap", "export --record 00QXX0000001GPLEAY", "export --query Name=x",
		} {
			got := on(t, db.URL, strings.Fields(line)...)
			if got.code != exitDone || strings.Count(got.out, "\n") != 1 || got.err != "" {
				t.Errorf("%s: got %+v, want one line", line, got)
			}
		}
		for _, wrong := range []string{"--intake email", "--query Name=", "--query state:dead"} {
			got := on(t, db.URL, strings.Fields("export "+wrong)...)
			if got.code != exitUsage || got.err == "" {
				t.Errorf("export %s: got %+v, want exit code 2", wrong, got)
			}
		}
	})
}
