package relaytest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"ackbox/relay"
	"ackbox/relay/relaytest"
)

// memory is a receiver in this process. Its address is memory://name/s3cr3tpath.
type memory struct {
	mu          sync.Mutex
	arrived     []relaytest.Arrival
	refused     map[string]bool // by event id
	lose        string          // id of an event
	stopped     bool
	held        chan struct{}
	hanging     chan struct{} // nil, or closed by the release
	connections int
}

var (
	errConnection  = errors.New("connection refused")
	errRefused     = errors.New("refused")
	errInterrupted = errors.New("interrupted")
)

// take takes one event, as a connection would bring it.
func (m *memory) take(ctx context.Context, id string, body []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if hanging := m.hanging; hanging != nil {
		select {
		case m.held <- struct{}{}:
		default:
		}
		m.mu.Unlock()
		select {
		case <-hanging:
		case <-ctx.Done():
		}
		m.mu.Lock()
	}
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case m.stopped:
		return errConnection
	case m.refused[id]:
		return errRefused
	}
	m.arrived = append(m.arrived, relaytest.Arrival{ID: id, Body: body})
	if m.lose == id {
		m.lose = ""
		return errConnection
	}
	return nil
}

// sender sends to a [memory], one event after the other. Its faults are those of the test.
type sender struct {
	to     *memory
	config relay.Config
	fault  string
	broken bool // by a restart
	closed sync.Once
}

func (s *sender) Send(ctx context.Context, events []relay.Event) []relay.Verdict {
	begun := time.Now()
	verdicts := make([]relay.Verdict, len(events))
	if s.fault == "reversed" {
		slices.Reverse(events)
	}
	if s.fault == "deaf" {
		ctx = context.WithoutCancel(ctx)
	}
	for i := range events {
		verdicts[i] = s.verdict(s.sendOne(ctx, &events[i]))
		verdicts[i].Took = max(1, time.Since(begun))
	}
	switch {
	case s.fault == "reversed" || s.fault == "mixed up" && len(events) > 1:
		slices.Reverse(verdicts)
	case s.fault == "short":
		verdicts = verdicts[:max(0, len(verdicts)-1)]
	case s.fault == "padding" && len(events) == 0:
		verdicts = append(verdicts, relay.Verdict{Outcome: relay.Success, Took: 1})
	case s.fault == "late" && len(events) > 0:
		verdicts[0].Took = 0
	}
	return verdicts
}

func (s *sender) sendOne(ctx context.Context, e *relay.Event) error {
	body, err := e.AppendJSON(nil)
	if err != nil {
		return err
	}
	id := e.ID()
	switch {
	case s.fault == "lossy" && strings.HasSuffix(e.Notification.NotificationID, "7"):
		return nil
	case s.fault == "garbled" && strings.HasSuffix(e.Notification.NotificationID, "7"):
		body = body[1:]
	case s.fault == "twice" && !e.Test:
		_ = s.to.take(ctx, id, body)
	case s.fault == "picky" && e.Notification.ObjectType == nil && !e.Test, s.fault == "not for trying" && e.Test:
		return errRefused
	case s.broken:
		return errConnection
	}
	err = s.to.take(ctx, id, body)
	if errors.Is(err, errConnection) && s.fault == "never comes back" {
		s.broken = true
	}
	return err
}

func (s *sender) verdict(err error) relay.Verdict {
	switch {
	case err == nil:
		return relay.Verdict{Outcome: relay.Success}
	case s.fault == "hopeful" && errors.Is(err, errConnection):
		return relay.Verdict{Outcome: relay.Success}
	case s.fault == "final" && errors.Is(err, errConnection):
		return relay.Verdict{Outcome: relay.Impossible, Error: err.Error()}
	case errors.Is(err, errRefused) && s.fault != "vague":
		return relay.Verdict{Outcome: relay.Rejected, Error: err.Error()}
	case s.fault == "talkative":
		return relay.Verdict{Outcome: relay.Unavailable, Error: s.config.Secrets["url"] + ": " + err.Error()}
	case s.fault == "showing the path":
		return relay.Verdict{Outcome: relay.Unavailable, Error: "/s3cr3tpath: " + err.Error()}
	case s.fault == "showing the payload":
		return relay.Verdict{Outcome: relay.Unavailable, Error: `{"Name":"p4yl0ad"}`}
	case s.fault == "without a word":
		return relay.Verdict{Outcome: relay.Unavailable}
	}
	return relay.Verdict{Outcome: relay.Unavailable, Error: err.Error()}
}

func (s *sender) Close() error {
	if s.fault != "leaking" {
		s.closed.Do(func() { s.to.add(-1) })
	}
	return nil
}

func (m *memory) add(connections int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.connections += connections
}

// locked returns a function that sets something of the receiver.
func (m *memory) locked(set func()) func() {
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		set()
	}
}

func (m *memory) receiver() *relaytest.Receiver {
	return &relaytest.Receiver{
		Config: relay.Config{Secrets: map[string]string{"url": "memory://host/s3cr3tpath"}},
		Arrived: func() []relaytest.Arrival {
			m.mu.Lock()
			defer m.mu.Unlock()
			return slices.Clone(m.arrived)
		},
		Hang: func() (<-chan struct{}, func()) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.held, m.hanging = make(chan struct{}, 1), make(chan struct{})
			hanging := m.hanging
			return m.held, m.locked(func() {
				close(hanging)
				m.hanging = nil
			})
		},
		Stop:  m.locked(func() { m.stopped = true }),
		Start: m.locked(func() { m.stopped = false }),
		Lose:  func(id string) { m.locked(func() { m.lose = id })() },
		Connections: func() int {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.connections
		},
	}
}
