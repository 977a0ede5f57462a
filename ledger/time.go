package ledger

import "time"

// TimeLayout is the layout of times in UTC in JSON, in tables, and in databases that store times as
// text: RFC 3339 with microseconds. All texts have the same length, so that they sort as the times
// do.
const TimeLayout = "2006-01-02T15:04:05.000000Z"

// FormatTime returns a time in UTC in [TimeLayout].
func FormatTime(t time.Time) string { return t.UTC().Format(TimeLayout) }

// salesforceTime is the layout of times in Salesforce's REST API. The offset has no colon.
const salesforceTime = "2006-01-02T15:04:05Z0700"

// ParseTime parses a date and time in any of the forms that Salesforce sends:
// 2026-11-22T01:02:03.000Z, or with +0000 or +00:00 in place of Z. It returns false for any other
// text, and for a year outside 1 to 9999 in UTC, which not every database can store.
func ParseTime(text []byte) (t time.Time, ok bool) {
	if err := t.UnmarshalText(text); err != nil { // RFC 3339
		if t, err = time.Parse(salesforceTime, string(text)); err != nil {
			return time.Time{}, false
		}
	}
	t = t.UTC()
	if year := t.Year(); year < 1 || year > 9999 {
		return time.Time{}, false
	}
	return t, true
}
