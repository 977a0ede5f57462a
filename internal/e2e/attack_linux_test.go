package e2e_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"ackbox/internal/access/certificate/certificatetest"
	"ackbox/simulate"
)

// Addresses of the loopback interface. On Linux a client may use any of 127.0.0.0/8. Attacks have
// addresses of their own, except those whose names say otherwise.
const (
	attackRange = "127.0.0.0/28"
	goodFrom    = "127.0.0.2"
	outsideFrom = "127.0.1.1"
)

// target is a running inbox under attack, with the sender whose messages are good.
type target struct {
	*server
	duration time.Duration
	database string
	limit    int                    // of connections
	sender   certificatetest.Signer // pinned
	ended    certificatetest.Signer // pinned, but expired
	tokens   []string
	results  *attackResults
}

// TestAttack runs all attacks on an inbox at once while a sender sends good messages. All of these
// must be acked, nothing may grow without a bound, and nothing may leak. The attack takes 6 s, or
// as long as ACKBOX_ATTACK says, as in 1m.
func TestAttack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startTarget(t, database)
		before := s.measure(t)
		end := s.begin(t)
		load, stats := s.sendGood(t)
		s.checkConnectionLimit(t)
		end()
		s.checkRecovered(t, before)
		load.checkStored("attack of "+s.duration.String(), s.driver(), s.export())
		s.checkOnlyGood(t, load, stats)
		requireAck(t, postBy(t, showing(s.sender.Shown()), s.url("crm"), unchanged()))
		s.requireNoSecrets(database, s.tokens...)
		s.requireBoundedMemory("under attack")
		after := s.stopAndMeasure(t)
		t.Log(s.summary(load, stats, before, after))
		s.results.check(t)
		s.checkCounts(t, load, after)
		s.checkBounds(t, before, after)
	})
}

// startTarget starts an inbox that enforces every access check.
func startTarget(t *testing.T, database string) *target {
	t.Helper()
	s := &target{duration: attackDuration(t), database: database, limit: 100, sender: newSender(nil)}
	if s.long() {
		s.limit = 400
	}
	s.ended = certificatetest.Sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: senderName}, NotAfter: time.Now().Add(-time.Hour),
	}, nil)
	in := install(t, "DATABASE_URL="+database, "ACKBOX_CLIENT_CERT_MODE=enforce",
		"ACKBOX_CLIENT_FINGERPRINT="+s.sender.Fingerprint()+","+s.ended.Fingerprint(),
		"ACKBOX_ALLOWED_RANGES="+attackRange, "ACKBOX_ALLOWED_RANGES_MODE=enforce",
		fmt.Sprintf("ACKBOX_MAX_CONNECTIONS=%d", s.limit),
		fmt.Sprintf("ACKBOX_BODY_LIMIT=%dB", bodyLimit),
		"METRICS_TOKEN="+metricsToken, "ACKBOX_ADMIN_ADDR="+freeAddr(t))
	in.secure()
	s.tokens = []string{in.add("crm", "--org", organization).Token, in.add("off").Token}
	in.ok("source", "disable", "off")
	s.server = in.serve()
	s.ready()
	s.results = newAttackResults(append(s.tokens, s.dir, database, metricsToken,
		s.sender.Fingerprint(), s.ended.Fingerprint()))
	return s
}

// attackDuration returns how long the attack takes.
func attackDuration(t *testing.T) time.Duration {
	t.Helper()
	set := os.Getenv("ACKBOX_ATTACK")
	if set == "" {
		return 6 * time.Second
	}
	duration, err := time.ParseDuration(set)
	if err != nil {
		t.Fatalf("ACKBOX_ATTACK is not a duration such as 1m: %v", err)
	}
	return duration
}

// driver returns the driver of the database of the inbox.
func (s *target) driver() string { return before(s.database, ":") }

// long reports whether the attack is to be as hard as the machine allows. The short one runs beside
// other tests.
func (s *target) long() bool { return os.Getenv("ACKBOX_ATTACK") != "" }

// begin starts the attacks, which go on until end is called.
func (s *target) begin(t *testing.T) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	for _, a := range s.attacks() {
		for worker := range a.workers {
			wait.Go(func() { s.repeat(ctx, a, worker) })
		}
	}
	end = func() {
		cancel()
		wait.Wait()
	}
	t.Cleanup(end)
	return end
}

// repeat is one worker of an attack. It tries again and again, and records what it receives.
func (s *target) repeat(ctx context.Context, a attack, worker int) {
	pause := a.every
	switch {
	case pause > 0:
	case s.long():
		pause = 10 * time.Millisecond
	case raceEnabled:
		pause = 250 * time.Millisecond
	default:
		pause = 100 * time.Millisecond
	}
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for n := worker; ctx.Err() == nil; n += a.workers {
		received := a.try(ctx, n)
		s.results.record(a.name, received, ctx.Err() != nil)
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// sendGood sends good messages until the time of the attack is over, and waits until all of them
// are acked.
func (s *target) sendGood(t *testing.T) (*faultLoad, simulate.Stats) {
	t.Helper()
	const connections = 8
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(goodFrom)}}
	client, err := simulate.NewClient(s.url("crm"), simulate.ClientOptions{
		Connections: connections, Certificate: s.sender.Shown(), RootCAs: authority().Pool(),
		Dial: dialer.DialContext,
	})
	if err != nil {
		t.Fatal(err)
	}
	load, o := newFaultLoad(t), unreliableSender
	o.For, o.Rate, o.Concurrency = s.duration, 30, connections
	o.Notifications = simulate.Range{Min: 1, Max: 5}
	o.OnAck, o.OnFailure = load.onAck, load.onFailure
	sender, err := simulate.NewSender(client, generator(t, 0), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), s.duration+2*testTimeout)
	defer cancel()
	stats, err := sender.Run(ctx)
	if err != nil || !stats.AllAcked() {
		t.Errorf("not all good messages are acked: %v: %v", err, stats)
	}
	load.sent = int(stats.Notifications)
	return load, stats
}
