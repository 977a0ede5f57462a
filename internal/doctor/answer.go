package doctor

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ackbox/simulate"
)

// slow is the time above which an answer is reported. A day of messages may wait behind each
// answer.
const slow = 5 * time.Second

// checkAnswer posts the empty message and checks how long the answer takes.
func (e *examination) checkAnswer(ctx context.Context) Check {
	e.client = newClient(e)
	e.probed = e.client.post(ctx, e.emptyMessage())
	switch a := e.probed; {
	case !e.secure() && a.mayBeTLS() && e.speaksTLS(ctx):
		return e.block("the port does not speak HTTP", a.notTLS())
	case a.err != nil:
		return e.block("there is no answer", e.failed(a))
	default:
		e.report.Listener = listenerOf(a)
		return a.timed()
	}
}

// mayBeTLS reports whether an answer to plain HTTP may be that of a port for TLS: a closed
// connection, something that is not HTTP, or a web server's own page for that case.
func (a *answer) mayBeTLS() bool {
	if a.err != nil {
		return !isTimeout(a.err)
	}
	what, _ := notXML(a.body)
	return a.status == http.StatusBadRequest && what != ""
}

// notTLS returns the check of a port that speaks TLS, for a URL with http.
func (a *answer) notTLS() Check {
	check := Check{
		Status: Fail, Found: "the port speaks TLS, the URL says http", Salesforce: simulate.ReasonProlog,
		Todo: "put https:// into the URL",
	}
	if a.err != nil {
		check.Salesforce = simulate.ReasonReset
	}
	return check
}

// timed returns the check of how long an answer took.
func (a *answer) timed() Check {
	if a.took > slow {
		return Check{
			Status: Warn, Found: fmt.Sprintf("HTTP %d after %s", a.status, rounded(a.took)),
			Todo: "store the message, ack it, and do slow work afterwards: Salesforce serves slow " +
				"listeners last, and reportedly waits only 20 s",
		}
	}
	return pass("HTTP %d after %s", a.status, rounded(a.took))
}

// checkRedirect, checkLogin and checkCompression look for answers that Salesforce does not handle
// (help 000381752). They skip the later checks, which would get the same answer.
func (e *examination) checkRedirect(context.Context) Check {
	if check := e.probed.redirect(); check != nil {
		return e.block("the answer is a redirect", *check)
	}
	return pass("none")
}

func (e *examination) checkLogin(context.Context) Check {
	if check := e.probed.login(); check != nil {
		return e.block("the answer asks for a login", *check)
	}
	return pass("none is required")
}

func (e *examination) checkCompression(context.Context) Check {
	if check := e.probed.compression(); check != nil {
		return e.block("the answer is compressed", *check)
	}
	return pass("none")
}

func (a *answer) redirect() *Check {
	if a.status < 300 || a.status > 399 {
		return nil
	}
	return &Check{
		Status: Fail, Found: fmt.Sprintf("HTTP %d to %s", a.status, origin(a.header.Get("Location"))),
		Salesforce: simulate.ReasonProlog,
		Todo: "put the final URL into Setup, or let the listener answer itself: Salesforce " +
			"does not follow redirects",
	}
}

// origin returns a URL without the parts that may be secret.
func origin(location string) string {
	u, err := url.Parse(location)
	switch {
	case location == "":
		return "nowhere"
	case err != nil:
		return "an invalid URL"
	case u.Host == "":
		return "another path of the same host"
	}
	return printable(strings.TrimPrefix(u.Scheme+"://"+u.Host+"/…", "://"))
}

func (a *answer) login() *Check {
	challenge := a.header.Get("WWW-Authenticate") + a.header.Get("Proxy-Authenticate")
	if a.status != http.StatusUnauthorized && a.status != http.StatusProxyAuthRequired &&
		(a.status < 400 || challenge == "") {
		return nil
	}
	scheme, _, _ := strings.Cut(challenge, " ")
	if scheme == "" {
		scheme = "no"
	}
	return &Check{
		Status: Fail, Found: fmt.Sprintf("HTTP %d with %s challenge", a.status, printable(scheme)),
		Salesforce: simulate.ReasonProlog,
		Todo: "accept requests to this path without a login, because Salesforce cannot log in: " +
			"recognize it by a secret in the URL, a client certificate or the organization's id",
	}
}

func (a *answer) compression() *Check {
	coding := strings.Join(a.header.Values("Content-Encoding"), ", ")
	if coding == "" || strings.EqualFold(coding, "identity") {
		return nil
	}
	return &Check{
		Status: Fail, Found: "the answer is compressed (" + printable(coding) +
			"), although the request does not allow it",
		Salesforce: simulate.ReasonProlog, Todo: "turn compression off for this path, in the " +
			"listener or the proxy in front of it",
	}
}
