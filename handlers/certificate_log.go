package handlers

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ackbox/internal/access/certificate"
	"ackbox/store"
)

const (
	// rewriteEvery is how often the record of a certificate that is shown all the time is written.
	rewriteEvery = time.Minute
	// maxWrites is how many certificates that are not accepted are written in a second, and maxRecent
	// how many are remembered as written: whoever shows another one each time keeps the database from
	// nothing else.
	maxWrites = 20
	maxRecent = 1000
	// maxChain and maxName bound what is written of each, in bytes: a handshake may bring 256 KiB of
	// certificates, and whoever makes one chooses its names.
	maxChain = 16 << 10
	maxName  = 1000
	// readRecordsEvery is how often the records are read that warnings and metrics are made of.
	readRecordsEvery = 10 * time.Second
	// warnBefore is how long before its end the operator is warned of a certificate at the earliest;
	// see [certificate.ExpiresSoon].
	warnBefore = 30 * 24 * time.Hour
)

// certificateStore keeps which client certificates were shown.
type certificateStore interface {
	ObserveCertificate(ctx context.Context, c store.ClientCertificate) error
	ClientCertificates(ctx context.Context) ([]store.ClientCertificate, error)
}

// certificateLog records for the operator which client certificates were shown for which source,
// and when they end. One that could not be written is written when it is shown again.
type certificateLog struct {
	store   certificateStore
	log     *slog.Logger
	records *cached[[]store.ClientCertificate]
	writes  sync.WaitGroup
	failing atomic.Bool

	mu     sync.Mutex
	recent map[certificateKey]observation
	second time.Time // of the writes below
	others int       // writes of certificates that are not accepted, in that second
}

type certificateKey struct {
	sourceID int64
	sha256   [sha256.Size]byte
}

// observation is what was written of a certificate last.
type observation struct {
	at      time.Time
	problem string
}

func newCertificateLog(s certificateStore, log *slog.Logger) *certificateLog {
	return &certificateLog{
		store: s, log: log, recent: map[certificateKey]observation{},
		records: newCached(func(ctx context.Context) ([]store.ClientCertificate, error) {
			ctx, cancel := context.WithTimeout(ctx, writeTimeout)
			defer cancel()
			return s.ClientCertificates(ctx)
		}),
	}
}

// observe records a chain that was shown for a source, the client's own certificate first, unless
// it was a moment ago. Problem is "" when it is accepted. It does not wait for the database.
func (l *certificateLog) observe(source store.Source, chain []*x509.Certificate, problem string, now time.Time) {
	key := certificateKey{source.ID, sha256.Sum256(chain[0].Raw)}
	if !l.isDue(key, observation{now, problem}) {
		return
	}
	seen := clientCertificate(source, chain, problem, now)
	l.writes.Go(func() { l.write(key, seen) })
}

// isDue reports whether an observation is to be written, and remembers that it is.
func (l *certificateLog) isDue(key certificateKey, o observation) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, known := l.recent[key]
	if known && last.problem == o.problem && o.at.Sub(last.at) < rewriteEvery {
		return false
	}
	if o.at.Sub(l.second) >= time.Second {
		l.second, l.others = o.at, 0
	}
	if o.problem != "" {
		if l.others == maxWrites || !known && len(l.recent) >= maxRecent && !l.forget(o.at) {
			return false
		}
		l.others++
	}
	l.recent[key] = o
	return true
}

// forget drops the observations that would be written again anyway, and reports whether there were
// any.
func (l *certificateLog) forget(now time.Time) bool {
	before := len(l.recent)
	for key, o := range l.recent {
		if now.Sub(o.at) >= rewriteEvery {
			delete(l.recent, key)
		}
	}
	return len(l.recent) < before
}

func (l *certificateLog) write(key certificateKey, seen store.ClientCertificate) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	err := l.store.ObserveCertificate(ctx, seen)
	if errors.Is(err, store.ErrNotFound) { // the source was removed meanwhile
		err = nil
	}
	if err != nil {
		l.mu.Lock()
		delete(l.recent, key)
		l.mu.Unlock()
	}
	if failed := err != nil; failed != l.failing.Swap(failed) && failed { // not for each
		l.log.Warn("client certificates not recorded", "error", err)
	}
}

// wait returns when the writes that have begun are over.
func (l *certificateLog) wait() { l.writes.Wait() }

func clientCertificate(
	source store.Source, chain []*x509.Certificate, problem string, now time.Time,
) store.ClientCertificate {
	own := chain[0]
	return store.ClientCertificate{
		SourceID: source.ID, Source: source.Name, SHA256: sha256.Sum256(own.Raw), Subject: cut(own.Subject.String()),
		Issuer: cut(own.Issuer.String()), NotBefore: own.NotBefore, NotAfter: own.NotAfter, LastSeen: now,
		Problem: problem, Chain: certificate.EncodePEM(fitting(chain)),
	}
}

// cut returns a name cut to maxName, in memory of its own.
func cut(name string) string { return strings.Clone(name[:min(len(name), maxName)]) }

// fitting returns the first certificates of a chain, as many as fit in maxChain.
func fitting(chain []*x509.Certificate) []*x509.Certificate {
	size := 0
	for i, c := range chain {
		if size += len(c.Raw); size > maxChain {
			return chain[:i]
		}
	}
	return chain
}

// run reads what is recorded, by other processes too, until the context ends.
func (l *certificateLog) run(ctx context.Context) {
	read := func(ctx context.Context) error {
		_, err := l.records.get(ctx, readRecordsEvery/2)
		return err
	}
	periodic{readRecordsEvery, read, func(err error) {
		if err != nil {
			l.log.Warn("client certificates not read, warnings of them may be old", "error", err)
		}
	}}.run(ctx)
}

// current returns the accepted certificates that were shown last, by source, as far as they were
// read: nobody who asks for warnings or metrics waits for the database.
func (l *certificateLog) current() map[string]store.ClientCertificate {
	records, _ := l.records.last()
	current := map[string]store.ClientCertificate{}
	for _, c := range records {
		if c.Problem == "" && c.LastSeen.After(current[c.Source].LastSeen) {
			current[c.Source] = c
		}
	}
	return current
}

// warnings returns a sentence about the certificates in use that expire soon. It names no source.
func (l *certificateLog) warnings(now time.Time) []string {
	ending, first := 0, time.Duration(0)
	for _, c := range l.current() {
		if !certificate.ExpiresSoon(c.NotBefore, c.NotAfter, now, warnBefore) {
			continue
		}
		if left := c.NotAfter.Sub(now); ending == 0 || left < first {
			first = left
		}
		ending++
	}
	if ending == 0 {
		return nil
	}
	return []string{fmt.Sprintf("client certificates in use that expire soon: %d, the first %s; "+
		"pin the next one too before it is used", ending, expiry(first))}
}

// expiry returns when a certificate expires, as the end of a sentence about it.
func expiry(left time.Duration) string {
	switch days := int(left / (24 * time.Hour)); {
	case left < 0:
		return "has expired"
	case days == 0:
		return "within a day"
	case days == 1:
		return "in 1 day"
	default:
		return fmt.Sprintf("in %d days", days)
	}
}

var clientCertificateEnds = prometheus.NewDesc("ackbox_client_certificate_not_after_seconds",
	"When the accepted client certificate that was shown last ends, in Unix time.", []string{"source"}, nil)

// Describe implements [prometheus.Collector].
func (l *certificateLog) Describe(to chan<- *prometheus.Desc) { to <- clientCertificateEnds }

// Collect implements [prometheus.Collector].
func (l *certificateLog) Collect(to chan<- prometheus.Metric) {
	for source, c := range l.current() {
		to <- prometheus.MustNewConstMetric(clientCertificateEnds, prometheus.GaugeValue,
			float64(c.NotAfter.Unix()), source)
	}
}
