package handlers

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ackbox/store"
)

// refusalRecorder records a refusal, for an operator to list.
type refusalRecorder interface {
	Refuse(ctx context.Context, r store.Refusal) error
}

// recordTimeout is how long a refusal may take to be recorded: its answer does not depend on it.
const recordTimeout = 2 * time.Second

// note counts a refusal under the status of its answer, or reports what a message that is taken all
// the same would be refused for. Of many, a sample is logged, and recorded for its source.
func (h *Handlers) note(c echo.Context, r *refusal, reported bool) {
	now, status := time.Now(), r.status()
	if reported {
		status = http.StatusOK
	}
	key := refusalKey{r.source.Name, r.cause, status, reported}
	if sample := h.refusals.add(key, now); !sample {
		return
	}
	h.logRefusal(c, r, key)
	if answers[r.cause].recorded {
		h.record(c, r, key, now)
	}
}

func (h *Handlers) logRefusal(c echo.Context, r *refusal, key refusalKey) {
	attrs := []slog.Attr{
		slog.String("request_id", requestID(c)), slog.String("source", r.source.Name),
		slog.String("cause", r.cause.String()), slog.Int("status", key.status), slog.String("remote_addr", c.RealIP()),
	}
	if detail := r.placedDetail(); detail != "" {
		attrs = append(attrs, slog.String("detail", detail))
	}
	if r.err != nil {
		attrs = append(attrs, slog.Any("error", r.err))
	}
	attrs = append(attrs, r.message.attrs()...)
	ctx := c.Request().Context()
	switch {
	case key.reported:
		h.Log.LogAttrs(ctx, slog.LevelWarn, "message taken, enforce would refuse it", attrs...)
	case key.status >= http.StatusInternalServerError && r.cause != causeOverloaded: // it only says: later
		h.Log.LogAttrs(ctx, slog.LevelError, "message refused", attrs...)
	default:
		h.Log.LogAttrs(ctx, slog.LevelWarn, "message refused", attrs...)
	}
}

// attrs returns what was read of a message, for the log.
func (m message) attrs() (attrs []slog.Attr) {
	for _, a := range []struct{ key, value string }{
		{"organization_id", m.organization}, {"action_id", m.action}, {"object_type", m.object},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, a.value))
		}
	}
	if m.notifications > 0 {
		attrs = append(attrs, slog.Int("notifications", m.notifications))
	}
	return attrs
}

// record adds the refusal to those that an operator can list. If that is not possible now, the log
// has it.
func (h *Handlers) record(c echo.Context, r *refusal, key refusalKey, now time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), recordTimeout)
	defer cancel()
	err := h.Store.Refuse(ctx, store.Refusal{
		SourceID: r.source.ID, Cause: r.cause.String(), Status: key.status, Reported: key.reported,
		Detail: cmp.Or(r.detail, answers[r.cause].reason), OrganizationID: r.message.organization,
		ActionID: r.message.action, ObjectType: r.message.object, Notifications: r.message.notifications,
		Line: r.line, Column: r.column, Size: int64(r.size), RequestID: requestID(c), RemoteAddr: c.RealIP(), At: now,
	})
	if err != nil {
		h.Log.Error("refusal not recorded", "request_id", requestID(c), "error", err)
	}
}

// requestID returns the id of the request that is being answered.
func requestID(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }
