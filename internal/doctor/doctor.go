// Package doctor checks whether Salesforce can deliver outbound messages to an endpoint. It checks
// each step in the order in which Salesforce takes it: URL and port, DNS, connection, TLS, the
// certificates as served, the HTTP answer, whether an empty message is refused and, on request,
// whether a test message is acked. It knows nothing of how the listener works, and the listener has
// nothing to store unless [Options.Send] is set.
//
// The Delivery Failure Reasons in a report are those of Salesforce's documentation or that were
// published. Where there is none, the report has the message of the Java library that Salesforce's
// come from.
package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"time"
)

// Status is the result of a check.
type Status string

// The results of a check. A report's verdict is the worst of them; Skip does not count.
const (
	// Skip means that an earlier failure made the check impossible, or that it was not requested.
	Skip Status = "skip"
	// Pass means that Salesforce has what it needs.
	Pass Status = "pass"
	// Warn means that messages are or may be delivered, but something should be reviewed.
	Warn Status = "warn"
	// Fail means that messages cannot be delivered, or may be lost.
	Fail Status = "fail"
)

// Check is the result of one check. It contains nothing of the endpoint's path or query, or of an
// answer's body.
type Check struct {
	// Name is one word that is stable across versions.
	Name string `json:"name"`
	// Status is the result.
	Status Status `json:"status"`
	// Found describes what was found.
	Found string `json:"found"`
	// Salesforce is what Setup would show as Delivery Failure Reason; "" if nothing or unknown.
	Salesforce string `json:"salesforce"`
	// Todo is what to do about it; "" if nothing.
	Todo string `json:"todo"`
}

// Report is the result of [Examine].
type Report struct {
	// URL is the endpoint without its path and query, which are secret.
	URL string `json:"url"`
	// Verdict is the worst result of the checks: Pass, Warn or Fail.
	Verdict Status `json:"verdict"`
	// Listener is the name of the software that answered; "" if unknown.
	Listener string `json:"listener"`
	// Checks are the results, in the order in which Salesforce takes the steps.
	Checks []Check `json:"checks"`
}

// Options holds what to check, and how.
type Options struct {
	// URL is the endpoint as in Setup.
	URL string
	// Send posts a marked test message, twice. Without it only a message is posted that has nothing
	// to store.
	Send bool
	// OrganizationID is the organization in the messages; [simulate.DefaultOrganizationID] when
	// empty.
	OrganizationID string
	// Object is the API name of the test message's record; "ackbox_doctor__c" when empty.
	Object string
	// CA holds CAs to trust besides the public ones; nil for none.
	CA *x509.CertPool
	// SalesforceCAs is the list of the CAs that Salesforce trusts; nil if it is not known.
	SalesforceCAs *SalesforceCAs
	// Certificate is the client certificate, presented if the listener requests one; nil for none.
	Certificate *tls.Certificate
	// Timeout limits each connection and each delivery; [simulate.DefaultTimeout] when 0.
	Timeout time.Duration
	// OnCheck, if not nil, is called with the result of each check.
	OnCheck func(Check)

	// PublicCAs holds the publicly trusted CAs; nil for the system's.
	PublicCAs *x509.CertPool
	// LookupIP returns a host's addresses; nil for the system's resolver.
	LookupIP func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial connects to an address; nil for the network. A proxy is never used, because Salesforce
	// does not use ours.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now returns the time; nil for the current time.
	Now func() time.Time
}

// Examine runs all checks. It returns an error if an option is invalid, and the context's error
// with a partial report if the context ends. Whatever is wrong with the listener is in the report,
// not an error.
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
