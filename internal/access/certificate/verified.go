package certificate

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
	"time"
)

// maxVerified is how many chains are remembered: there are as many as senders, and as certificates being replaced.
const maxVerified = 64

// verified remembers which chains the CAs signed, and for which time: to verify the signatures again costs a message
// some 0.1 ms, a hundred times as much as to look them up (BenchmarkCheck). Only what was signed gets in, so that
// nobody else can fill it. The subject, and the client's own time, are looked at each time.
type verified struct {
	mu     sync.Mutex
	chains map[[sha256.Size]byte]period
}

// period is a time, its ends included.
type period struct{ from, to time.Time }

func (p period) contains(t time.Time) bool { return !t.Before(p.from) && !t.After(p.to) }

// common is the time in which all of the certificates are valid.
func common(chain []*x509.Certificate) period {
	p := period{chain[0].NotBefore, chain[0].NotAfter}
	for _, c := range chain[1:] {
		if c.NotBefore.After(p.from) {
			p.from = c.NotBefore
		}
		if c.NotAfter.Before(p.to) {
			p.to = c.NotAfter
		}
	}
	return p
}

// digest identifies what was shown. Certificates in DER say where they end, so it is of this list and no other.
func digest(shown []*x509.Certificate) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, c := range shown {
		h.Write(c.Raw)
	}
	h.Sum(sum[:0])
	return sum
}

// has tells whether a chain is known to be signed and is valid at a time.
func (v *verified) has(sum [sha256.Size]byte, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	p, ok := v.chains[sum]
	return ok && p.contains(now)
}

// add remembers a chain; when there are too many, all others are forgotten.
func (v *verified) add(sum [sha256.Size]byte, valid period) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.chains == nil || len(v.chains) >= maxVerified {
		v.chains = make(map[[sha256.Size]byte]period, maxVerified)
	}
	v.chains[sum] = valid
}
