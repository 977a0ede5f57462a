package soap

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Cause is why an envelope is refused, for counting and for choosing the status of the answer.
type Cause string

// The causes of a [ParseError].
const (
	// CauseMalformed is XML that is not well-formed, bytes that are not UTF-8, or a body that stops early.
	CauseMalformed Cause = "malformed"
	// CauseForbidden is well-formed XML that SOAP 1.1 forbids: a DTD, a processing instruction, a foreign entity.
	CauseForbidden Cause = "forbidden"
	// CauseEncoding is an XML declaration that names another encoding than UTF-8.
	CauseEncoding Cause = "encoding"
	// CauseVersion is an envelope of SOAP 1.2.
	CauseVersion Cause = "soap_version"
	// CauseShape is XML that is not the envelope of an outbound message: another root or namespace, something
	// missing, twice or out of place.
	CauseShape Cause = "shape"
	// CauseIdentity is an OrganizationId or a Notification Id that is missing, empty or longer than MaxID.
	CauseIdentity Cause = "identity"
	// CauseCount is a message with no notification or with more than MaxNotifications.
	CauseCount Cause = "count"
	// CauseLimit is nesting deeper than 32 elements, or more attributes, prefixes or fields than any real message has.
	CauseLimit Cause = "limit"
)

// ParseError says why an envelope cannot be read. Nothing of the body is in it: that may carry a session id.
type ParseError struct {
	Cause Cause
	// Problem is what is wrong, in words for whoever runs the sender.
	Problem string
	// Line and Column are where, both from 1; the column counts characters.
	Line, Column int
}

// Error gives the place and the problem.
func (e *ParseError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Problem)
}

// failAt makes the error of a problem at an offset of the body.
func (s *scanner) failAt(offset int, cause Cause, problem string) *ParseError {
	before := s.body[:min(offset, len(s.body))]
	lineStart := bytes.LastIndexByte(before, '\n') + 1
	return &ParseError{
		Cause:   cause,
		Problem: problem,
		Line:    1 + bytes.Count(before, []byte{'\n'}),
		Column:  1 + utf8.RuneCount(bytes.TrimPrefix(before[lineStart:], byteOrderMark)),
	}
}

// fail makes the error of a problem at the scanner's place.
func (s *scanner) fail(cause Cause, problem string) *ParseError {
	return s.failAt(s.pos, cause, problem)
}

// malformed makes the error of a syntax that is wrong at the scanner's place; at the end of the body that it stops.
func (s *scanner) malformed(problem string) *ParseError {
	if s.pos >= len(s.body) {
		problem = "the body stops before the envelope is complete"
	}
	return s.fail(CauseMalformed, problem)
}
