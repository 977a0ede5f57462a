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

// slow is what an answer should stay far below: a whole day of messages may wait behind it.
const slow = 5 * time.Second

// checkAnswer posts the message that holds nothing, and looks at how long the answer takes.
func (e *examination) checkAnswer(ctx context.Context) Check {
	e.client = newClient(e)
	e.probed = e.client.post(ctx, e.emptyMessage())
	switch a := e.probed; {
	case !e.secure() && a.mayBeTLS() && e.speaksTLS(ctx):
		return e.block("there is no HTTP", a.notTLS())
	case a.err != nil:
		return e.block("there is no answer", e.failed(a))
	default:
		e.report.Listener = listenerOf(a)
		return a.timed()
	}
}

// mayBeTLS tells whether a port that got plain HTTP behaves as one for TLS: it goes away, says what is no HTTP, or what
// a web server says in words of its own.
func (a *answer) mayBeTLS() bool {
	if a.err != nil {
		return !isTimeout(a.err)
	}
	what, _ := notXML(a.body)
	return a.status == http.StatusBadRequest && what != ""
}

// notTLS is the check of a port that speaks TLS and was spoken to without.
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

// timed is the check of how long an answer took.
func (a *answer) timed() Check {
	if a.took > slow {
		return Check{
			Status: Warn, Found: fmt.Sprintf("HTTP %d after %s", a.status, rounded(a.took)),
			Todo: "store the message, ack it, and do slow work afterwards: Salesforce serves slow listeners last, " +
				"and is said to wait 20 s only",
		}
	}
	return pass("HTTP %d after %s", a.status, rounded(a.took))
}

// checkRedirect, checkLogin and checkCompression look for what Salesforce does not handle (help 000381752). What comes
// after them would only look at the same answer again.
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
	return pass("none is asked for")
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
		Todo:       "Salesforce does not follow it: put the final URL into Setup, or let the listener answer itself",
	}
}

// origin is a URL without what may be secret.
func origin(location string) string {
	u, err := url.Parse(location)
	switch {
	case location == "":
		return "nowhere"
	case err != nil:
		return "what is no URL"
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
		Todo: "Salesforce cannot log in: let this path do without, and tell it by a secret in the URL, " +
			"a client certificate or the organization's id",
	}
}

func (a *answer) compression() *Check {
	coding := strings.Join(a.header.Values("Content-Encoding"), ", ")
	if coding == "" || strings.EqualFold(coding, "identity") {
		return nil
	}
	return &Check{
		Status: Fail, Found: "the answer is compressed (" + printable(coding) + "), though nobody asked for it",
		Salesforce: simulate.ReasonProlog, Todo: "turn compression off for this path, in the listener or the proxy before it",
	}
}
