package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ackbox/soap"
	"ackbox/store"
)

const contentType = "text/xml; charset=utf-8"

// recordTimeout is how long a refusal may take to be recorded: its answer does not depend on it.
const recordTimeout = 2 * time.Second

// fault answers a request with a Fault.
func (h *Handlers) fault(c echo.Context, r *refusal) error {
	answer := answers[r.cause]
	h.metrics.refused(r.cause)
	h.note(c, r, answer.status)
	if r.cause == causeThrottled {
		c.Response().Header().Set(echo.HeaderConnection, "close") // the next one has to come by a new connection
	}
	return c.Blob(answer.status, contentType, soap.Fault(answer.code(), r.reason()))
}

// note counts a refusal under the status of its answer, 200 for a message that is taken all the same; a sample of many
// is logged, and recorded for its source.
func (h *Handlers) note(c echo.Context, r *refusal, status int) {
	now := time.Now()
	if !h.tally.add(event{r.source.Name, r.cause, status}, now) {
		return
	}
	h.logRefusal(c, r, status)
	if answers[r.cause].recorded {
		h.record(c, r, status, now)
	}
}

func (h *Handlers) logRefusal(c echo.Context, r *refusal, status int) {
	attrs := []slog.Attr{
		slog.String("request_id", requestID(c)), slog.String("source", r.source.Name),
		slog.String("cause", string(r.cause)), slog.Int("status", status), slog.String("remote_addr", c.RealIP()),
	}
	if detail := r.detail(); detail != "" {
		attrs = append(attrs, slog.String("detail", detail))
	}
	if r.err != nil {
		attrs = append(attrs, slog.Any("error", r.err))
	}
	ctx := c.Request().Context()
	switch {
	case status == http.StatusOK:
		h.Log.LogAttrs(ctx, slog.LevelWarn, "message taken, enforce would refuse it", attrs...)
	case status >= http.StatusInternalServerError && r.cause != causeOverloaded: // that one says only: later
		h.Log.LogAttrs(ctx, slog.LevelError, "message refused", attrs...)
	default:
		h.Log.LogAttrs(ctx, slog.LevelWarn, "message refused", attrs...)
	}
}

// record adds the refusal to those that an operator can list. When that is not possible now, the log has it.
func (h *Handlers) record(c echo.Context, r *refusal, status int, now time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), recordTimeout)
	defer cancel()
	refused := store.Refusal{
		SourceID: r.source.ID, Cause: string(r.cause), Status: status, Detail: r.reason(), Size: int64(r.size),
		RequestID: requestID(c), RemoteAddr: c.RealIP(), At: now,
	}
	if r.parse != nil {
		refused.Detail, refused.Line, refused.Column = r.parse.Problem, r.parse.Line, r.parse.Column
	}
	if err := h.Store.Refuse(ctx, refused); err != nil {
		h.Log.Error("refusal not recorded", "request_id", requestID(c), "error", err)
	}
}
