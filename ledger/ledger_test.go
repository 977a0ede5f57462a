package ledger_test

import (
	"encoding/json"
	"testing"
	"time"

	"ackbox/ledger"
)

func TestParseTimeReadsTheFormsOfSalesforce(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 11, 22, 1, 2, 3, 450_000_000, time.UTC)
	for _, text := range []string{
		"2026-11-22T01:02:03.450Z", "2026-11-22T01:02:03.450+0000", "2026-11-22T01:02:03.45+00:00",
		"2026-11-22T03:02:03.450+0200", "2026-11-21T19:32:03.450-05:30",
	} {
		got, ok := ledger.ParseTime([]byte(text))
		if !ok || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("ParseTime(%q): got %v, %v, want %v", text, got, ok, want)
		}
	}
}

func TestParseTimeRejectsOtherTexts(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "yesterday", "2026-11-22", "2026-11-22T01:02:03", "2026-11-22T01:02:03.000Z ",
		"2026-11-22T25:00:00Z", "2026-02-30T00:00:00Z", "0000-12-31T00:00:00Z",
		"9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00",
	} {
		if got, ok := ledger.ParseTime([]byte(text)); ok || !got.IsZero() {
			t.Errorf("ParseTime(%q): got %v, want none", text, got)
		}
	}
}

func TestIntakesHaveNames(t *testing.T) {
	t.Parallel()
	for intake, want := range map[ledger.Intake]string{
		ledger.SOAP: `"soap"`, ledger.Apex: `"apex"`, ledger.Event: `"event"`, ledger.Change: `"change"`,
		ledger.Reconcile: `"reconcile"`,
	} {
		got, err := json.Marshal(intake)
		if err != nil || string(got) != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
		var back ledger.Intake
		if err := json.Unmarshal(got, &back); err != nil || back != intake {
			t.Errorf("%s: got %d, %v, want %d", want, back, err, intake)
		}
	}
	if got := ledger.Intake(99).String(); got != "intake 99" {
		t.Errorf("got %q for an unknown intake", got)
	}
	if err := new(ledger.Intake).UnmarshalText([]byte("SOAP")); err == nil {
		t.Error("UnmarshalText accepts SOAP in upper case")
	}
}

// Whatever has the usual form is parsed as package time does, whether or not a shortcut is taken.
func TestParseTimeAgreesWithPackageTime(t *testing.T) {
	t.Parallel()
	for _, year := range []string{"0000", "0001", "1969", "2024", "2026", "9999"} {
		for _, monthAndDay := range []string{
			"00-01", "01-00", "01-01", "01-31", "02-28", "02-29", "02-30", "09-09", "10-10", "12-28", "12-31", "13-01", "19-39",
		} {
			for _, clock := range []string{
				"00:00:00.000Z", "09:59:59.999Z", "19:10:01.001Z", "23:59:59.999Z", "24:00:00.000Z", "29:59:59.999Z",
				"23:60:00.000Z", "23:59:60.000Z", "23:59:59,999Z", "23:59:59.99xZ", "23:59:59.999z",
			} {
				text := year + "-" + monthAndDay + "T" + clock
				want, err := time.Parse("2006-01-02T15:04:05.000Z", text)
				ok := err == nil && want.Year() >= 1
				got, gotOK := ledger.ParseTime([]byte(text))
				if gotOK != ok || ok && got != want {
					t.Errorf("%s: got %v, %t, want %v, %t", text, got, gotOK, want, ok)
				}
			}
		}
	}
}
