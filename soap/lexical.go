package soap

import (
	"bytes"
	"strconv"
)

// kind is the type of a field by the WSDL, as far as the wire is concerned.
type kind uint8

const (
	kindString kind = iota // and ent:ID, whose form is not checked
	kindBoolean
	kindInt
	kindDouble
	kindDateTime
	kindDate
	kindTime
	kindBase64
)

var trueLiteral, falseLiteral = []byte("true"), []byte("false")

// read tells whether text is in the lexical space of the kind, white space around it trimmed as XML Schema says, and
// gives the JSON literal that stands for it, nil when that is the text itself as a string. text is the inside of a JSON
// string; no value of a kind but string has anything to escape.
func (k kind) read(text []byte) (literal []byte, fits bool) {
	trimmed := text
	if k != kindString {
		trimmed = trimJSON(text)
	}
	switch k {
	case kindBoolean:
		literal = booleanLiteral(trimmed)
		fits = literal != nil
	case kindInt:
		literal, fits = text, isInt(trimmed)
	case kindDouble:
		literal, fits = text, isDouble(trimmed)
	case kindDateTime:
		return nil, isUTC(trimmed) || fitsText(trimmed, new(DateTime))
	case kindDate:
		return nil, isDay(trimmed) || fitsText(trimmed, new(Date))
	case kindTime:
		return nil, fitsText(trimmed, new(Time))
	case kindBase64:
		return nil, isBase64(trimmed)
	default:
		return nil, true
	}
	isNumber := k == kindInt || k == kindDouble
	if !fits || len(trimmed) < len(text) || isNumber && !isJSONNumber(text) {
		return nil, fits
	}
	return literal, fits
}

// trimJSON trims white space from the inside of a JSON string.
func trimJSON(text []byte) []byte {
	isSpace := func(s []byte) bool { return string(s) == `\n` || string(s) == `\t` || string(s) == `\r` }
	for {
		switch n := len(text); {
		case n > 0 && text[0] == ' ':
			text = text[1:]
		case n > 0 && text[n-1] == ' ':
			text = text[:n-1]
		case n > 1 && isSpace(text[:2]):
			text = text[2:]
		case n > 1 && isSpace(text[n-2:]):
			text = text[:n-2]
		default:
			return text
		}
	}
}

// booleanLiteral is the JSON of an xsd:boolean, nil when text is none.
func booleanLiteral(text []byte) []byte {
	switch string(text) {
	case "true", "1":
		return trueLiteral
	case "false", "0":
		return falseLiteral
	}
	return nil
}

// isInt tells whether text is an xsd:int: a sign at most, digits, and within 32 bits.
func isInt(text []byte) bool {
	digits := skipSign(text)
	if countDigits(digits) != len(digits) || len(digits) == 0 {
		return false
	}
	if len(digits) < 10 {
		return true
	}
	_, err := strconv.ParseInt(string(text), 10, 32)
	return err == nil
}

// isDouble tells whether text is an xsd:double that a float64 holds: INF and NaN are, 1e999 is not.
func isDouble(text []byte) bool {
	switch string(text) {
	case "INF", "-INF", "NaN":
		return true
	}
	rest := skipSign(text)
	whole := countDigits(rest)
	fraction := 0
	if rest = rest[whole:]; len(rest) > 0 && rest[0] == '.' {
		fraction = countDigits(rest[1:])
		rest = rest[1+fraction:]
	}
	if whole+fraction == 0 {
		return false
	}
	if len(rest) == 0 && whole < 300 {
		return true
	}
	if len(rest) > 0 {
		if rest[0]|0x20 != 'e' {
			return false
		}
		exponent := skipSign(rest[1:])
		if len(exponent) == 0 || countDigits(exponent) != len(exponent) {
			return false
		}
	}
	_, err := strconv.ParseFloat(string(text), 64)
	return err == nil
}

// isJSONNumber tells whether an xsd:int or xsd:double is written as RFC 8259 writes numbers: no plus sign, no leading
// zero, digits before and after the point.
func isJSONNumber(text []byte) bool {
	text = bytes.TrimPrefix(text, []byte("-"))
	whole := countDigits(text)
	if whole == 0 || whole > 1 && text[0] == '0' {
		return false
	}
	if text = text[whole:]; len(text) > 0 && text[0] == '.' {
		return countDigits(text[1:]) > 0
	}
	return true
}

func skipSign(text []byte) []byte {
	if len(text) > 0 && (text[0] == '+' || text[0] == '-') {
		return text[1:]
	}
	return text
}

// countDigits is how many digits text starts with.
func countDigits(text []byte) int {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return n
}

// The forms in which Salesforce sends times and dates, with the largest digit for each place.
const (
	utcForm = "9999-19-39T29:59:59.999Z"
	dayForm = "9999-19-39"
)

// isUTC and isDay tell whether text is a time or a date in those forms, beyond doubt: what is left over, days from the
// 29th on among it, is for the calendar of package time.
func isUTC(text []byte) bool {
	return hasForm(text, utcForm) && inCalendar(text) && string(text[11:13]) <= "23"
}

func isDay(text []byte) bool { return hasForm(text, dayForm) && inCalendar(text) }

func hasForm(text []byte, form string) bool {
	if len(text) != len(form) {
		return false
	}
	for i := range len(form) {
		largest, c := form[i], text[i]
		isDigit := '0' <= largest && largest <= '9'
		if isDigit && (c < '0' || c > largest) || !isDigit && c != largest {
			return false
		}
	}
	return true
}

// inCalendar tells whether the month, and the day in each month, is there.
func inCalendar(text []byte) bool {
	month, day := string(text[5:7]), string(text[8:10])
	return "01" <= month && month <= "12" && "01" <= day && day <= "28"
}

// isBase64 tells whether text, the inside of a JSON string, is an xsd:base64Binary.
func isBase64(text []byte) bool {
	if bytes.IndexByte(text, '\\') >= 0 {
		text = []byte(unquoted([]byte(`"` + string(text) + `"`)))
	}
	return fitsText(text, new(Base64Binary))
}

func fitsText(text []byte, v interface{ UnmarshalText([]byte) error }) bool {
	return v.UnmarshalText(text) == nil
}
