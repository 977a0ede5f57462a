package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"ackbox/store"
)

// readyTimeout is how long the database may take to answer when readiness is asked for.
const readyTimeout = 2 * time.Second

// readiness is the body of /readyz.
type readiness struct {
	// Status is ready, stopping, unavailable (the database) or outdated (its schema).
	Status   string   `json:"status"`
	Database string   `json:"database"` // up or down
	Schema   schema   `json:"schema"`
	Warnings []string `json:"warnings"`
}

type schema struct {
	Have int64 `json:"have"`
	Want int64 `json:"want"`
}

// healthz tells that the process is alive, which says nothing of the database.
func (h *Handlers) healthz(c echo.Context) error { return c.String(http.StatusOK, "alive\n") }

// readyz tells whether a message that is posted now would be stored.
func (h *Handlers) readyz(c echo.Context) error {
	health, err := h.health.of(h.Store, h.Log)
	r := h.readiness(health, err)
	status := http.StatusOK
	if r.Status != "ready" {
		status = http.StatusServiceUnavailable
	}
	return c.JSON(status, r)
}

func (h *Handlers) readiness(health store.Health, err error) readiness {
	r := readiness{Status: "ready", Database: "up", Schema: schema{health.Have, health.Want}, Warnings: []string{}}
	r.Warnings = append(append(r.Warnings, health.Warnings...), h.doorWarnings(time.Now())...)
	switch {
	case h.stopping.Load():
		r.Status = "stopping"
	case err != nil:
		r.Status = "unavailable"
	case health.Have < health.Want:
		r.Status = "outdated"
	}
	if err != nil {
		r.Database = "down"
	}
	return r
}

// checkupAge is how old the answer to /readyz may be: whoever asks all the time must not wear out the database.
const checkupAge = 100 * time.Millisecond

// checkup is what the database said last of its health.
type checkup struct {
	mu     sync.Mutex // held by who asks
	at     time.Time
	health store.Health
	err    error
}

// of asks for the health of a database unless somebody just has. Whoever comes while another asks waits for it. That it
// went away is logged once: anybody may ask.
func (c *checkup) of(s Store, log *slog.Logger) (store.Health, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.at) >= checkupAge {
		ctx, cancel := context.WithTimeout(context.Background(), readyTimeout) // it is for all who ask
		defer cancel()
		health, err := s.Health(ctx)
		if err != nil && c.err == nil {
			log.Warn("not ready", "error", err)
		}
		c.at, c.health, c.err = time.Now(), health, err
	}
	return c.health, c.err
}
