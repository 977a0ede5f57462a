// Package webhook delivers events by HTTP POST, signed by the Standard Webhooks specification:
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"ackbox/relay"
)

// Settings are the settings of a webhook.
type Settings struct {
	// Endpoint is the scheme and the host of the URL, to show. The URL itself is a secret.
	Endpoint string `json:"endpoint"`
	// AllowPrivate allows addresses of private networks and of this machine.
	AllowPrivate bool `json:"allow_private,omitempty"`
	// Binary sends the attributes of an event as headers, and its data as the body.
	Binary bool `json:"binary,omitempty"`
	// Concurrency is how many requests are sent at the same time; [DefaultConcurrency] when 0.
	Concurrency int `json:"concurrency,omitempty"`
}

// The secrets of a webhook in [relay.Config]. Headers have the name after the colon.
const (
	SecretURL      = "url"
	SecretKey      = "secret"          // whsec_…
	SecretPrevious = "previous_secret" // valid, too, while one is rotated
	SecretHeader   = "header:"
)

const (
	// DefaultConcurrency is how many requests are sent at the same time.
	DefaultConcurrency = 32
	// MaxConcurrency is how many may be.
	MaxConcurrency = 256

	timeout   = 15 * time.Second
	maxAnswer = 64 << 10
	maxShown  = 1 << 10
)

// Validate returns an error for a setting that cannot be used.
func (s *Settings) Validate() error {
	if s.Concurrency < 0 || s.Concurrency > MaxConcurrency {
		return fmt.Errorf("the concurrency must be 1 to %d", MaxConcurrency)
	}
	return nil
}

// sender sends events to one URL.
type sender struct {
	settings Settings
	url      string
	headers  http.Header
	keys     [][]byte
	dialer   *dialer
	client   *http.Client
	slots    chan struct{} // one for each request
}

// Open returns a sender for the settings and secrets of a destination.
func Open(c relay.Config) (relay.Sender, error) {
	s := &sender{url: c.Secrets[SecretURL], headers: http.Header{}}
	if err := json.Unmarshal(c.Settings, &s.settings); err != nil {
		return nil, fmt.Errorf("settings of webhook %s: %w", c.Name, err)
	}
	if err := s.settings.Validate(); err != nil {
		return nil, fmt.Errorf("settings of webhook %s: %w", c.Name, err)
	}
	if _, err := ParseURL(s.url); err != nil {
		return nil, fmt.Errorf("webhook %s: %w", c.Name, err)
	}
	for _, name := range []string{SecretKey, SecretPrevious} {
		if text := c.Secrets[name]; text != "" {
			key, err := ParseKey(text)
			if err != nil {
				return nil, fmt.Errorf("webhook %s: %w", c.Name, err)
			}
			s.keys = append(s.keys, key)
		}
	}
	for name, value := range c.Secrets {
		if header, found := strings.CutPrefix(name, SecretHeader); found {
			s.headers.Set(header, value)
		}
	}
	if s.settings.Concurrency == 0 {
		s.settings.Concurrency = DefaultConcurrency
	}
	s.slots = make(chan struct{}, s.settings.Concurrency)
	s.dialer = newDialer(s.settings.AllowPrivate)
	s.client = newClient(s.dialer, s.settings.Concurrency)
	return s, nil
}

// ParseURL parses the URL of a webhook. Its error does not contain the URL.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("the URL of a webhook must be one such as https://example.com/hook")
	case u.User != nil:
		return nil, errors.New("the URL of a webhook must not contain a password; use --header Authorization=REF")
	case u.Fragment != "":
		return nil, errors.New("the URL of a webhook must not contain a #")
	}
	return u, nil
}

func newClient(d *dialer, concurrency int) *http.Client {
	transport := &http.Transport{
		DialContext:         d.DialContext,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true,
		MaxIdleConns:        concurrency,
		MaxIdleConnsPerHost: concurrency,
		MaxConnsPerHost:     concurrency,
		IdleConnTimeout:     90 * time.Second,
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close implements [relay.Sender]. Requests without an answer fail.
func (s *sender) Close() error {
	s.client.CloseIdleConnections()
	s.dialer.hangUp()
	return nil
}

// Send implements [relay.Sender]. Each event is a request.
func (s *sender) Send(ctx context.Context, events []relay.Event) []relay.Verdict {
	verdicts := make([]relay.Verdict, len(events))
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(len(events), s.settings.Concurrency) {
		workers.Go(func() {
			for i := range next {
				verdicts[i] = s.sendOne(ctx, &events[i])
			}
		})
	}
	for i := range events {
		next <- i
	}
	close(next)
	workers.Wait()
	return verdicts
}

// sendOne sends one event as soon as fewer than the concurrency are being sent.
func (s *sender) sendOne(ctx context.Context, e *relay.Event) relay.Verdict {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return interrupted()
	}
	defer func() { <-s.slots }()
	if ctx.Err() != nil {
		return interrupted()
	}
	begun := time.Now()
	verdict := s.post(ctx, e, begun)
	verdict.Took = time.Since(begun)
	return verdict
}

func interrupted() relay.Verdict {
	return relay.Verdict{Outcome: relay.Unavailable, Error: "interrupted"}
}

func (s *sender) post(ctx context.Context, e *relay.Event, now time.Time) relay.Verdict {
	timed, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := s.request(timed, e, now)
	if err != nil {
		return relay.Verdict{Outcome: relay.Impossible, Error: "the event cannot be written"}
	}
	response, err := s.client.Do(request)
	if err != nil {
		return s.failed(ctx, timed, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil && response.StatusCode/100 != 2 {
		err = nil // the status says enough
	}
	if err != nil {
		return s.failed(ctx, timed, err)
	}
	verdict := verdictOf(response, now)
	verdict.Answer = shown(answer)
	return verdict
}

// request returns the request for an event.
func (s *sender) request(ctx context.Context, e *relay.Event, now time.Time) (*http.Request, error) {
	var body []byte
	var err error
	if s.settings.Binary {
		body, err = e.Data()
	} else {
		body, err = e.AppendJSON(make([]byte, 0, 1024+len(e.Notification.Fields)))
	}
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range s.headers {
		request.Header[name] = values
	}
	request.Header.Set("User-Agent", "ackbox")
	// Nil is not sent. It says that the request may be sent again when the receiver has closed a
	// connection that was idle: the id tells that the event is the same.
	request.Header["Idempotency-Key"] = nil
	request.Header.Set("Content-Type", relay.ContentType)
	if s.settings.Binary {
		for _, a := range e.Attributes() {
			setAttribute(request.Header, a)
		}
	}
	sign(request.Header, s.keys, e.ID(), now, body)
	return request, nil
}

// setAttribute sets the header of an attribute, by the HTTP binding of CloudEvents:
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md.
// All values are printable ASCII without spaces already.
func setAttribute(h http.Header, a relay.Attribute) {
	if a.Name == "datacontenttype" {
		h.Set("Content-Type", a.Value)
		return
	}
	h["ce-"+a.Name] = []string{a.Value}
}

// shown returns the beginning of an answer as text.
func shown(answer []byte) string {
	if len(answer) > maxShown {
		answer = answer[:maxShown]
	}
	return strings.ToValidUTF8(strings.ReplaceAll(string(answer), "\x00", ""), "�")
}
