package soap

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Cause is the kind of a [ParseError], for metrics and for the status of the answer.
type Cause string

// The causes of a [ParseError].
const (
	// CauseMalformed is XML that is not well-formed, bytes that are not UTF-8, or a truncated body.
	CauseMalformed Cause = "malformed"
	// CauseForbidden is well-formed XML that SOAP 1.1 forbids: a DTD, a processing instruction, or,
	// outside of fields, an entity other than the five of XML.
	CauseForbidden Cause = "forbidden"
	// CauseEncoding is an XML declaration with an encoding other than UTF-8.
	CauseEncoding Cause = "encoding"
	// CauseVersion is an envelope of SOAP 1.2.
	CauseVersion Cause = "soap_version"
	// CauseShape is XML that is not the envelope of an outbound message: it has another root or
	// namespace, or an element is missing, repeated, misplaced or unknown and would be lost.
	CauseShape Cause = "shape"
	// CauseIdentity is an OrganizationId or a Notification's Id that is missing, empty or longer than
	// MaxID.
	CauseIdentity Cause = "identity"
	// CauseCount is a message without a notification, or with more than MaxNotifications.
	CauseCount Cause = "count"
	// CauseLimit is an element nested deeper than 32, more attributes, prefixes, fields or elements that
	// are not stored than any real message has, or an ActionId, an object type or a record's Id that is
	// longer than MaxID.
	CauseLimit Cause = "limit"
)

// ParseError is the error of an envelope that cannot be decoded. Its text contains nothing of the
// body, which may contain a session id.
type ParseError struct {
	Cause Cause
	// Problem describes the error to the administrator of the sender.
	Problem string
	// Line and Column are the position of the error, counted from 1. Columns are characters.
	Line, Column int
	// OrganizationID and ActionID are those of the message, and ObjectType that of its first record,
	// as far as they were read, else "". They are what the sender wrote, cut to MaxID bytes.
	OrganizationID, ActionID, ObjectType string
	// Notifications is how many of the message were read, at least in part.
	Notifications int
}

// Error returns the position and the problem.
func (e *ParseError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Problem)
}

// failAt returns the error for a problem at an offset of the body.
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

// addRead adds to an error what was read of the message before it.
func (d *decoder) addRead(e *ParseError) {
	cut := func(t text) string { return string(d.texts.buffer[t.start:min(t.end, t.start+MaxID)]) }
	e.OrganizationID, e.ActionID = cut(d.organization), cut(d.action)
	if e.Notifications = len(d.notifications); e.Notifications == 0 {
		return
	}
	first := &d.notifications[0]
	if e.ObjectType = cut(first.objectType); first.plan != nil {
		e.ObjectType = first.plan.object
	}
}

// fail returns the error for a problem at the scanner's position.
func (s *scanner) fail(cause Cause, problem string) *ParseError {
	return s.failAt(s.pos, cause, problem)
}

// malformed returns the error for a syntax error at the scanner's position. At the end of the body
// the problem is that the body is incomplete.
func (s *scanner) malformed(problem string) *ParseError {
	if s.pos >= len(s.body) {
		problem = "the body stops before the envelope is complete"
	}
	return s.fail(CauseMalformed, problem)
}
