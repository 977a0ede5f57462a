package store_test

import (
	"strings"
	"testing"
	"time"

	"ackbox/ledger"
	"ackbox/query"
	"ackbox/store"
	"ackbox/store/storetest"
)

// Whatever of a query the database decides, and whatever this program does, the result is that of
// both.
func TestNotificationsThatAQueryMatches(t *testing.T) {
	t.Parallel()
	const first, second, third = "04lxx0000000001AAA", "04lxx0000000002AAA", "04lxx0000000003AAA"
	lead := entry(first, `{"Id":"00Qxx0000001gPLEAY","Company":"Acme Ltd","Amount":1000.0}`)
	contact := entry(second, `{"Id":"003xx0000001abcAAA","Name":"Jane, of Acme"}`)
	contact.ObjectType, contact.RecordID = new("Contact"), new("003xx0000001abc")
	deleted := ledger.Entry{ID: third, Digest: digestOf("deleted"), Operation: ledger.Delete}
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		one, two := addSource(t, db.Store, "one"), addSource(t, db.Store, "two")
		save(t, db.Store, one, batchOf(lead), now)
		save(t, db.Store, one, batchOf(contact), now.Add(time.Hour))
		save(t, db.Store, two, batchOf(deleted), now.Add(2*time.Hour))
		revised := lead
		revised.Digest = digestOf("revised")
		save(t, db.Store, one, batchOf(revised), now.Add(3*time.Hour))
		for text, want := range map[string]string{
			"":                                  "1 2 3 1",
			"00Qxx0000001gPL":                   "1 1",
			"00qxx0000001gpleay":                "1 1",
			"-00Qxx0000001gPL":                  "2 3",
			"003xx0000001abcAAA":                "2",
			"04lxx0000000003":                   "3",
			"04lxx0000000003AAA,x":              "",
			"object:LEAD,contact":               "1 2 1",
			"-object:lead":                      "2 3",
			"source:two":                        "3",
			"source:two,one -object:Contact":    "1 3 1",
			"source:none":                       "",
			"is:deleted":                        "3",
			"is:revision":                       "1",
			"Amount>=1000 -is:revision":         "1",
			"acme":                              "1 2 1",
			`Name="Jane, of Acme"`:              "2",
			"Name=null":                         "1 3 1",
			"since:2026-11-22T02:02:03 acme":    "2 1",
			"until:2026-11-22T02:02:03":         "1",
			"object:Lead ' or 1=1 --":           "",
			`source:"one') or ('1'='1"`:         "",
			"organization:" + organization[:15]: "1 2 3 1",
			"organization:00Dxx0000001gPM":      "",
			"intake:soap":                       "1 2 3 1",
			"intake:apex":                       "",
		} {
			q, err := query.Parse(text, now)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			var got []string
			for _, n := range export(t, db.Store, store.NotificationFilter{Query: q}) {
				got = append(got, strings.Trim(n.NotificationID, "04lxA"))
			}
			if got := strings.Join(got, " "); got != want {
				t.Errorf("%s: got %s, want %s", text, got, want)
			}
		}
	})
}
