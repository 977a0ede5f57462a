package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"ackbox/handlers"
)

// endpoint is an address that is served.
type endpoint struct {
	server   *http.Server
	listener net.Listener
}

// listen opens the public port and, where one is set, that of the admin address. Only the public
// one has access control: the other is for those who can reach it.
func (c *serveCmd) listen(ctx context.Context, s *surfaces, a *accessControl) ([]*endpoint, error) {
	public, err := openEndpoint(ctx, net.JoinHostPort(c.Host, strconv.Itoa(c.Public.Port)), s.public())
	if err != nil {
		return nil, err
	}
	public.listener = a.connections.Listener(public.listener)
	public.server.ConnState = a.connections.ConnState
	if a.certificate != nil {
		public.server.TLSConfig = a.certificate.TLS(a.Certificates)
	}
	if c.AdminAddr == "" {
		return []*endpoint{public}, nil
	}
	admin, err := openEndpoint(ctx, c.AdminAddr, s.admin())
	if err != nil {
		_ = public.listener.Close() // the error that counts is the other one
		return nil, err
	}
	return []*endpoint{public, admin}, nil
}

// openEndpoint listens at an address. What comes is answered when the endpoint serves.
func openEndpoint(ctx context.Context, addr string, routes http.Handler) (*endpoint, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w\nPorts below 1024 are for root, or for a program that setcap "+
			"cap_net_bind_service=+ep allows them; Salesforce also posts to ports from 1024 on", err)
	case err != nil:
		return nil, fmt.Errorf("%w\nChoose another with PORT or --admin-addr, or end what listens there", err)
	}
	return &endpoint{newServer(routes), l}, nil
}

// Bounds of a request. They are what Salesforce needs with room to spare, so no setting changes
// them.
const (
	headerLimit   = 64 << 10
	headerTimeout = 10 * time.Second // for a request's header to arrive, TLS included
	readTimeout   = 30 * time.Second // for a request to arrive
	writeTimeout  = 60 * time.Second // for a request in all
	idleTimeout   = 120 * time.Second
)

func newServer(routes http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // all that Salesforce speaks
	return &http.Server{
		Handler:           routes,
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerLimit,
		// What clients do wrong with TCP is for those who look for it.
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
		// OPTIONS * is answered like the rest.
		DisableGeneralOptionsHandler: true,
	}
}

// serve answers until drain ends it.
func (e *endpoint) serve() error {
	serve := e.server.Serve
	if e.server.TLSConfig != nil {
		serve = func(l net.Listener) error { return e.server.ServeTLS(l, "", "") }
	}
	if err := serve(e.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// drain ends the server when the context does: no new connection, and every request that has come
// in is answered.
func (e *endpoint) drain(ctx context.Context, health *handlers.Health) error {
	<-ctx.Done()
	health.Stop()
	slog.Info("stopping, requests under way are answered")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := e.server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stop: %w: connections are closed that did not end in %s", err, drainTimeout),
			e.server.Close())
	}
	return nil
}
