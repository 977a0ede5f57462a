package handlers

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ackbox/ledger"
	"ackbox/soap"
	"ackbox/store"
)

// receive takes one message: it is acked when it is committed, and never otherwise.
func (h *Handlers) receive(c echo.Context) error {
	started := time.Now()
	source, err := h.source(c)
	if err != nil {
		return err
	}
	found, err := h.admit(c, source)
	if err != nil {
		return err
	}
	batch, err := h.read(c, source)
	if err != nil {
		return err
	}
	saved, err := h.save(c, source, batch)
	if err != nil {
		return err
	}
	h.report(c, found)
	h.metrics.acked(source.Name, saved, time.Since(started))
	h.Log.Info("message acked", "request_id", requestID(c), "source", source.Name,
		"notifications", len(batch.Entries), "stored", saved.Stored, "revisions", saved.Revisions,
		"duplicates", saved.Duplicates, "duration", time.Since(started))
	return c.Blob(http.StatusOK, contentType, ack)
}

var ack = []byte(soap.Ack)

// source is the one that the URL's token opens. A token that opens none, was rotated away or is of a disabled source
// goes the same way at the same pace, so that the time it takes tells them apart for nobody; and only those who ask for
// such are throttled, so that nobody who floods from a sender's address keeps that sender out.
func (h *Handlers) source(c echo.Context) (store.Source, error) {
	key := store.TokenSHA256(c.Param("token"))
	source, found := h.sources.find(key)
	if found && source.DisabledAt == nil {
		return source, nil
	}
	if h.sources.loaded() && !h.strays.Allow(h.Doors.client(c.Request()), time.Now()) {
		return store.Source{}, refuse(causeThrottled)
	}
	source, found, err := h.sources.findAnew(c.Request().Context(), key)
	switch {
	case err != nil:
		return store.Source{}, refuse(causeUnavailable).because(err)
	case !found:
		return store.Source{}, refuse(causeUnknownToken)
	case source.DisabledAt != nil:
		return store.Source{}, refuse(causeDisabled).of(source)
	}
	return source, nil
}

// read decodes the message of a request and makes sure that its organization may post to the source.
func (h *Handlers) read(c echo.Context, source store.Source) (*ledger.Batch, error) {
	if cause := encodingOf(c.Request().Header); cause != "" {
		return nil, refuse(cause).of(source)
	}
	body, release, err := h.readBody(c)
	defer release()
	if err != nil {
		return nil, err.of(source)
	}
	batch, parseErr := h.decode(body)
	if parseErr != nil {
		return nil, refuseParse(parseErr).of(source).sized(len(body))
	}
	if !source.Allows(batch.OrganizationID) {
		return nil, refuse(causeOrganization).of(source).sized(len(body))
	}
	h.metrics.drifted(batch)
	return batch, nil
}

// decode decodes a body when there is room for that, which is soon: nobody who decodes waits for anything.
func (h *Handlers) decode(body []byte) (*ledger.Batch, error) {
	if err := h.decoding.Acquire(context.Background(), int64(len(body))); err != nil {
		return nil, err
	}
	defer h.decoding.Release(int64(len(body)))
	return soap.Decode(body, h.Types)
}

// salesforceContentType is what Salesforce sends, letter for letter.
const salesforceContentType = "text/xml; charset=UTF-8"

// encodingOf finds what keeps a body's bytes from being XML in UTF-8, by its headers alone: a cause or nothing.
func encodingOf(header http.Header) cause {
	if coding := header.Get(echo.HeaderContentEncoding); coding != "" && !strings.EqualFold(coding, "identity") {
		return causeContentEncoding
	}
	if header.Get(echo.HeaderContentType) == salesforceContentType {
		return ""
	}
	mediaType, parameters, err := mime.ParseMediaType(header.Get(echo.HeaderContentType))
	if mediaType == "application/soap+xml" {
		return causeContentType
	}
	if charset, given := parameters["charset"]; err == nil && given && !strings.EqualFold(charset, "utf-8") {
		return causeCharset
	}
	return ""
}

// save stores the message, even when the sender goes away meanwhile: it will come again, and add nothing.
func (h *Handlers) save(c echo.Context, source store.Source, batch *ledger.Batch) (store.Saved, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), h.SaveTimeout)
	defer cancel()
	saved, err := h.Store.Save(ctx, store.Inbound{SourceID: source.ID, Batch: batch, ReceivedAt: time.Now()})
	switch {
	case errors.Is(err, store.ErrOverloaded):
		return saved, refuse(causeOverloaded).of(source).because(err)
	case errors.Is(err, store.ErrUnavailable):
		return saved, refuse(causeUnavailable).of(source).because(err)
	case err != nil:
		return saved, refuse(causeInternal).of(source).because(err)
	}
	return saved, nil
}
