package soap

import (
	"bytes"
	"strconv"
)

// kind is the lexical space of a field's type in the WSDL.
type kind uint8

const (
	kindString kind = iota // also ent:ID, whose form is not checked
	kindBoolean
	kindInt
	kindDouble
	kindDateTime
	kindDate
	kindTime
	kindBase64
)

var trueLiteral, falseLiteral = []byte("true"), []byte("false")

// read reports whether text is in the lexical space of the kind, ignoring the white space around it
// as XML Schema says. It returns the JSON literal of the value, or nil if the value is to be a JSON
// string of the text. text is the inside of a JSON string; the values of all kinds but string need
// no escapes.
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

// trimJSON removes the white space around the inside of a JSON string.
func trimJSON(text []byte) []byte {
	isSpace := func(s []byte) bool {
		return string(s) == `\n` || string(s) == `\t` || string(s) == `\r`
	}
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

// booleanLiteral returns the JSON literal of an xsd:boolean, or nil if text is not one.
func booleanLiteral(text []byte) []byte {
	switch string(text) {
	case "true", "1":
		return trueLiteral
	case "false", "0":
		return falseLiteral
	}
	return nil
}

// isInt reports whether text is an xsd:int: an optional sign and digits, within 32 bits.
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

// isDouble reports whether text is an xsd:double that fits a float64: INF and NaN do, 1e999 does
// not.
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

// isJSONNumber reports whether an xsd:int or xsd:double is also a number by RFC 8259: without a
// plus sign or leading zeros, and with digits before and after the point.
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

// countDigits returns the number of digits at the beginning of text.
func countDigits(text []byte) int {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return n
}

// The forms in which Salesforce sends times and dates, with the largest digit at each position.
const (
	utcForm = "9999-19-39T29:59:59.999Z"
	dayForm = "9999-19-39"
)

// isUTC and isDay report whether text is certainly a valid time or date in those forms. Package
// time, which is slower, decides about all others, among them the days from the 29th on.
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

// inCalendar reports whether the month exists and every month has the day.
func inCalendar(text []byte) bool {
	month, day := string(text[5:7]), string(text[8:10])
	return "01" <= month && month <= "12" && "01" <= day && day <= "28"
}

// isBase64 reports whether text, the inside of a JSON string, is an xsd:base64Binary.
func isBase64(text []byte) bool {
	if bytes.IndexByte(text, '\\') >= 0 {
		text = []byte(unquoted([]byte(`"` + string(text) + `"`)))
	}
	return fitsText(text, new(Base64Binary))
}

func fitsText(text []byte, v interface{ UnmarshalText([]byte) error }) bool {
	return v.UnmarshalText(text) == nil
}
