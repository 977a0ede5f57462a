package store

import (
	"database/sql/driver"
	"fmt"
	"time"

	"ackbox/ledger"
)

// timestamp is a time as both databases take it: UTC, in microseconds. SQLite stores it as text in
// [ledger.TimeLayout], which PostgreSQL reads as well.
type timestamp struct{ time.Time }

// Value implements driver.Valuer.
func (t timestamp) Value() (driver.Value, error) { return ledger.FormatTime(micros(t.Time)), nil }

// Scan implements sql.Scanner.
func (t *timestamp) Scan(value any) (err error) {
	switch value := value.(type) {
	case time.Time:
		t.Time = value.UTC()
	case string:
		t.Time, err = time.Parse(ledger.TimeLayout, value)
	default:
		err = fmt.Errorf("scan time: %T", value)
	}
	return err
}

// micros returns the time as it is stored.
func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// timestampOrNull returns the argument for a column that may be null.
func timestampOrNull(t *time.Time) any {
	if t == nil {
		return nil
	}
	return timestamp{*t}
}

// pointer returns the time of a column that may be null.
func (t *timestamp) pointer() *time.Time {
	if t == nil {
		return nil
	}
	return &t.Time
}
