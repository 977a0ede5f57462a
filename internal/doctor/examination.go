package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ackbox/simulate"
	"ackbox/wsdl"
)

// step is a check to run.
type step struct {
	name string
	do   func(*examination, context.Context) Check
	when func(*examination) (unless string) // why to skip it, or ""; nil for never
}

// messageCheck is the name of the check whether a message is acked.
const messageCheck = "message"

// steps are the checks, in the order in which Salesforce takes the steps.
var steps = []step{
	{"url", (*examination).checkURL, nil},
	{"port", (*examination).checkPort, nil},
	{"dns", (*examination).checkDNS, nil},
	{"tcp", (*examination).checkTCP, nil},
	{"tls", (*examination).checkTLS, nil},
	{"certificate", (*examination).checkCertificate, overTLS},
	{"host", (*examination).checkHost, overTLS},
	{"chain", (*examination).checkChain, overTLS},
	{"trust", (*examination).checkTrust, overTLS},
	{"answer", (*examination).checkAnswer, nil},
	{"redirect", (*examination).checkRedirect, nil},
	{"login", (*examination).checkLogin, nil},
	{"compression", (*examination).checkCompression, nil},
	{"refusal", (*examination).checkRefusal, nil},
	{messageCheck, (*examination).checkMessage, sending},
	{"redelivery", (*examination).checkRedelivery, sending},
}

func overTLS(e *examination) string {
	if e.secure() {
		return ""
	}
	return "TLS is not used"
}

func sending(e *examination) string {
	if e.Send {
		return ""
	}
	return "not requested; --send posts a test message, which will be stored"
}

// examination is the state of one [Examine]: what the checks so far have found.
type examination struct {
	Options
	url       *url.URL
	host      string
	port      int
	addresses []netip.Addr
	address   netip.AddrPort // one of the addresses that accepts connections, with the port
	shown     *handshake     // the one of the newest version
	served    served
	client    *client
	probed    *answer // the answer to the empty message
	message   []byte  // the test message
	acked     bool    // the first delivery was
	blocked   string  // why no further check is possible
	report    Report
}

func newExamination(o Options) (*examination, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !isHost(u.Hostname()) {
		return nil, errors.New("the endpoint must be a URL such as https://example.com/outbound/TOKEN")
	}
	e := &examination{Options: o, url: u, host: strings.TrimSuffix(u.Hostname(), ".")}
	e.port, _ = strconv.Atoi(u.Port()) // url.Parse accepts only digits; checkPort rejects too many
	if u.Port() == "" {
		e.port = map[string]int{"http": 80, "https": 443}[u.Scheme]
	}
	if e.defaults(); !wsdl.IsName(e.Object) {
		return nil, fmt.Errorf("the object %q is not an API name; give one such as Lead", e.Object)
	}
	port := u.Port()
	if port == "" {
		port = strconv.Itoa(e.port)
	}
	e.report = Report{URL: u.Scheme + "://" + net.JoinHostPort(u.Hostname(), port) + "/…",
		Verdict: Pass}
	return e, nil
}

// isHost reports whether a host can be printed on a terminal: url.Parse decodes percent-encoding in
// it.
func isHost(host string) bool { return host != "" && printable(host) == host }

func (e *examination) defaults() {
	if e.OrganizationID == "" {
		e.OrganizationID = simulate.DefaultOrganizationID
	}
	if e.Object == "" {
		e.Object = defaultObject
	}
	if e.Timeout <= 0 {
		e.Timeout = simulate.DefaultTimeout
	}
	if e.LookupIP == nil {
		e.LookupIP = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if e.Dial == nil {
		e.Dial = new(net.Dialer).DialContext
	}
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.PublicCAs == nil {
		var err error
		if e.PublicCAs, err = x509.SystemCertPool(); err != nil {
			e.PublicCAs = x509.NewCertPool() // checkTrust reports that there are none
		}
	}
}

func (e *examination) secure() bool { return e.url.Scheme == "https" }

func (e *examination) run(ctx context.Context, s step) Check {
	unless := ""
	if s.when != nil {
		unless = s.when(e)
	}
	if unless == "" {
		unless = e.blocked
	}
	if unless != "" {
		return Check{Name: s.name, Status: Skip, Found: unless}
	}
	check := s.do(e, ctx)
	check.Name = s.name
	return check
}

func (e *examination) add(c Check) {
	e.report.Checks = append(e.report.Checks, c)
	switch {
	case c.Status == Fail, c.Status == Warn && e.report.Verdict == Pass:
		e.report.Verdict = c.Status
	}
	if e.OnCheck != nil {
		e.OnCheck(c)
	}
}

// block returns c and makes all later checks skip, for the reason why.
func (e *examination) block(why string, c Check) Check {
	e.blocked = why
	return c
}

func pass(format string, args ...any) Check {
	return Check{Status: Pass, Found: fmt.Sprintf(format, args...)}
}
