package soap

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// DateTime is an xsd:dateTime. Salesforce sends UTC with three decimals: 2026-11-22T01:02:03.000Z.
// A text without a zone is parsed as UTC.
type DateTime struct{ time.Time }

// Date is an xsd:date, such as 2026-11-22. Its time is midnight, in UTC or in the zone that was
// sent.
type Date struct{ time.Time }

// Time is an xsd:time, such as 01:02:03.000Z, on the zero day of [time.Time].
type Time struct{ time.Time }

// Base64Binary is a decoded xsd:base64Binary.
type Base64Binary []byte

// UnmarshalText parses the lexical form of xsd:dateTime.
func (v *DateTime) UnmarshalText(text []byte) (err error) {
	v.Time, err = parseTime("xsd:dateTime", string(text), "2006-01-02T15:04:05")
	return err
}

// UnmarshalText parses the lexical form of xsd:date.
func (v *Date) UnmarshalText(text []byte) (err error) {
	v.Time, err = parseTime("xsd:date", string(text), "2006-01-02")
	return err
}

// UnmarshalText parses the lexical form of xsd:time.
func (v *Time) UnmarshalText(text []byte) (err error) {
	v.Time, err = parseTime("xsd:time", string(text), "15:04:05")
	return err
}

// UnmarshalText decodes base64. White space between its characters is allowed, as in XML.
func (v *Base64Binary) UnmarshalText(text []byte) error {
	packed := make([]byte, 0, len(text))
	for _, c := range text {
		if class[c]&space == 0 {
			packed = append(packed, c)
		}
	}
	decoded, err := base64.StdEncoding.AppendDecode(nil, packed)
	if err != nil {
		return fmt.Errorf("not an xsd:base64Binary: %w", err)
	}
	*v = decoded
	return nil
}

// MarshalText returns the form that Salesforce sends: three decimals, Z for UTC.
func (v DateTime) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// MarshalText returns the form that Salesforce sends: no zone for UTC.
func (v Date) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// MarshalText returns the form that Salesforce sends: three decimals, Z for UTC.
func (v Time) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// MarshalText returns the base64 encoding on one line.
func (v Base64Binary) MarshalText() ([]byte, error) {
	return []byte(base64.StdEncoding.EncodeToString(v)), nil
}

// MarshalJSON returns the text of MarshalText as a JSON string. Without it encoding/json would call
// that of the embedded [time.Time].
func (v DateTime) MarshalJSON() ([]byte, error) { return quoted(v.String()), nil }

// MarshalJSON returns the text of MarshalText as a JSON string.
func (v Date) MarshalJSON() ([]byte, error) { return quoted(v.String()), nil }

// MarshalJSON returns the text of MarshalText as a JSON string.
func (v Time) MarshalJSON() ([]byte, error) { return quoted(v.String()), nil }

// UnmarshalJSON parses a JSON string in the lexical form of xsd:dateTime.
func (v *DateTime) UnmarshalJSON(text []byte) error { return unquote(text, v) }

// UnmarshalJSON parses a JSON string in the lexical form of xsd:date.
func (v *Date) UnmarshalJSON(text []byte) error { return unquote(text, v) }

// UnmarshalJSON parses a JSON string in the lexical form of xsd:time.
func (v *Time) UnmarshalJSON(text []byte) error { return unquote(text, v) }

// String returns the text of MarshalText.
func (v DateTime) String() string { return v.Format("2006-01-02T15:04:05.000Z07:00") }

// String returns the text of MarshalText.
func (v Date) String() string { return strings.TrimSuffix(v.Format("2006-01-02Z07:00"), "Z") }

// String returns the text of MarshalText.
func (v Time) String() string { return v.Format("15:04:05.000Z07:00") }
