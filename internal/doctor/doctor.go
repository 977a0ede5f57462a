// Package doctor meets a listener's endpoint as Salesforce would, and says of each step whether Salesforce gets
// through: URL and port, name, connection, TLS, the certificates as served, the HTTP answer, and whether a message that
// holds nothing is refused and, when asked for, a real one is acked. It knows nothing of what the listener is or how it
// works, and stores nothing there unless [Options.Send] says so.
//
// Salesforce's words are those of its documentation and of failure reasons that people published; where neither has
// any, those of the Java libraries that the others come from.
package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"time"
)

// Status is how a check ended.
type Status string

// The ends of a check, from good to bad; a skipped one says nothing.
const (
	// Skip is a check that an earlier one made impossible, or that was not asked for.
	Skip Status = "skip"
	// Pass is what Salesforce needs.
	Pass Status = "pass"
	// Warn works, or may work, and should be looked at.
	Warn Status = "warn"
	// Fail keeps messages from being delivered, or loses them.
	Fail Status = "fail"
)

// Check is one thing that was looked at. Nothing in it holds the endpoint's path or query, or any of an answer's body.
type Check struct {
	// Name is one word that stays the same over versions.
	Name string `json:"name"`
	// Status is the result.
	Status Status `json:"status"`
	// Found is what there is.
	Found string `json:"found"`
	// Salesforce is what Setup would show as Delivery Failure Reason; "" when nothing, or when it is not known.
	Salesforce string `json:"salesforce"`
	// Todo is what to do about it; "" when nothing.
	Todo string `json:"todo"`
}

// Report is the result of an examination.
type Report struct {
	// URL is the endpoint without its path and query: they are the listener's secret.
	URL string `json:"url"`
	// Verdict is the worst of the checks: Pass, Warn or Fail.
	Verdict Status `json:"verdict"`
	// Listener is the name of the software that answered; "" when it cannot be told.
	Listener string `json:"listener"`
	// Checks are all checks, in the order in which Salesforce meets them.
	Checks []Check `json:"checks"`
}

// Options say what is examined, and how.
type Options struct {
	// URL is the endpoint as it stands in Setup.
	URL string
	// Send posts a marked test message, twice. Without it nothing is stored.
	Send bool
	// OrganizationID is whose messages they are; [simulate.DefaultOrganizationID] when empty.
	OrganizationID string
	// Object is the API name of the test message's record; "ackbox_doctor__c" when empty.
	Object string
	// CA are trusted besides the public ones; nil for none.
	CA *x509.CertPool
	// Certificate is the client certificate, shown when the listener asks for one.
	Certificate *tls.Certificate
	// Timeout is for each connection and each delivery; [simulate.DefaultTimeout] when 0.
	Timeout time.Duration
	// OnCheck, when set, gets each check when it is done.
	OnCheck func(Check)

	// PublicCAs are those that everybody trusts; nil for the system's.
	PublicCAs *x509.CertPool
	// LookupIP finds a host's addresses; nil for the system's resolver.
	LookupIP func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial connects to an address; nil for the network. No proxy is used: Salesforce does not use ours.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the clock; nil for the real one.
	Now func() time.Time
}

// Examine runs all checks. Its error is a URL or another option that makes no sense, or the context's: then the report
// ends where it was stopped. What the listener does wrong is in the report.
func Examine(ctx context.Context, o Options) (Report, error) {
	e, err := newExamination(o)
	if err != nil {
		return Report{}, err
	}
	for _, s := range steps {
		check := e.run(ctx, s)
		if ctx.Err() != nil {
			return e.report, ctx.Err()
		}
		e.add(check)
	}
	return e.report, nil
}
