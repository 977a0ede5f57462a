package ledger

import "time"

// TimeLayout is how a time in UTC is written, in JSON, in tables and where a database keeps times as text: by RFC 3339
// in microseconds. Texts of one width sort as the times do.
const TimeLayout = "2006-01-02T15:04:05.000000Z"

// FormatTime returns a time as text in [TimeLayout].
func FormatTime(t time.Time) string { return t.UTC().Format(TimeLayout) }

// salesforceTime is the form in which Salesforce's REST API writes times: the offset has no colon.
const salesforceTime = "2006-01-02T15:04:05Z0700"

// ParseTime reads a date and time in any of the forms that Salesforce sends: 2026-11-22T01:02:03.000Z, with +0000 or
// +00:00 in place of Z. It reports false for a text that is none of them, or of a year outside 1 to 9999 in UTC, which
// not every database can hold.
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
