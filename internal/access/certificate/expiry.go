package certificate

import "time"

// ExpiresSoon reports whether a certificate that is valid from notBefore to notAfter should have
// been renewed by now: whether at most limit is left, or at most a quarter of its lifetime if that
// is shorter. Automatic renewal takes place when a third is left or earlier, as Let's Encrypt
// recommends and ACME clients do, so that a renewal that works is never warned of, whether the
// certificate lives for six days or for a year.
func ExpiresSoon(notBefore, notAfter, now time.Time, limit time.Duration) bool {
	return notAfter.Sub(now) <= min(limit, notAfter.Sub(notBefore)/4)
}
