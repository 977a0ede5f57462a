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

// fault answers a request with a Fault, and records what is to be recorded.
func (h *Handlers) fault(c echo.Context, r *refusal) error {
	answer := answers[r.cause]
	h.metrics.refused(r.cause)
	h.logRefusal(c, r, answer)
	if answer.recorded {
		h.record(c, r, answer)
	}
	return c.Blob(answer.status, contentType, soap.Fault(answer.code(), r.reason()))
}

func (h *Handlers) logRefusal(c echo.Context, r *refusal, a answer) {
	level := slog.LevelWarn
	if a.status >= http.StatusInternalServerError && r.cause != causeOverloaded { // that one says only: later
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("request_id", requestID(c)), slog.String("source", r.source.Name),
		slog.String("cause", string(r.cause)), slog.Int("status", a.status), slog.String("remote_addr", c.RealIP()),
	}
	if r.parse != nil {
		attrs = append(attrs, slog.String("detail", r.parse.Error()))
	}
	if r.err != nil {
		attrs = append(attrs, slog.Any("error", r.err))
	}
	h.Log.LogAttrs(c.Request().Context(), level, "message refused", attrs...)
}

// record adds the refusal to those that an operator can list. When that is not possible now, the log has it.
func (h *Handlers) record(c echo.Context, r *refusal, a answer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), recordTimeout)
	defer cancel()
	refused := store.Refusal{
		SourceID: r.source.ID, Cause: string(r.cause), Status: a.status, Detail: r.reason(), Size: int64(r.size),
		RequestID: requestID(c), RemoteAddr: c.RealIP(), At: time.Now(),
	}
	if r.parse != nil {
		refused.Detail, refused.Line, refused.Column = r.parse.Problem, r.parse.Line, r.parse.Column
	}
	if err := h.Store.Refuse(ctx, refused); err != nil {
		h.Log.Error("refusal not recorded", "request_id", requestID(c), "error", err)
	}
}
