package certificate

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
	"time"
)

// maxVerified is how many chains are cached. There is one for each sender, and another while its
// certificate is being replaced.
const maxVerified = 64

// cache holds the chains that the CAs signed, with their validity. Verifying the signatures takes
// about 0.1 ms, a hundred times as long as a lookup (BenchmarkCheck). Only chains that the CAs
// signed are added, so that others cannot fill it. The subject, and the validity of the client's
// own certificate, are checked each time.
type cache struct {
	mu     sync.Mutex
	chains map[[sha256.Size]byte]period
}

// period is a period of time, both ends included.
type period struct{ from, to time.Time }

func (p period) contains(t time.Time) bool { return !t.Before(p.from) && !t.After(p.to) }

// validityOf returns the period in which all certificates of a chain are valid.
func validityOf(chain []*x509.Certificate) period {
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

// digest returns the SHA-256 of a chain. DER contains its length, so different chains cannot have
// the same concatenation.
func digest(chain []*x509.Certificate) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, c := range chain {
		h.Write(c.Raw)
	}
	h.Sum(sum[:0])
	return sum
}

// has reports whether a chain is in the cache and valid at a time.
func (c *cache) has(sum [sha256.Size]byte, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.chains[sum]
	return ok && p.contains(now)
}

// add adds a chain. If the cache is full, all others are removed.
func (c *cache) add(sum [sha256.Size]byte, valid period) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chains == nil || len(c.chains) >= maxVerified {
		c.chains = make(map[[sha256.Size]byte]period, maxVerified)
	}
	c.chains[sum] = valid
}
