package wsdl

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Text returns the text of a WSDL, which may be in UTF-8 or UTF-16, as UTF-8 without a byte-order
// mark and with "\n" as its line ends (XML 1.0, sections 2.11 and 4.3.3). It is the same however a
// version control system has checked the file out. Each error is an [*Error] without the file.
func Text(data []byte) ([]byte, error) {
	if order := utf16Order(data); order != nil {
		var err error
		if data, err = decodeUTF16(data, order); err != nil {
			return nil, err
		}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(data, []byte("\r"), []byte("\n")), nil
}

// utf16Order returns the byte order of a document in UTF-16, and nil if the document is in another
// encoding. One without a byte-order mark must begin with "<" (XML 1.0, appendix F.1).
func utf16Order(data []byte) binary.ByteOrder {
	switch {
	case bytes.HasPrefix(data, []byte("\xfe\xff")), bytes.HasPrefix(data, []byte("\x00<")):
		return binary.BigEndian
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("<\x00")):
		return binary.LittleEndian
	}
	return nil
}

func decodeUTF16(data []byte, order binary.ByteOrder) ([]byte, error) {
	var text []byte
	line := 1
	for ; len(data) >= 2; data = data[2:] {
		r := rune(order.Uint16(data))
		if utf16.IsSurrogate(r) {
			if len(data) < 4 {
				break
			}
			r = utf16.DecodeRune(r, rune(order.Uint16(data[2:])))
			data = data[2:]
			if r == utf8.RuneError {
				return nil, problem(line, "the file is not valid UTF-16; it is damaged: %s", howToGet)
			}
		}
		if r == '\n' {
			line++
		}
		text = utf8.AppendRune(text, r)
	}
	if len(data) > 0 {
		return nil, problem(line, "the file ends within a character of UTF-16; it is damaged or "+
			"truncated: %s", howToGet)
	}
	return text, nil
}

// newDecoder returns a decoder of what [Text] returns.
func newDecoder(text []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(label string, input io.Reader) (io.Reader, error) {
		switch strings.ToUpper(label) {
		case "UTF-16", "UTF-16LE", "UTF-16BE":
			return input, nil // it is UTF-8 now
		}
		return nil, errors.New("save it as UTF-8")
	}
	return d
}
