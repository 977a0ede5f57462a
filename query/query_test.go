package query_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ackbox/query"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func parse(t *testing.T, text string) query.Query {
	t.Helper()
	q, err := query.Parse(text, now)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return q
}

func values(texts ...string) (all []query.Value) {
	for _, text := range texts {
		all = append(all, query.Value{Text: text})
	}
	return all
}

var ignorePlaces = cmpopts.IgnoreFields(query.Term{}, "Start", "End")

func TestParse(t *testing.T) {
	t.Parallel()
	field := func(name string, operator query.Operator, all ...query.Value) query.Term {
		return query.Term{Kind: query.Field, Field: name, Operator: operator, Values: all}
	}
	for text, want := range map[string][]query.Term{
		"":                        nil,
		" \t\n":                   nil,
		"006WV000009KQ7Z":         {{Kind: query.Record, Values: values("006WV000009KQ7Z")}},
		"006WV000009KQ7ZABC":      {{Kind: query.Record, Values: values("006WV000009KQ7ZABC")}},
		"006wv000009kq7zyaw":      {{Kind: query.Record, Values: values("006WV000009KQ7ZYAW")}},
		"04l5g000000AbCd":         {{Kind: query.Notification, Values: values("04l5g000000AbCd")}},
		"responsibilities":        {{Kind: query.Text, Values: values("responsibilities")}},
		"acknowledgments":         {{Kind: query.Text, Values: values("acknowledgments")}}, // 15 letters
		"Acme Ü":                  {{Kind: query.Text, Values: values("Acme")}, {Kind: query.Text, Values: values("Ü")}},
		`"Acme \"Ltd\" \\ x"`:     {{Kind: query.Text, Values: values(`Acme "Ltd" \ x`)}},
		"-test":                   {{Kind: query.Text, Values: values("test"), Exclude: true}},
		"a-b":                     {{Kind: query.Text, Values: values("a-b")}},
		"object:Opportunity,Lead": {{Kind: query.Object, Values: values("Opportunity", "Lead")}},
		"OBJECT:Lead":             {{Kind: query.Object, Values: values("Lead")}},
		`source:"a b",c`:          {{Kind: query.Source, Values: values("a b", "c")}},
		"-source:test":            {{Kind: query.Source, Values: values("test"), Exclude: true}},
		"object:null":             {{Kind: query.Object, Values: values("null")}},
		"state:Dead,retry":        {{Kind: query.State, Values: values("dead", "retry")}},
		"is:revision":             {{Kind: query.Is, Values: values("revision")}},
		"changed:StageName":       {{Kind: query.Changed, Values: values("StageName")}},
		"status:503":              {{Kind: query.Status, Values: values("503")}},
		"intake:apex":             {{Kind: query.Intake, Values: values("apex")}},
		"since:24h":               {{Kind: query.Since, Time: now.Add(-24 * time.Hour)}},
		"since:30d":               {{Kind: query.Since, Time: now.Add(-720 * time.Hour)}},
		"until:2026-11-24":        {{Kind: query.Until, Time: now.Add(-36 * time.Hour)}},
		"since:2026-11-24T18:00":  {{Kind: query.Since, Time: now.Add(-18 * time.Hour)}},
		`StageName="Closed Won"`:  {field("StageName", query.Equal, values("Closed Won")...)},
		"Amount>100000":           {field("Amount", query.Greater, values("100000")...)},
		"Amount<=-1.5":            {field("Amount", query.LessOrEqual, values("-1.5")...)},
		"A=b=c":                   {field("A", query.Equal, values("b=c")...)},
		"Email~acme.com":          {field("Email", query.Contains, values("acme.com")...)},
		"Stage=Open,Closed":       {field("Stage", query.Equal, values("Open", "Closed")...)},
		"NextStep=null":           {field("NextStep", query.Equal, query.Value{Null: true})},
		`NextStep="null",""`:      {field("NextStep", query.Equal, values("null", "")...)},
		"NextStep!=null":          {field("NextStep", query.NotEqual, query.Value{Null: true})},
		"acme__Größe__c>=10":      {field("acme__Größe__c", query.GreaterOrEqual, values("10")...)},
		"Account.Name=Acme":       {field("Account.Name", query.Equal, values("Acme")...)},
		"object:Lead\u00a0Name=Acme": {
			{Kind: query.Object, Values: values("Lead")}, field("Name", query.Equal, values("Acme")...),
		},
	} {
		got := parse(t, text)
		if diff := cmp.Diff(want, got.Terms, ignorePlaces); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		again := parse(t, got.String())
		if diff := cmp.Diff(got, again, ignorePlaces); diff != "" {
			t.Errorf("%s, written as %s (-first +again):\n%s", text, got, diff)
		}
	}
}

func TestParseSaysWhereTermsAre(t *testing.T) {
	t.Parallel()
	text := ` é  -object:"a b",c  Name=x`
	var got []string
	for _, term := range parse(t, text).Terms {
		got = append(got, text[term.Start:term.End])
	}
	if diff := cmp.Diff([]string{"é", `-object:"a b",c`, "Name=x"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		offset int
		reason string
	}{
		"a -":                                  {2, `a term must follow "-" at once`},
		"- a":                                  {0, `a term must follow "-" at once`},
		"colour:red":                           {0, `"colour:" is no key`},
		"https://example.com":                  {0, "quotation marks"},
		"object:":                              {7, "a value is missing"},
		"object:a,":                            {9, "a value is missing"},
		"object:a,,b":                          {9, "a value is missing"},
		`object:""`:                            {7, "must not be empty"},
		`""`:                                   {0, "a phrase must not be empty"},
		`"a`:                                   {0, "the quotation mark that ends this is missing"},
		`"a\"`:                                 {0, "the quotation mark that ends this is missing"},
		`"a"b`:                                 {3, "white space must follow a phrase"},
		`a"b"`:                                 {1, "whole phrase"},
		`Name="a"b`:                            {8, "a comma or white space must follow a value"},
		`Name=a"b"`:                            {6, "whole value"},
		"Name=":                                {5, "a value is missing"},
		"Amount>null":                          {7, "null can only be compared with = and !="},
		"state:deaf":                           {6, "dead, retry, held"},
		"is:x":                                 {3, "stale, revision, deleted"},
		"intake:mail":                          {7, "soap, apex"},
		"since:yesterday":                      {6, "must be a time such as"},
		"since:24h,48h":                        {6, "must be a time such as"},
		"since:-24h":                           {6, "must be a time such as"},
		"since:99999d":                         {6, "must be a time such as"},
		"a\x00b":                               {1, "printable"},
		"a\xffb":                               {1, "printable"},
		strings.Repeat("a", 4097):              {0, "longer than 4096 bytes"},
		strings.Repeat("a ", 51):               {100, "at most 50 terms"},
		"a=" + strings.Repeat("b,", 100) + "b": {202, "at most 100 values"},
	} {
		_, err := query.Parse(text, now)
		e, ok := errors.AsType[*query.Error](err)
		if !ok || e.Offset != want.offset || !strings.Contains(e.Reason, want.reason) {
			t.Errorf("%.40q: got %+v, want %+v", text, err, want)
		}
	}
	_, err := query.Parse("object:Lead Name=", now)
	if want := `a value is missing; the empty text is written "", at the end of the query`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = query.Parse("object:Lead colour:red and more of this long text", now)
	if err == nil || !strings.HasSuffix(err.Error(), `, at "colour:red and more of this lo…"`) {
		t.Errorf("got %v, want the place", err)
	}
}

var opportunity = query.Subject{
	Source: "crm", OrganizationID: "00D5g00000ABCDEEA4", ActionID: "04k5g000000TestAAA",
	NotificationID: "04l5g000000AbCdEAK", Object: "Opportunity", RecordID: "006WV000009KQ7ZYAW",
	Intake: "soap", Operation: "delete", Revision: 2, ReceivedAt: now.Add(-time.Hour),
	Fields: json.RawMessage(`{"Id":"006WV000009KQ7ZYAW","StageName":"Closed Won","Amount":100000.0,
		"Big":1.0E7,"Email":"Jane@ACME.com","NextStep":null,"IsWon":true,"CloseDate":"2026-11-24",
		"SystemModstamp":"2026-11-24T18:00:00.000Z","Tags":["a","b"],"Code":"007","Empty":""}`),
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"":                                     true,
		"006WV000009KQ7Z":                      true,
		"006wv000009kq7zyaw":                   true,
		"006wv000009kq7z":                      false,
		"04l5g000000AbCd":                      true,
		"04l5g000000AbCe":                      false,
		"object:opportunity":                   true,
		"object:Lead,Opportunity":              true,
		"object:Lead":                          false,
		"-object:Lead":                         true,
		"-object:Lead,Opportunity":             false,
		"source:crm":                           true,
		"source:CRM":                           false,
		"organization:00D5g00000ABCDE":         true,
		"action:04k5g000000Test":               true,
		"action:04k":                           false,
		"intake:soap":                          true,
		"intake:apex":                          false,
		"is:revision":                          true,
		"is:deleted":                           true,
		"since:2h":                             true,
		"since:30m":                            false,
		"since:2026-11-25T11:00":               true,
		"until:2026-11-25T11:00":               false,
		"until:30m":                            true,
		"acme":                                 true,
		"closed won":                           true,
		`"won closed"`:                         false,
		`StageName="Closed Won"`:               true,
		`StageName="closed won"`:               false,
		`StageName=Open,"Closed Won"`:          true,
		`StageName!="Closed Won"`:              false,
		`stagename="Closed Won"`:               false,
		"Amount=100000":                        true,
		"Amount=100000.0":                      true,
		"Amount!=100000":                       false,
		"Amount>99999.99":                      true,
		"Amount>100000":                        false,
		"Amount>=1e5":                          true,
		"Amount<9":                             false,
		"Big=10000000":                         true,
		"Amount>a":                             false,
		"Amount<1e999999999":                   false,
		"Code=7":                               false,
		"Code=007":                             true,
		"Code<8":                               false, // a text, though of digits
		"IsWon=true":                           true,
		"CloseDate>2026-11-23":                 true,
		"CloseDate>2026-11-24":                 false,
		"SystemModstamp>2026-11-24":            true,
		"SystemModstamp<=2026-11-24T18:00:00Z": true,
		"Email~acme":                           true,
		"Email~acme.org":                       false,
		"NextStep=null":                        true,
		`NextStep="null"`:                      false,
		"NextStep!=null":                       false,
		"NextStep~x":                           false,
		"NextStep!=x":                          false,
		"Missing=null":                         true,
		"Missing=x":                            false,
		"Missing!=x":                           false,
		"Missing<x":                            false,
		"-Missing=x":                           true,
		"Email!=null":                          true,
		`Empty=""`:                             true,
		"Empty=null":                           false,
		"Tags~a":                               true,
		"object:Opportunity Amount>1 acme":     true,
		"object:Opportunity Amount>1 other":    false,
	} {
		if got := parse(t, text).Match(opportunity); got != want {
			t.Errorf("%s: got %t, want %t", text, got, want)
		}
	}
	deleted := query.Subject{Object: "Lead"} // without a record
	for text, want := range map[string]bool{"Name=x": false, "Name=null": true, "x": false, "-x": true} {
		if got := parse(t, text).Match(deleted); got != want {
			t.Errorf("%s, without a record: got %t, want %t", text, got, want)
		}
	}
}

func TestOnly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"object:Lead since:1h Name=x is:revision word": true,
		"object:Lead state:dead":                       false,
		"-destination:erp":                             false,
		"is:revision,stale":                            false,
		"changed:Name":                                 false,
	} {
		if err := parse(t, text).Only(); (err == nil) != want {
			t.Errorf("%s: got %v, want %t", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`006WV000009KQ7Z -x "a \" b" object:Lead,"a b" since:24h Amount>=1e5 NextStep=null,""`,
		`state:dead is:stale A~b "04l5g000000AbCd" "null" -"a" until:2026-11-24T18:00`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := query.Parse(text, now)
		if err != nil {
			_ = err.Error()
			return
		}
		_ = q.Match(opportunity)
		again, err := query.Parse(q.String(), now)
		if len(q.String()) > query.MaxSize {
			return
		}
		if err != nil {
			t.Fatalf("%q is written as %q: %v", text, q, err)
		}
		if diff := cmp.Diff(q, again, ignorePlaces); diff != "" {
			t.Errorf("%q is written as %q (-first +again):\n%s", text, q, diff)
		}
	})
}
