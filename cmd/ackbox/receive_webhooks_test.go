package main

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"ackbox/relay"
	"ackbox/relay/webhook"
	"ackbox/store"
)

// lockedBuffer is written by a command while the test reads.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await waits until a text matches, and returns its first group.
func (b *lockedBuffer) await(t *testing.T, pattern string) string {
	t.Helper()
	want := regexp.MustCompile(pattern)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-ticker.C {
		if found := want.FindStringSubmatch(b.String()); found != nil {
			return found[len(found)-1]
		}
		if time.Now().After(deadline) {
			t.Fatalf("got %q, want %s", b.String(), pattern)
		}
	}
}

// started is a command that runs until the test ends.
type started struct{ out, err lockedBuffer }

func startCommand(t *testing.T, args ...string) *started {
	t.Helper()
	s := &started{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx, args, terminal{&s.out, &s.err})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return s
}

func TestReceivedWebhooksArePrintedIfTheyAreSigned(t *testing.T) {
	t.Parallel()
	keys := []string{webhook.NewKey(), webhook.NewKey()}
	s := startCommand(t, "receive-webhooks", "--listen", "127.0.0.1:0", "--secret", keys[0], "--secret", keys[1])
	url := s.err.await(t, `listening on (http://\S+);`)
	object, record := "Lead", "00Q1"
	event := relay.Event{Notification: store.Notification{
		Source: "crm", OrganizationID: "00D1", NotificationID: "04l1", ObjectType: &object, RecordID: &record,
		Fields: json.RawMessage(`{"Id":"00Q1"}`), ReceivedAt: t0,
	}}
	for _, test := range []struct {
		key    string
		binary bool
		want   relay.Outcome
	}{
		{keys[0], false, relay.Success}, {keys[1], true, relay.Success}, {webhook.NewKey(), false, relay.Rejected},
	} {
		settings, err := json.Marshal(webhook.Settings{AllowPrivate: true, Binary: test.binary})
		if err != nil {
			t.Fatal(err)
		}
		sender, err := webhook.Open(relay.Config{Name: "erp", Settings: settings, Secrets: map[string]string{
			webhook.SecretURL: url, webhook.SecretKey: test.key,
		}})
		if err != nil {
			t.Fatal(err)
		}
		if got := sender.Send(t.Context(), []relay.Event{event})[0]; got.Outcome != test.want {
			t.Errorf("got %+v, want %d", got, test.want)
		}
		if err := sender.Close(); err != nil {
			t.Error(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(s.out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("got %q, want two lines", lines)
	}
	for _, line := range lines {
		var got struct {
			ID, Type string
			Data     struct{ Fields map[string]string }
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if got.ID != event.ID() || got.Type != "com.salesforce.outbound.Lead" || got.Data.Fields["Id"] != "00Q1" {
			t.Errorf("got %s", line)
		}
	}
	s.err.await(t, "refused a request from 127.0.0.1")
}

func TestReceiveWebhooksNeedsASecret(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{}, {"--secret", "s3cr3t"}, {"--secret", "whsec_"}, {"--secret", webhook.NewKey(), "--status", "7"},
	} {
		got := command(t, append([]string{"receive-webhooks", "--listen", "127.0.0.1:0"}, args...)...)
		if got.code != exitUsage || strings.Contains(got.err, "s3cr3t") {
			t.Errorf("%v: got %+v", args, got)
		}
	}
}
