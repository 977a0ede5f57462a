package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/labstack/echo/v4"

	"ackbox/ledger"
	"ackbox/store"
)

// wire is how an intake speaks over HTTP. Whatever is the same for all of them, from the source to
// the commit, is here.
type wire interface {
	// check returns why a request cannot be read, by its headers alone, or nil.
	check(header http.Header) *refusal
	// decode reads a body.
	decode(body []byte) (*ledger.Batch, *refusal)
	// accept answers a batch that was committed.
	accept(c echo.Context, saved store.Saved) error
	// refuse answers a request that was refused.
	refuse(c echo.Context, r *refusal) error
}

// batchSaver stores a batch, and returns when it is committed.
type batchSaver interface {
	Save(ctx context.Context, in store.Inbound) (store.Saved, error)
}

// receive takes one request: it is accepted when it is committed, and never otherwise.
func (h *Handlers) receive(c echo.Context, w wire) error {
	started := time.Now()
	source, refused := h.source(c)
	var batch *ledger.Batch
	var saved store.Saved
	if refused == nil {
		batch, saved, refused = h.take(c, w, source)
	}
	if refused != nil {
		refused.source = source
		return refused
	}
	took := time.Since(started)
	h.metrics.accepted(source.Name, batch, saved, took)
	if !h.QuietAcks {
		h.logAcked(c, source, batch, saved, took)
	}
	return w.accept(c, saved)
}

// logAcked writes the line of a message that is acked. Its attributes have types, which spares
// reflection and allocations.
func (h *Handlers) logAcked(
	c echo.Context, source store.Source, batch *ledger.Batch, saved store.Saved, took time.Duration,
) {
	attrs := [...]slog.Attr{
		slog.String("request_id", requestID(c)), slog.String("source", source.Name),
		slog.Int("notifications", saved.Stored+saved.Revisions+saved.Duplicates),
		slog.Int("stored", saved.Stored), slog.Int("revisions", saved.Revisions),
		slog.Int("duplicates", saved.Duplicates), slog.Duration("duration", took),
		slog.Int("oddities", batch.Oddities),
	}
	logged := attrs[:]
	if batch.Oddities == 0 {
		logged = attrs[:len(attrs)-1]
	}
	h.Log.LogAttrs(c.Request().Context(), slog.LevelInfo, "message acked", logged...)
}

// answerErrors returns the handler of a wire's errors, which all requests that are not accepted end
// in.
func (h *Handlers) answerErrors(w wire) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		r := refusalOf(err)
		h.note(c, r, false)
		if r.cause == causeThrottled {
			c.Response().Header().Set(echo.HeaderConnection, "close") // the next one has to come by a new connection
		}
		if err := w.refuse(c, r); err != nil {
			h.Log.Debug("answer not sent", "request_id", requestID(c), "error", err)
		}
	}
}

// source returns the source of the URL's token. A token that was never valid, was rotated or is of
// a disabled source takes the same way at the same pace, so that the time tells them apart for
// nobody. Only those who ask for such are throttled, so that nobody who floods from a sender's
// address keeps that sender out.
func (h *Handlers) source(c echo.Context) (store.Source, *refusal) {
	key := store.TokenSHA256(pastedToken(c))
	source, found := h.sources.find(key)
	if found && source.DisabledAt == nil {
		return source, nil
	}
	if h.sources.loaded() && !h.unknownTokens.Allow(h.Access.Proxies.Client(c.Request()), time.Now()) {
		return store.Source{}, &refusal{cause: causeThrottled}
	}
	source, found, err := h.sources.findFresh(c.Request().Context(), key)
	switch {
	case err != nil:
		return store.Source{}, &refusal{cause: causeUnavailable, err: err}
	case !found:
		return store.Source{}, &refusal{cause: causeUnknownToken}
	case source.DisabledAt != nil:
		return source, &refusal{cause: causeDisabled}
	}
	return source, nil
}

// pastedToken returns the token of the URL without what is easily pasted with it: white space,
// which a browser or a form has escaped, and slashes. A token contains neither.
func pastedToken(c echo.Context) string {
	token := c.Param("token")
	if c.Request().URL.RawPath != "" { // then Echo has not decoded the path
		if decoded, err := url.PathUnescape(token); err == nil {
			token = decoded
		}
	}
	return strings.TrimFunc(token, func(r rune) bool { return r == '/' || unicode.IsSpace(r) })
}

// take stores what is posted to a source, if its sender may post there.
func (h *Handlers) take(c echo.Context, w wire, source store.Source) (*ledger.Batch, store.Saved, *refusal) {
	found, refused := h.admit(c, source)
	if refused != nil {
		return nil, store.Saved{}, refused
	}
	t := &turn{}
	defer t.finish() // before the answer: whoever has it may post the next message
	batch, refused := h.read(c, w, source, t)
	if refused != nil {
		return nil, store.Saved{}, refused
	}
	freeMemory(t.size)
	saved, refused := h.save(source, batch)
	if refused != nil {
		refused.message = messageOf(batch)
		return nil, saved, refused
	}
	h.report(c, source, batch, found)
	return batch, saved, nil
}

// read decodes a request and makes sure that its organization may post to the source. The turn is
// to be finished when the batch was saved.
func (h *Handlers) read(c echo.Context, w wire, source store.Source, t *turn) (*ledger.Batch, *refusal) {
	if refused := w.check(c.Request().Header); refused != nil {
		return nil, refused
	}
	var body bodyBuffer
	defer body.release()
	if refused := h.readBody(c, source, &body); refused != nil {
		refused.message = beginning(w, body.bytes())
		return nil, refused
	}
	batch, refused := h.decode(w, body.bytes(), t)
	if refused == nil && !source.Allows(batch.OrganizationID) {
		refused = &refusal{cause: causeOrganization, message: messageOf(batch)}
	}
	if refused != nil {
		refused.size = body.length
		return nil, refused
	}
	h.metrics.drifted(batch)
	return batch, nil
}

// maxBeginning is how much is decoded of a body that did not come to its end, to say whose it is.
const maxBeginning = 16 << 10

// beginning returns what the beginning of a body says of its message.
func beginning(w wire, body []byte) message {
	if len(body) == 0 {
		return message{}
	}
	batch, refused := w.decode(body[:min(len(body), maxBeginning)])
	if refused != nil {
		return refused.message
	}
	return messageOf(batch)
}

// save stores the batch, even when the sender goes away meanwhile: it will come again, and add
// nothing.
func (h *Handlers) save(source store.Source, batch *ledger.Batch) (store.Saved, *refusal) {
	now := time.Now()
	saved, err := h.Store.Save(h.saveDeadlines.next(now),
		store.Inbound{SourceID: source.ID, Batch: batch, ReceivedAt: now})
	switch {
	case errors.Is(err, store.ErrOverloaded):
		return saved, &refusal{cause: causeOverloaded, err: err}
	case errors.Is(err, store.ErrUnavailable):
		return saved, &refusal{cause: causeUnavailable, err: err}
	case err != nil:
		return saved, &refusal{cause: causeInternal, err: err}
	}
	return saved, nil
}
