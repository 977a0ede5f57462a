package handlers_test

import (
	"net/http"
	"strings"
	"testing"

	"ackbox/store/storetest"
)

// The page may be that of a dead URL: it must not tell anybody to use it, but how to check it.
func TestThePageTellsNobodyToUseAURLUnchecked(t *testing.T) {
	t.Parallel()
	in := newInbox(t, storetest.New(t, storetest.SQLite).Store, nil)
	for _, path := range []string{"unknown", in.token, in.token + "/", in.token + "%20"} {
		page := in.do(t, http.MethodGet, in.URL+"/outbound/"+path, nil)
		if page.status != 200 || strings.Contains(page.body, "URL of this page") {
			t.Errorf("%s: got %d %s", path, page.status, page.body)
		}
		for _, want := range []string{"same for every URL", "<code>ackbox doctor URL"} {
			if !strings.Contains(page.body, want) {
				t.Errorf("%s: the page lacks %q", path, want)
			}
		}
	}
}

func TestATokenPastedWithWhiteSpaceOrASlashIsTheToken(t *testing.T) {
	t.Parallel()
	in := newInbox(t, storetest.New(t, storetest.SQLite).Store, nil)
	for _, pasted := range []string{
		in.token + "/", in.token + "%20", "%20" + in.token, in.token + "%0A", in.token + "%09/",
		in.token + "%C2%A0", in.token + "%2F", "%0d%0a" + in.token + "%2f%20/",
	} {
		if a := in.postTo(t, pasted); !a.isAck() {
			t.Errorf("%q: got %d %s", strings.ReplaceAll(pasted, in.token, "TOKEN"), a.status, a.body)
		}
	}
}

func TestTheRootSaysWhatThisIsInOneLine(t *testing.T) {
	t.Parallel()
	in := newInbox(t, storetest.New(t, storetest.SQLite).Store, nil)
	a := in.do(t, http.MethodGet, in.URL+"/", nil)
	if a.status != 200 || strings.Count(a.body, "\n") != 1 || !strings.Contains(a.body, "ackbox") ||
		!strings.Contains(a.body, "/readyz") || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("got %d %s", a.status, a.body)
	}
}
