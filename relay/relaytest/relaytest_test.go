package relaytest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"ackbox/relay"
	"ackbox/relay/relaytest"
)

// kind returns a kind that delivers to a [memory], with a fault or without.
func kind(fault string) relaytest.Kind {
	var mu sync.Mutex
	receivers := map[string]*memory{} // by the name of the destination
	find := func(name string) *memory {
		mu.Lock()
		defer mu.Unlock()
		return receivers[name]
	}
	return relaytest.Kind{
		Ordered: true,
		Receive: func(testing.TB) *relaytest.Receiver {
			mu.Lock()
			defer mu.Unlock()
			m := &memory{refused: map[string]bool{}}
			r := m.receiver()
			r.Config.Name = fmt.Sprint("erp", len(receivers))
			receivers[r.Config.Name] = m
			return r
		},
		Open: func(c relay.Config) (relay.Sender, error) {
			if !strings.HasSuffix(c.Secrets["url"], "/s3cr3tpath") {
				if fault == "quoting" {
					return nil, fmt.Errorf("open %s", c.Secrets["url"])
				}
				return nil, errors.New("the URL is wrong")
			}
			m := find(c.Name)
			m.add(1)
			return &sender{to: m, config: c, fault: fault}, nil
		},
		Failures: []relaytest.Failure{{
			Name: "refusal", Outcome: relay.Rejected,
			Arrange: func(_ testing.TB, r *relaytest.Receiver, e *relay.Event) func() {
				m, id := find(r.Config.Name), e.ID()
				m.locked(func() { m.refused[id] = true })()
				return m.locked(func() { delete(m.refused, id) })
			},
		}},
	}
}

func TestAKindThatKeepsTheRules(t *testing.T) {
	t.Parallel()
	relaytest.Run(t, kind(""))
}

// Every check finds a fault, and every fault is found.
func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	var checks []string
	for fault, check := range map[string]string{
		"lossy":               "delivers every event once",
		"garbled":             "delivers every event once",
		"twice":               "delivers every event once",
		"reversed":            "delivers every event once",
		"short":               "delivers an event again",
		"late":                "takes a test event",
		"picky":               "delivers odd events",
		"mixed up":            "delivers batches at the same time",
		"not for trying":      "takes a test event",
		"deaf":                "sends nothing once interrupted",
		"hopeful":             "tries again what it does not know",
		"final":               "survives a restart of the receiver",
		"never comes back":    "survives a restart of the receiver",
		"vague":               "fails by refusal",
		"talkative":           "survives a restart of the receiver",
		"showing the path":    "tries again what it does not know",
		"showing the payload": "can be interrupted",
		"without a word":      "can be interrupted",
		"leaking":             "closes its connections",
		"quoting":             "refuses secrets without showing them",
		"padding":             "takes no events",
	} {
		checks = append(checks, check)
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			if broken := relaytest.Broken(t, kind(fault)); !slices.Contains(broken, check) {
				t.Errorf("got the failing checks %q, want %q among them", broken, check)
			}
		})
	}
	for _, name := range relaytest.Checks(kind("")) {
		if !slices.Contains(checks, name) {
			t.Errorf("no fault is for the check %q", name)
		}
	}
}
