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
	if t, ok = parseUTC(text); ok {
		return t, true
	}
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

// utcForm is the form in which Salesforce sends almost all times, with the largest digit at each
// position.
const utcForm = "9999-19-39T29:59:59.999Z"

// parseUTC parses a time in that form, several times as fast as package time. It returns false for
// the days from the 29th on, too, which not every month has.
func parseUTC(text []byte) (t time.Time, ok bool) {
	if len(text) != len(utcForm) {
		return time.Time{}, false
	}
	for i := range len(utcForm) {
		largest, c := utcForm[i], text[i]
		isDigit := '0' <= largest && largest <= '9'
		if isDigit && (c < '0' || c > largest) || !isDigit && c != largest {
			return time.Time{}, false
		}
	}
	year, month, day, hour := number(text[:4]), number(text[5:7]), number(text[8:10]), number(text[11:13])
	if year < 1 || month < 1 || month > 12 || day < 1 || day > 28 || hour > 23 {
		return time.Time{}, false
	}
	minute, second, millisecond := number(text[14:16]), number(text[17:19]), number(text[20:23])
	return time.Date(year, time.Month(month), day, hour, minute, second, millisecond*1e6, time.UTC), true
}

// number returns the value of decimal digits.
func number(digits []byte) (n int) {
	for _, c := range digits {
		n = 10*n + int(c-'0')
	}
	return n
}
