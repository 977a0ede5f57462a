package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ackbox/handlers"
	"ackbox/internal/access/address"
	"ackbox/internal/web"
)

// surfaces are what this process answers.
type surfaces struct {
	handlers     *handlers.Handlers
	health       *handlers.Health
	metrics      *prometheus.Registry
	metricsToken string
	proxies      *address.Proxies
}

// newRegistry returns the registry that the surfaces register their metrics with.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// public returns what is answered at the address that Salesforce reaches.
func (s *surfaces) public() http.Handler {
	w := web.New(slog.Default(), s.proxies.Remote)
	outbound := w.Surface(handlers.OutboundPath, s.handlers.OutboundErrors)
	handlers.RegisterOutbound(outbound, s.handlers)
	handlers.RegisterHealth(w.Group(""), s.health)
	handlers.RegisterRoot(w.Group(""))
	w.GET("/metrics", s.metricsPage(), s.requireMetricsToken)
	return w
}

// admin returns what is answered at the address that only operators reach.
func (s *surfaces) admin() http.Handler {
	w := web.New(slog.Default(), s.proxies.Remote)
	handlers.RegisterHealth(w.Group(""), s.health)
	w.GET("/metrics", s.metricsPage())
	return w
}

func (s *surfaces) metricsPage() echo.HandlerFunc {
	return echo.WrapHandler(promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}))
}

// requireMetricsToken is the middleware that lets only requests with the token see the metrics.
// Without a token there are none at the public address.
func (s *surfaces) requireMetricsToken(next echo.HandlerFunc) echo.HandlerFunc {
	want := sha256.Sum256([]byte(s.metricsToken))
	return func(c echo.Context) error {
		given, isBearer := strings.CutPrefix(c.Request().Header.Get(echo.HeaderAuthorization), "Bearer ")
		got := sha256.Sum256([]byte(given))
		if s.metricsToken == "" || !isBearer || subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
			return echo.ErrNotFound
		}
		return next(c)
	}
}
