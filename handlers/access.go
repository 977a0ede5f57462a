package handlers

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"ackbox/internal/access"
	"ackbox/internal/access/address"
	"ackbox/internal/access/certificate"
	"ackbox/store"
)

// Doors are what keeps strangers out beside the secret in the URL and the organizations of a source. The zero value has
// none of them.
type Doors struct {
	// Proxies say where a request comes from; nil takes the address of its connection.
	Proxies *address.Proxies
	// Ranges are the addresses that may post. They are needed unless RangesMode is off.
	Ranges     *address.Ranges
	RangesMode access.Mode
	// Certificates are the client certificates that are expected. They are needed unless CertificatesMode is off.
	Certificates     *certificate.Clients
	CertificatesMode access.Mode
	// ServerCertificate is what the server itself shows, if it speaks TLS: its end is warned of.
	ServerCertificate *certificate.Server
	// Connections are counted, if they are bounded.
	Connections *access.Connections
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

// findings are the refusals of the doors in report mode, for when the message is taken all the same.
type findings []*refusal

// admit tells whether the sender of a request is one that may post to a source, beside knowing its URL, and what is to
// be reported of a message that is taken.
func (h *Handlers) admit(c echo.Context, source store.Source) (found findings, err error) {
	if r := h.checkAddress(c); r != nil {
		err = found.add(h.Doors.RangesMode, r.of(source))
	}
	if err != nil {
		return nil, err
	}
	if r := h.checkCertificate(c, source); r != nil {
		err = found.add(h.Doors.CertificatesMode, r.of(source))
	}
	return found, err
}

// add takes a refusal among the findings, or gives it back as what it is: that depends on the mode of its door.
func (f *findings) add(mode access.Mode, r *refusal) error {
	if mode == access.Enforce {
		return r
	}
	*f = append(*f, r)
	return nil
}

func (h *Handlers) checkAddress(c echo.Context) *refusal {
	if h.Doors.RangesMode == access.Off {
		return nil
	}
	switch h.Doors.Ranges.Check(h.Doors.client(c.Request())) {
	case address.Inside:
		return nil
	case address.Unknown:
		return refuse(causeNoRanges)
	default:
		return refuse(causeAddress)
	}
}

func (h *Handlers) checkCertificate(c echo.Context, source store.Source) *refusal {
	if h.Doors.CertificatesMode == access.Off {
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
	return refuse(causeCertificate).saying(problem)
}

// report tells the operator of a message that is taken what would have refused it.
func (h *Handlers) report(c echo.Context, found findings) {
	for _, r := range found {
		h.metrics.reported(r.cause)
		h.note(c, r, http.StatusOK)
	}
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
