package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"ackbox/store"
)

const (
	// readyTimeout is how long the database may take to answer when readiness is asked for.
	readyTimeout = 2 * time.Second
	// readyAge is how old the answer may be: whoever asks all the time must not wear out the database.
	readyAge = 100 * time.Millisecond
)

// Warnings returns sentences for the operator. They name nothing that only an operator may know:
// /readyz is public.
type Warnings func(now time.Time) []string

// healthReader asks the database how it is.
type healthReader interface {
	Health(ctx context.Context) (store.Health, error)
}

// Health answers whether the process is alive and whether it is ready.
type Health struct {
	// Size is shown if it is not nil.
	Size *DatabaseSize

	store    *cached[store.Health]
	warnings []Warnings
	stopping atomic.Bool
}

// NewHealth returns a Health that asks a database, and shows warnings beside the database's.
func NewHealth(r healthReader, log *slog.Logger, warnings ...Warnings) *Health {
	logged := ""
	ask := func(ctx context.Context) (store.Health, error) {
		ctx, cancel := context.WithTimeout(ctx, readyTimeout)
		defer cancel()
		health, err := r.Health(ctx)
		if err != nil && health.Problem == "" {
			health.Problem = "the database does not answer"
		}
		if health.Problem != "" && health.Problem != logged { // once, however many ask
			log.Warn("not ready", "problem", health.Problem, "error", err)
		}
		logged = health.Problem
		return health, err
	}
	return &Health{store: newCached(ask), warnings: warnings}
}

// RegisterHealth adds /healthz and /readyz.
func RegisterHealth(group *echo.Group, h *Health) {
	group.GET("/healthz", h.healthz)
	group.GET("/readyz", h.readyz)
}

// Stop makes /readyz say that the process is going away. Messages are still taken: whoever has a
// connection is served.
func (h *Health) Stop() { h.stopping.Store(true) }

// healthz answers that the process is alive, which says nothing of the database.
func (h *Health) healthz(c echo.Context) error { return c.String(http.StatusOK, "alive\n") }

// readiness is the body of /readyz.
type readiness struct {
	// Status is ready, stopping, unavailable (the database) or outdated (its schema).
	Status   string `json:"status"`
	Database string `json:"database"` // up, or down if it does not answer
	Schema   schema `json:"schema"`
	// Problem says why messages cannot be stored. Like the warnings, it names nothing that only an
	// operator may know.
	Problem string `json:"problem"`
	// Size is null until the database was measured.
	Size     *databaseSize `json:"size"`
	Warnings []string      `json:"warnings"`
}

type schema struct {
	Have int64 `json:"have"`
	Want int64 `json:"want"`
}

// readyz answers whether a message that is posted now would be stored.
func (h *Health) readyz(c echo.Context) error {
	r := h.readiness(h.store.get(context.Background(), readyAge))
	status := http.StatusOK
	if r.Status != "ready" {
		status = http.StatusServiceUnavailable
	}
	return c.JSON(status, r)
}

func (h *Health) readiness(health store.Health, err error) readiness {
	r := readiness{
		Status: "ready", Database: "up", Schema: schema{health.Have, health.Want},
		Problem: health.Problem,
	}
	r.Warnings = append([]string{}, health.Warnings...)
	for _, warnings := range h.warnings {
		r.Warnings = append(r.Warnings, warnings(time.Now())...)
	}
	if h.Size != nil {
		r.Size = h.Size.report()
		r.Warnings = append(r.Warnings, h.Size.Warnings(time.Now())...)
	}
	switch {
	case h.stopping.Load():
		r.Status = "stopping"
	case err != nil:
		r.Status = "unavailable"
	case health.Have < health.Want:
		r.Status = "outdated"
	case health.Problem != "":
		r.Status = "unavailable"
	}
	if err != nil && !health.Answers {
		r.Database = "down"
	}
	return r
}
