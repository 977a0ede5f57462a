package doctor

import (
	"context"
	"fmt"
	"strings"
)

// checkURL checks the parts of the URL that have no check of their own. A query is allowed:
// endpoints with one are in use.
func (e *examination) checkURL(context.Context) Check {
	switch {
	case e.url.User != nil:
		return Check{
			Status: Warn, Found: e.report.URL + ", which has a user name",
			Todo: "put the secret into the path: Salesforce does not document that it logs in with a " +
				"user name",
		}
	case e.url.Fragment != "" || strings.Contains(e.URL, "#"):
		return Check{
			Status: Warn, Found: e.report.URL + ", which has a #",
			Todo: "remove it and what follows: that is never sent",
		}
	}
	return pass("%s", e.report.URL)
}

// checkPort checks the port against help 000386036, which says 66535 and must mean 65535.
func (e *examination) checkPort(context.Context) Check {
	const allowed = "Salesforce connects to 80 (http only), 443 (https only) and 1024 to 65535: "
	fail := func(found, todo string) Check {
		return Check{Status: Fail, Found: found, Todo: allowed + todo}
	}
	switch {
	case e.port < 1 || e.port > 65535:
		return e.block("the port is invalid", fail("the URL's port is not between 1 and 65535",
			"correct the URL"))
	case e.port == 80 && e.secure():
		return fail("https on port 80", "listen on 443")
	case e.port == 443 && !e.secure():
		return fail("plain http on port 443", "put https:// into the URL, or listen on 80")
	case e.port < 1024 && e.port != 80 && e.port != 443:
		return fail(fmt.Sprintf("port %d", e.port), "listen on one of them")
	}
	return pass("%d", e.port)
}
