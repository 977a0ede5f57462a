package handlers

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"ackbox/guard"
	"ackbox/guard/address"
	"ackbox/guard/certificate"
	"ackbox/store"
)

// Doors are what keeps strangers out beside the secret in the URL and the organizations of a source. The zero value has
// none of them.
type Doors struct {
	// Proxies say where a request comes from; nil takes the address of its connection.
	Proxies *address.Proxies
	// Ranges are the addresses that may post. They are needed unless RangesMode is off.
	Ranges     *address.Ranges
	RangesMode guard.Mode
	// Certificates are the client certificates that are expected. They are needed unless CertificatesMode is off.
	Certificates     *certificate.Clients
	CertificatesMode guard.Mode
	// ServerCertificate is what the server itself shows, if it speaks TLS: its end is warned of.
	ServerCertificate *certificate.Server
	// Connections are counted, if they are bounded.
	Connections *guard.Connections
}

// How often an address may ask for URLs that do not exist.
const (
	strayRate  = 1 // a second
	strayBurst = 20
)

// client is the address that a request comes from, as far as it can be told.
func (d *Doors) client(r *http.Request) netip.Addr { return d.Proxies.Client(r) }

// remoteAddr is the address that is logged and recorded: the connection's when a proxy does not say.
func (d *Doors) remoteAddr(r *http.Request) string {
	addr := d.client(r)
	if !addr.IsValid() {
		addr = address.Peer(r)
	}
	return addr.String()
}

// admit tells whether the sender of a request is one that may post to a source, beside knowing its URL.
func (h *Handlers) admit(c echo.Context, source store.Source) error {
	if err := h.checkAddress(c, source); err != nil {
		return err
	}
	return h.checkCertificate(c, source)
}

func (h *Handlers) checkAddress(c echo.Context, source store.Source) error {
	if h.Doors.RangesMode == guard.Off {
		return nil
	}
	switch h.Doors.Ranges.Check(h.Doors.client(c.Request())) {
	case address.Inside:
		return nil
	case address.Unknown:
		return h.found(c, h.Doors.RangesMode, refuse(causeNoRanges).of(source))
	default:
		return h.found(c, h.Doors.RangesMode, refuse(causeAddress).of(source))
	}
}

func (h *Handlers) checkCertificate(c echo.Context, source store.Source) error {
	if h.Doors.CertificatesMode == guard.Off {
		return nil
	}
	now := time.Now()
	chain, err := h.Doors.Certificates.Shown(c.Request())
	if err == nil {
		err = h.Doors.Certificates.Check(chain, now)
	}
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	if len(chain) > 0 {
		h.sightings.saw(source, chain, problem, now)
	}
	if err == nil {
		return nil
	}
	return h.found(c, h.Doors.CertificatesMode, refuse(causeCertificate).of(source).saying(problem))
}

// found is what a door's mode makes of a refusal: itself, or nothing but a word to the operator.
func (h *Handlers) found(c echo.Context, mode guard.Mode, r *refusal) error {
	if mode == guard.Enforce {
		return r
	}
	h.metrics.reported(r.cause)
	h.note(c, r, http.StatusOK)
	return nil
}

// doorWarnings are for the operator: what the doors need, in sentences that name nothing.
func (h *Handlers) doorWarnings(now time.Time) []string {
	var warnings []string
	if h.Doors.Ranges != nil {
		warnings = append(warnings, h.Doors.Ranges.Warnings(now)...)
	}
	if h.Doors.ServerCertificate != nil {
		warnings = append(warnings, h.Doors.ServerCertificate.Warnings(now)...)
	}
	return append(warnings, h.sightings.warnings(now)...)
}
