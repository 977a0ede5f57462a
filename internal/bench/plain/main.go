// Command plain is the listener that the end-to-end benchmark compares ackbox with: what a
// competent developer writes in an afternoon with net/http, encoding/xml, the generated types and
// database/sql. It keeps the same promise, an Ack only after the commit and no duplicates, with the
// same table, which ackbox has created. It accepts Leads only.
package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"ackbox/soap"
	"ackbox/soap/sobject/lead"
)

// The bounds of requests, which are those of ackbox serve.
const (
	bodyLimit    = 32 << 20
	readTimeout  = 30 * time.Second
	writeTimeout = time.Minute
	drainTimeout = 10 * time.Second
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, os.Getenv("DATABASE_URL"), "127.0.0.1:"+os.Getenv("PORT")); err != nil {
		log.Fatal("plain: ", err)
	}
}

// run serves until the context ends.
func run(ctx context.Context, databaseURL, addr string) (err error) {
	db, err := open(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	mux := http.NewServeMux()
	mux.Handle("POST /outbound/{token}", receive(db))
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	server := &http.Server{
		Addr: addr, Handler: mux, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
	}
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		stopped <- server.Shutdown(ctx)
	})
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// receive returns a handler that acks a message once it is stored.
func receive(db *database) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		message, err := decode(w, r)
		if err != nil {
			fault(w, http.StatusBadRequest, soap.FaultClient, err)
			return
		}
		if err := db.save(r.Context(), message); err != nil {
			fault(w, http.StatusServiceUnavailable, soap.FaultServer, err)
			return
		}
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = w.Write([]byte(soap.Ack)) // without the Ack the sender sends it again
	})
}

// decode decodes the message of a request into the generated types.
func decode(w http.ResponseWriter, r *http.Request) (*lead.Notifications, error) {
	var envelope struct {
		XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
		Body    struct {
			Notifications *lead.Notifications `xml:"http://soap.sforce.com/2005/09/outbound notifications"`
		} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
	}
	if err := xml.NewDecoder(http.MaxBytesReader(w, r.Body, bodyLimit)).Decode(&envelope); err != nil {
		return nil, fmt.Errorf("decode message: %w", err)
	}
	n := envelope.Body.Notifications
	if n == nil || n.OrganizationId == nil || n.ActionId == nil || len(n.Notification) == 0 {
		return nil, errors.New("the message has no notifications")
	}
	return n, nil
}

func fault(w http.ResponseWriter, status int, code soap.FaultCode, err error) {
	log.Print(err)
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(soap.Fault(code, http.StatusText(status)))
}
