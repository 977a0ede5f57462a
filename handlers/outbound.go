package handlers

import (
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"ackbox/ledger"
	"ackbox/soap"
	"ackbox/store"
)

// OutboundPath is where outbound messages are posted to, each source under a path of its own below
// it. All that is not 200 there is a SOAP Fault, and there is never a redirect, an authentication
// challenge or compression: Salesforce takes each of them for "Content is not allowed in prolog"
// (help 000381752).
const OutboundPath = "/outbound"

// RegisterOutbound adds the routes of outbound messages to the group of [OutboundPath], whose
// errors are to be answered by [Handlers.OutboundErrors].
func RegisterOutbound(group *echo.Group, h *Handlers) {
	for _, path := range []string{"/:token", "/:token/"} { // a pasted URL may end in a slash
		group.POST(path, func(c echo.Context) error { return h.receive(c, outbound{h.Types}) })
		group.GET(path, listenerPage)
		group.HEAD(path, listenerPage)
		group.OPTIONS(path, optionsNotAllowed)
	}
}

// OutboundErrors answers the error of a request below [OutboundPath] with a Fault, and counts it.
func (h *Handlers) OutboundErrors(err error, c echo.Context) { h.answerErrors(outbound{})(err, c) }

// outbound is the wire of outbound messages: SOAP 1.1.
type outbound struct{ types *soap.Types }

const (
	xmlContentType = "text/xml; charset=utf-8"
	// salesforceContentType is what Salesforce sends, letter for letter.
	salesforceContentType = "text/xml; charset=UTF-8"
)

// check finds what keeps a body's bytes from being XML in UTF-8.
func (outbound) check(header http.Header) *refusal {
	if coding := header.Get(echo.HeaderContentEncoding); coding != "" && !strings.EqualFold(coding, "identity") {
		return &refusal{cause: causeContentEncoding}
	}
	if header.Get(echo.HeaderContentType) == salesforceContentType {
		return nil
	}
	mediaType, parameters, err := mime.ParseMediaType(header.Get(echo.HeaderContentType))
	if mediaType == "application/soap+xml" {
		return &refusal{cause: causeContentType}
	}
	if charset, given := parameters["charset"]; err == nil && given && !isUTF8(charset) {
		return &refusal{cause: causeCharset}
	}
	return nil
}

// isUTF8 reports whether a charset is UTF-8, under its name or one of its labels in
// https://encoding.spec.whatwg.org/#names-and-labels that senders use.
func isUTF8(charset string) bool {
	charset = strings.TrimSpace(charset)
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

// decoderCauses are those of the decoder.
var decoderCauses = map[soap.Cause]cause{
	soap.CauseMalformed: causeMalformed,
	soap.CauseForbidden: causeForbidden,
	soap.CauseEncoding:  causeEncoding,
	soap.CauseVersion:   causeVersion,
	soap.CauseShape:     causeShape,
	soap.CauseIdentity:  causeIdentity,
	soap.CauseCount:     causeCount,
	soap.CauseLimit:     causeLimit,
}

func (o outbound) decode(body []byte) (*ledger.Batch, *refusal) {
	batch, err := soap.Decode(body, o.types)
	if err == nil {
		return batch, nil
	}
	e, ok := errors.AsType[*soap.ParseError](err)
	if !ok {
		return nil, &refusal{cause: causeInternal, err: err}
	}
	return nil, &refusal{
		cause: decoderCauses[e.Cause], detail: e.Problem, line: e.Line, column: e.Column,
		message: newMessage(e.OrganizationID, e.ActionID, e.ObjectType, e.Notifications),
	}
}

// The Ack and its Content-Type, which all answers share.
var (
	ack            = []byte(soap.Ack)
	ackContentType = []string{xmlContentType}
)

func (outbound) accept(c echo.Context, _ store.Saved) error {
	c.Response().Header()[echo.HeaderContentType] = ackContentType
	return c.Blob(http.StatusOK, xmlContentType, ack)
}

func (outbound) refuse(c echo.Context, r *refusal) error {
	code := soap.FaultClient
	if r.status() == http.StatusServiceUnavailable {
		code = soap.FaultServer
	}
	return c.Blob(r.status(), xmlContentType, soap.Fault(code, r.reason()))
}

// optionsNotAllowed refuses OPTIONS, which Echo would answer with 204.
func optionsNotAllowed(c echo.Context) error {
	c.Response().Header().Set(echo.HeaderAllow, "OPTIONS, GET, HEAD, POST") // as Echo's for the other methods
	return echo.ErrMethodNotAllowed
}
