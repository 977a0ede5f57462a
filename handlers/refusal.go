package handlers

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"ackbox/internal/text"
	"ackbox/ledger"
	"ackbox/store"
)

// cause is why a request is refused. Its name is a label of the metrics and a column of the
// refusals.
type cause int

// The causes. A new one needs a row in answers, and nothing else.
const (
	causeInternal cause = iota
	causeMalformed
	causeForbidden
	causeVersion
	causeShape
	causeIdentity
	causeCount
	causeLimit
	causeEncoding
	causeTooLarge
	causeContentType
	causeContentEncoding
	causeCharset
	causeInterrupted
	causeOrganization
	causeAddress
	causeNoRanges
	causeCertificate
	causeUnknownToken
	causeThrottled
	causeDisabled
	causeMethod
	causeUnavailable
	causeOverloaded
	numCauses
)

// answer is what a cause means to the sender, in whatever form an intake gives it.
type answer struct {
	name     string
	status   int
	reason   string // "" for causes whose refusals have their own words
	recorded bool   // among the source's refusals
}

// answers is the one place where causes become statuses and public words.
var answers = [numCauses]answer{
	causeMalformed: {"malformed", http.StatusBadRequest, "", true},
	causeForbidden: {"forbidden", http.StatusBadRequest, "", true},
	causeVersion:   {"soap_version", http.StatusBadRequest, "", true},
	causeShape:     {"shape", http.StatusBadRequest, "", true},
	causeIdentity:  {"identity", http.StatusBadRequest, "", true},
	causeCount:     {"count", http.StatusBadRequest, "", true},
	causeLimit:     {"limit", http.StatusBadRequest, "", true},
	causeEncoding:  {"encoding", http.StatusUnsupportedMediaType, "", true},

	causeTooLarge: {"too_large", http.StatusRequestEntityTooLarge, "the body is over the limit of this inbox", true},
	causeContentType: {"content_type", http.StatusUnsupportedMediaType,
		"application/soap+xml is SOAP 1.2; outbound messages are text/xml", true},
	causeContentEncoding: {"content_encoding", http.StatusUnsupportedMediaType,
		"a Content-Encoding is not read here", true},
	causeCharset:     {"charset", http.StatusUnsupportedMediaType, "the charset must be UTF-8", true},
	causeInterrupted: {"interrupted", http.StatusBadRequest, "the body stopped before its end", true},
	causeOrganization: {"organization", http.StatusForbidden,
		"this organization may not post here: an operator can allow it with ackbox source allow", true},
	causeAddress: {"address", http.StatusForbidden,
		"the address that this comes from is in none of the ranges that may post here", true},
	causeCertificate: {"client_certificate", http.StatusForbidden, "", true},

	causeUnknownToken: {"unknown_token", http.StatusNotFound, "there is no inbox at this URL", false},
	causeDisabled:     {"disabled", http.StatusNotFound, "there is no inbox at this URL", false},
	causeThrottled: {"throttled", http.StatusTooManyRequests,
		"this address has asked for too many inboxes that do not exist; wait a minute", false},
	causeMethod: {"method", http.StatusMethodNotAllowed, "outbound messages are posted", false},

	causeNoRanges: {"no_address_ranges", http.StatusServiceUnavailable,
		"the list of the addresses that may post here has not come yet; send it again", false},
	causeUnavailable: {"unavailable", http.StatusServiceUnavailable,
		"the inbox cannot store messages now; send it again", false},
	causeOverloaded: {"overloaded", http.StatusServiceUnavailable,
		"the inbox has too much to do now; send it again", false},
	causeInternal: {"internal", http.StatusServiceUnavailable,
		"the inbox could not store this message; send it again", false},
}

// String returns the name of the cause.
func (c cause) String() string { return answers[c].name }

// refusal is the error of a request that is not accepted.
type refusal struct {
	cause        cause
	source       store.Source // zero when it is not known
	detail       string       // in public words, what only this refusal knows; nothing of the body
	line, column int          // of the body, where the detail is about a place; else 0
	size         int          // of the body in bytes, as far as it is known
	message      message      // that is refused, as far as it was read
	err          error        // what went wrong on our side; for the log alone
}

// message says which message a refusal is about. The sender has written it: it is cut, and
// printable. Its zero value is a message of which nothing was read.
type message struct {
	organization, action, object string
	notifications                int
}

// maxMessageText is how many bytes of each text of a message are kept; ids have 18.
const maxMessageText = 80

func newMessage(organization, action, object string, notifications int) message {
	cut := func(s string) string { return text.Printable(s[:min(len(s), maxMessageText)]) }
	return message{cut(organization), cut(action), cut(object), notifications}
}

// messageOf returns what a batch says of itself: the notifications of one outbound message have one
// object.
func messageOf(batch *ledger.Batch) message {
	object := ""
	for i := range batch.Entries {
		if t := batch.Entries[i].ObjectType; t != nil {
			object = *t
			break
		}
	}
	return newMessage(batch.OrganizationID, batch.ActionID, object, len(batch.Entries))
}

// refusalOf returns the refusal that an error is, or one of its kind: of Echo's own for an unknown
// path or method.
func refusalOf(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	if e, ok := errors.AsType[*echo.HTTPError](err); ok {
		switch e.Code {
		case http.StatusNotFound:
			return &refusal{cause: causeUnknownToken}
		case http.StatusMethodNotAllowed:
			return &refusal{cause: causeMethod}
		}
	}
	return &refusal{cause: causeInternal, err: err}
}

// status returns the status of the answer.
func (r *refusal) status() int { return answers[r.cause].status }

// reason returns what the sender is told.
func (r *refusal) reason() string { return cmp.Or(r.placedDetail(), answers[r.cause].reason) }

// placedDetail returns the detail with its place, or "".
func (r *refusal) placedDetail() string {
	if r.line == 0 {
		return r.detail
	}
	return fmt.Sprintf("line %d, column %d: %s", r.line, r.column, r.detail)
}

// Error is for the log.
func (r *refusal) Error() string {
	if r.err != nil {
		return fmt.Sprintf("%s: %v", r.cause, r.err)
	}
	return r.cause.String()
}

// Unwrap returns what went wrong on our side, or nil.
func (r *refusal) Unwrap() error { return r.err }
