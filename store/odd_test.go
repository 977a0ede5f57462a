package store_test

import (
	"testing"

	"ackbox/store"
	"ackbox/store/storetest"
)

// TestTextsThatXMLForbidsAreStored checks that both databases store the texts that package soap
// keeps though XML forbids them, and read the values in them.
func TestTextsThatXMLForbidsAreStored(t *testing.T) {
	t.Parallel()
	const fields = `{"Id":"\u0001\u000b","Controls":"\u0001\u0002\u0008\u000b\u000c\u000e\u001e\u001f",` +
		"\"Noncharacters\":\"\ufffe\uffff\U0001ffff\"," +
		`"Pair":"😀","Kept":"&#0;&#xD83D;&semi;","Escapes":"\\u0000\\ud83d","Nested":{"a":["\u0001",null]}}`
	values := map[string]string{
		"Controls": "\x01\x02\b\v\f\x0e\x1e\x1f", "Noncharacters": "\ufffe\uffff\U0001ffff", "Pair": "😀",
		"Kept": "&#0;&#xD83D;&semi;", "Escapes": `\u0000\ud83d`,
	}
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		odd, recordID := entry("04l1", fields), "\x01\v"
		odd.RecordID = &recordID
		save(t, db.Store, source, batchOf(odd, entry("04l2", "{}")), now)
		got := export(t, db.Store, store.NotificationFilter{Record: recordID})
		if len(got) != 1 || string(got[0].Fields) != fields || *got[0].RecordID != recordID {
			t.Fatalf("got %+v, want the fields as they were saved", got)
		}
		raw := openRaw(t, db)
		for name, want := range values {
			var value string
			query := `select fields ->> '` + name + `' from notifications where notification_id = '04l1'`
			if err := raw.QueryRowContext(t.Context(), query).Scan(&value); err != nil || value != want {
				t.Errorf("%s: got %q, %v, want %q", name, value, err, want)
			}
		}
	})
}
