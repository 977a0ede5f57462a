package handlers

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"ackbox/soap"
	"ackbox/store"
)

// cause is why a request is refused; it is a label of the metrics and a column of the refusals.
type cause string

// The causes beside those of [soap.Cause].
const (
	causeTooLarge        cause = "too_large"
	causeContentType     cause = "content_type"
	causeContentEncoding cause = "content_encoding"
	causeCharset         cause = "charset"
	causeInterrupted     cause = "interrupted"
	causeOrganization    cause = "organization"
	causeAddress         cause = "address"
	causeNoRanges        cause = "no_address_ranges"
	causeCertificate     cause = "client_certificate"
	causeUnknownToken    cause = "unknown_token"
	causeThrottled       cause = "throttled"
	causeDisabled        cause = "disabled"
	causeMethod          cause = "method"
	causeUnavailable     cause = "unavailable"
	causeOverloaded      cause = "overloaded"
	causeInternal        cause = "internal"
)

// answer is what a cause means to the sender.
type answer struct {
	status   int
	reason   string // "" for the refusal's own words
	recorded bool   // among the source's refusals
}

// answers is the one place where causes become statuses and public words.
var answers = map[cause]answer{
	cause(soap.CauseMalformed): {http.StatusBadRequest, "", true},
	cause(soap.CauseForbidden): {http.StatusBadRequest, "", true},
	cause(soap.CauseVersion):   {http.StatusBadRequest, "", true},
	cause(soap.CauseShape):     {http.StatusBadRequest, "", true},
	cause(soap.CauseIdentity):  {http.StatusBadRequest, "", true},
	cause(soap.CauseCount):     {http.StatusBadRequest, "", true},
	cause(soap.CauseLimit):     {http.StatusBadRequest, "", true},
	cause(soap.CauseEncoding):  {http.StatusUnsupportedMediaType, "", true},

	causeTooLarge: {http.StatusRequestEntityTooLarge, "the body is over the limit of this inbox", true},
	causeContentType: {http.StatusUnsupportedMediaType,
		"application/soap+xml is SOAP 1.2; outbound messages are text/xml", true},
	causeContentEncoding: {http.StatusUnsupportedMediaType, "a Content-Encoding is not read here", true},
	causeCharset:         {http.StatusUnsupportedMediaType, "the charset must be UTF-8", true},
	causeInterrupted:     {http.StatusBadRequest, "the body stopped before its end", true},
	causeOrganization: {http.StatusForbidden,
		"this organization may not post here: an operator can allow it with ackbox source allow", true},
	causeAddress: {http.StatusForbidden,
		"the address that this comes from is in none of the ranges that may post here", true},
	causeCertificate: {http.StatusForbidden, "", true},

	causeUnknownToken: {http.StatusNotFound, "there is no inbox at this URL", false},
	causeDisabled:     {http.StatusNotFound, "there is no inbox at this URL", false},
	causeThrottled: {http.StatusTooManyRequests,
		"this address has asked for too many inboxes that do not exist; wait a minute", false},
	causeMethod: {http.StatusMethodNotAllowed, "outbound messages are posted", false},

	causeNoRanges: {http.StatusServiceUnavailable,
		"the list of the addresses that may post here has not come yet; send it again", false},
	causeUnavailable: {http.StatusServiceUnavailable, "the inbox cannot store messages now; send it again", false},
	causeOverloaded:  {http.StatusServiceUnavailable, "the inbox has too much to do now; send it again", false},
	causeInternal:    {http.StatusServiceUnavailable, "the inbox could not store this message; send it again", false},
}

// code says whose fault the cause is.
func (a answer) code() soap.FaultCode {
	if a.status == http.StatusServiceUnavailable {
		return soap.FaultServer
	}
	return soap.FaultClient
}

// refusal is the error of a request that gets no Ack.
type refusal struct {
	cause  cause
	source store.Source // zero when it is not known
	parse  *soap.ParseError
	words  string // instead of the cause's own
	size   int    // of the body, as far as it is known
	err    error  // what went wrong on our side; for the log alone
}

func refuse(c cause) *refusal { return &refusal{cause: c} }

func refuseParse(err error) *refusal {
	parse, ok := errors.AsType[*soap.ParseError](err)
	if !ok {
		return refuse(causeInternal).because(err)
	}
	return &refusal{cause: cause(parse.Cause), parse: parse}
}

// refusalOf makes a refusal of any error, Echo's own for an unknown path or method among them.
func refusalOf(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	if e, ok := errors.AsType[*echo.HTTPError](err); ok {
		switch e.Code {
		case http.StatusNotFound:
			return refuse(causeUnknownToken)
		case http.StatusMethodNotAllowed:
			return refuse(causeMethod)
		}
	}
	return refuse(causeInternal).because(err)
}

func (r *refusal) of(source store.Source) *refusal {
	r.source = source
	return r
}

func (r *refusal) sized(bytes int) *refusal {
	r.size = bytes
	return r
}

func (r *refusal) saying(words string) *refusal {
	r.words = words
	return r
}

func (r *refusal) because(err error) *refusal {
	r.err = err
	return r
}

// reason is what the sender is told.
func (r *refusal) reason() string { return cmp.Or(r.detail(), answers[r.cause].reason) }

// detail is what the log says beside the cause: what only this refusal knows.
func (r *refusal) detail() string {
	if r.parse != nil {
		return r.parse.Error()
	}
	return r.words
}

// Error is for the log.
func (r *refusal) Error() string {
	if r.err != nil {
		return fmt.Sprintf("%s: %v", r.cause, r.err)
	}
	return string(r.cause)
}
