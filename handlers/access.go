package handlers

import (
	"time"

	"github.com/labstack/echo/v4"

	"ackbox/internal/access"
	"ackbox/internal/access/address"
	"ackbox/internal/access/certificate"
	"ackbox/ledger"
	"ackbox/store"
)

// Access is what controls who may post, beside the secret in the URL and the organizations of a
// source. The zero value lets everybody post who has these.
type Access struct {
	// Proxies say where a request comes from; nil takes the address of its connection.
	Proxies *address.Proxies
	// Ranges are the addresses that may post. They are required unless RangesMode is off.
	Ranges     *address.Ranges
	RangesMode access.Mode
	// Certificates are the client certificates that are expected. They are required unless
	// CertificatesMode is off.
	Certificates     *certificate.Clients
	CertificatesMode access.Mode
}

// How often an address may ask for URLs that do not exist.
const (
	unknownTokenRate  = 1 // a second
	unknownTokenBurst = 20
)

// findings are the refusals of checks in report mode, for when the message is taken all the same.
type findings []*refusal

// admit checks whether the sender of a request may post to a source, beside knowing its URL, and
// returns what is to be reported if the message is taken.
func (h *Handlers) admit(c echo.Context, source store.Source) (found findings, refused *refusal) {
	if r := h.checkAddress(c); r != nil {
		if h.Access.RangesMode == access.Enforce {
			return nil, r
		}
		found = append(found, r)
	}
	if r := h.checkCertificate(c, source); r != nil {
		if h.Access.CertificatesMode == access.Enforce {
			return nil, r
		}
		found = append(found, r)
	}
	return found, nil
}

func (h *Handlers) checkAddress(c echo.Context) *refusal {
	if h.Access.RangesMode == access.Off {
		return nil
	}
	switch h.Access.Ranges.Check(h.Access.Proxies.Client(c.Request())) {
	case address.Inside:
		return nil
	case address.Unknown:
		return &refusal{cause: causeNoRanges}
	default:
		return &refusal{cause: causeAddress}
	}
}

func (h *Handlers) checkCertificate(c echo.Context, source store.Source) *refusal {
	if h.Access.CertificatesMode == access.Off {
		return nil
	}
	now := time.Now()
	chain, err := h.Access.Certificates.Shown(c.Request())
	if err == nil {
		err = h.Access.Certificates.Check(chain, now)
	}
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	if len(chain) > 0 {
		h.certificates.observe(source, chain, problem, now)
	}
	if err == nil {
		return nil
	}
	return &refusal{cause: causeCertificate, detail: problem}
}

// report tells the operator about a message that was taken what would have refused it.
func (h *Handlers) report(c echo.Context, source store.Source, batch *ledger.Batch, found findings) {
	for _, r := range found {
		r.source, r.message = source, messageOf(batch)
		h.note(c, r, true)
	}
}
