package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"ackbox/relay"
	"ackbox/relay/webhook"
)

// receiveWebhooksCmd is the command receive-webhooks.
type receiveWebhooksCmd struct {
	Listen string   `default:"127.0.0.1:8099" help:"The address to listen on."`
	Secret []string `required:"" env:"ACKBOX_WEBHOOK_SECRET" placeholder:"whsec_…" help:"The secret of the destination, as destination add printed it; several while one is rotated."`
	Status int      `default:"204" help:"Answer verified events with this HTTP status, such as 503: to see how they are tried again."`
}

// maxEvent is the largest event that is read.
const maxEvent = 64 << 20

// Run implements the command: it prints the events that it gets until the context ends.
func (c *receiveWebhooksCmd) Run(ctx context.Context, t terminal) error {
	if c.Status < 200 || c.Status > 599 {
		return usageError{errors.New("--status must be 200 to 599")}
	}
	receiver := &webhookReceiver{terminal: t, status: c.Status}
	for _, secret := range c.Secret {
		key, err := webhook.ParseKey(strings.TrimSpace(secret))
		if err != nil {
			return usageError{errors.New("--secret is not whsec_ and base64, as ackbox destination add prints it")}
		}
		verifier, err := standardwebhooks.NewWebhookRaw(key)
		if err != nil {
			return usageError{err}
		}
		receiver.verifiers = append(receiver.verifiers, verifier)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("%w\nChoose another address with --listen, or end what listens there", err)
	}
	t.say("listening on http://%s; add it with: ackbox destination add NAME --kind webhook --url http://%s "+
		"--secret SECRET --allow-private", l.Addr(), l.Addr())
	server := newServer(receiver)
	stopped := context.AfterFunc(ctx, func() {
		_ = server.Close()
	})
	defer stopped()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return context.Cause(ctx)
}

// webhookReceiver prints each event whose signature is right as a line of JSON.
type webhookReceiver struct {
	terminal  terminal
	verifiers []*standardwebhooks.Webhook
	status    int

	mu sync.Mutex // is held while a line is printed
}

// ServeHTTP implements [http.Handler].
func (c *webhookReceiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
	if err != nil {
		http.Error(w, "the event is too large or was interrupted", http.StatusBadRequest)
		return
	}
	if err := c.verify(body, r.Header); err != nil {
		c.terminal.say("refused a request from %s: %v", r.RemoteAddr, err)
		http.Error(w, "the signature is not right", http.StatusBadRequest)
		return
	}
	line, err := eventLine(body, r.Header)
	if err == nil {
		err = c.print(line)
	}
	if err != nil {
		c.terminal.say("refused a request from %s: %v", r.RemoteAddr, err)
		http.Error(w, "this is not an event", http.StatusBadRequest)
		return
	}
	w.WriteHeader(c.status)
}

// verify checks that one of the secrets has signed the body, in the last 5 minutes.
func (c *webhookReceiver) verify(body []byte, h http.Header) (err error) {
	for _, v := range c.verifiers {
		if err = v.Verify(body, h); err == nil {
			return nil
		}
	}
	return err
}

func (c *webhookReceiver) print(line []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.terminal.out.Write(append(line, '\n'))
	return err
}

// eventLine returns an event as one line of JSON. Of one in binary mode, the attributes are in the
// headers.
func eventLine(body []byte, h http.Header) ([]byte, error) {
	if h.Get("Content-Type") != relay.ContentType {
		event := map[string]json.RawMessage{"data": body}
		for name, values := range h {
			if attribute, found := strings.CutPrefix(strings.ToLower(name), "ce-"); found {
				quoted, err := json.Marshal(values[0])
				if err != nil {
					return nil, err
				}
				event[attribute] = quoted
			}
		}
		return json.Marshal(event)
	}
	var line bytes.Buffer
	err := json.Compact(&line, body)
	return line.Bytes(), err
}
