package e2e_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOddTextsAreStored posts texts that XML forbids in one of two records. Each refused both of
// them, again and again, for the 24 hours in which Salesforce retries.
func TestOddTextsAreStored(t *testing.T) {
	t.Parallel()
	const id = `{"Id":"00QS10000000001IAA","City":`
	cases := []struct{ text, want string }{
		{"line&#11;tab", `"line\u000btab"`},
		{"line\x0btab\x1f", `"line\u000btab\u001f"`},
		{"&#x1E;&#xFFFF;", "\"\\u001e\uffff\""},
		{"<![CDATA[\x02&#2;]]>", `"\u0002&#2;"`},
		{"first&semi; second&nbsp;", `"first&semi; second&nbsp;"`},
		{"&#xD83D;&#xDE00; &#xD83D; &#0;", `"😀 &#xD83D; &#0;"`},
	}
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		for i, c := range cases {
			body := envelope(lead("04lS1000000000"+string(rune('A'+i))+"IAA", "00QS10000000001IAA",
				"<sf:City>"+c.text+"</sf:City>"), lead("04lS1000000001"+string(rune('A'+i))+"IAA", "00QS10000000002IAA", ""))
			requireAck(t, post(t, s.url("crm"), body))
			requireAck(t, post(t, s.url("crm"), body)) // which adds nothing
		}
		got := s.export("--record", "00QS10000000001IAA")
		if all := s.export(); len(got) != len(cases) || len(all) != 2*len(cases) {
			t.Fatalf("got %d of %d records, want %d of %d", len(got), len(all), len(cases), 2*len(cases))
		}
		for i, c := range cases {
			if diff := cmp.Diff(id+c.want+"}", string(got[i].Fields)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", c.text, diff)
			}
		}
	})
}

// TestARecordInTheNamespaceOfTheMessageIsRead posts a record as node-soap writes it.
func TestARecordInTheNamespaceOfTheMessageIsRead(t *testing.T) {
	t.Parallel()
	record := `<Notification><Id>04lS10000000001IAA</Id><sObject xsi:type="sf:Lead" ` +
		`xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><Id>00QS10000000001IAA</Id>` +
		`<AnnualRevenue>1.0E7</AnnualRevenue><SystemModstamp>2026-11-22T01:02:03.000Z</SystemModstamp>` +
		`</sObject></Notification>`
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		requireAck(t, post(t, s.url("crm"), envelope(record)))
		got := s.export("--record", "00QS10000000001IAA")
		const want = `{"Id":"00QS10000000001IAA","AnnualRevenue":1.0E7,"SystemModstamp":"2026-11-22T01:02:03.000Z"}`
		if len(got) != 1 || string(got[0].Fields) != want || got[0].ChangedAt == nil ||
			*got[0].ChangedAt != "2026-11-22T01:02:03.000000Z" {
			t.Errorf("got %+v", got)
		}
	})
}
