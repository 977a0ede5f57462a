package store

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// timestampLayout is how SQLite keeps a time: text of one width sorts as the times do. PostgreSQL reads it as well.
const timestampLayout = "2006-01-02T15:04:05.000000Z"

// timestamp is a time in either database: UTC, in microseconds.
type timestamp struct{ time.Time }

// Value implements driver.Valuer.
func (t timestamp) Value() (driver.Value, error) { return micros(t.Time).Format(timestampLayout), nil }

// Scan implements sql.Scanner.
func (t *timestamp) Scan(value any) (err error) {
	switch value := value.(type) {
	case time.Time:
		t.Time = value.UTC()
	case string:
		t.Time, err = time.Parse(timestampLayout, value)
	default:
		err = fmt.Errorf("scan time: %T", value)
	}
	return err
}

// micros is the time as it is stored.
func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// pointer is the time of a column that may be null.
func (t *timestamp) pointer() *time.Time {
	if t == nil {
		return nil
	}
	return &t.Time
}
