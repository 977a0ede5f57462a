package main

import (
	"strings"
	"testing"

	"ackbox/store/storetest"
)

func TestWrongSettingsAreRefused(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, storetest.SQLite)
	for line, want := range map[string]string{
		"serve --port 99999":                              "65535",
		"serve --port -1":                                 "port",
		"serve --port=-1":                                 "65535",
		"source add crm --port 65536":                     "65535",
		"source rotate crm --port 65536":                  "65535",
		"serve --body-limit 1KiB":                         "4KiB",
		"serve --body-limit 0":                            "body-limit",
		"serve --committers 0":                            "committers",
		"serve --committers=-2":                           "committers",
		"serve --queue-limit 0":                           "queue-limit",
		"serve --queue-limit=-5":                          "queue-limit",
		"serve --save-timeout 0":                          "100ms",
		"serve --save-timeout 5ms":                        "100ms",
		"serve --save-timeout=-1s":                        "not a duration",
		"serve --prune 71h59m":                            "72 hours",
		"serve --max-connections 0":                       "max-connections",
		"serve --allowed-ranges-refresh 0":                "1s",
		"serve --admin-addr 9090":                         "HOST:PORT",
		"serve --admin-addr localhost:99999":              "HOST:PORT",
		"serve --admin-addr http://localhost:9090":        "HOST:PORT",
		"serve --public-url inbox.example.com":            "absolute URL",
		"serve --public-url https://inbox.example.com?x=": "absolute URL",
		"source add crm --public-url /inbox":              "absolute URL",
		"source add crm --public-url https://":            "absolute URL",
		"source add crm --public-url https://:8443":       "absolute URL",
		"source add crm --public-url ftp://h":             "absolute URL",
		"source add crm --public-url https://h/#x":        "absolute URL",
		"source add crm --public-url https://h/a?b":       "absolute URL",
		"source add crm --public-url https://u:s3cr3t@h":  "absolute URL",
		"source add crm --public-url https://h:s3cr3t":    "absolute URL",
		"source rotate crm --public-url https://h:99999":  "65535",
	} {
		got := on(t, url, strings.Fields(line)...)
		if got.code != exitUsage || got.out != "" || !strings.Contains(got.err, want) ||
			strings.Contains(got.err, "s3cr3t") {
			t.Errorf("%s: got %+v, want exit code 2 and %q", line, got, want)
		}
	}
	if got := on(t, url, "migrate"); got.code != exitDone {
		t.Fatalf("migrate: got %+v", got)
	}
	if got := on(t, url, "source", "list"); !strings.Contains(got.err, "no source") ||
		!strings.Contains(got.err, "the database takes ") {
		t.Errorf("got %+v, want no source, and the size of the database", got)
	}
}

func TestAGuessedURLSaysSo(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, storetest.SQLite)
	for _, test := range []struct {
		args []string
		want bool
	}{
		{[]string{"source", "add", "crm"}, true},
		{[]string{"source", "rotate", "crm"}, true},
		{[]string{"source", "rotate", "crm", "--public-url", "https://inbox.example.com"}, false},
		{[]string{"source", "rotate", "crm", "--json"}, false}, // which has no base
	} {
		got := on(t, url, test.args...)
		if said := strings.Contains(got.err, "guess"); got.code != exitDone || said != test.want {
			t.Errorf("%q: got %+v, want a guess: %t", test.args, got, test.want)
		}
	}
}

func TestPublicURLIsTrimmed(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, storetest.SQLite)
	got := on(t, url, "source", "add", "crm", "--public-url", " https://h:8443/inbox/ ")
	if got.code != exitDone || !strings.HasPrefix(got.out, "https://h:8443/inbox/outbound/") {
		t.Errorf("got %+v, want the URL", got)
	}
}

// A setting of serve that is wrong must not stop the other commands, which do not use it.
func TestWrongSettingsOfServeLetOtherCommandsRun(t *testing.T) {
	url := storetest.URL(t, storetest.SQLite)
	t.Setenv("PORT", "99999")
	t.Setenv("PUBLIC_URL", "inbox")
	t.Setenv("ACKBOX_QUEUE_LIMIT", "0")
	if got := on(t, url, "migrate"); got.code != exitDone {
		t.Errorf("migrate: got %+v, want exit code 0", got)
	}
	if got := on(t, url, "source", "add", "crm"); got.code != exitUsage {
		t.Errorf("source add: got %+v, want exit code 2", got)
	}
}

func TestMisspeltVariablesAreWarnedOf(t *testing.T) {
	url := storetest.URL(t, storetest.SQLite)
	for _, name := range []string{
		"ACKBOX_COMITTERS", "ACKBOX_RANGE", // misspelt
		"ACKBOX_QUEUE_LIMIT", "ACKBOX_PUBLIC_URL", "ACKBOX_RANGES", "ACKBOX_READ_TIMEOUT", // known
		"ACKBOX_TEST_REQUIRE_NOTHING", "ACKBOX_CORPUS", "ACKBOX_SOAK", // of tests
	} {
		t.Setenv(name, map[bool]string{true: "12"}[name == "ACKBOX_QUEUE_LIMIT"])
	}
	// Kubernetes sets these for a service with the name ackbox.
	t.Setenv("ACKBOX_SERVICE_HOST", "10.0.0.1")
	t.Setenv("ACKBOX_SERVICE_PORT_HTTP", "80")
	t.Setenv("ACKBOX_PORT", "tcp://10.0.0.1:80")
	t.Setenv("ACKBOX_PORT_80_TCP_ADDR", "10.0.0.1")
	got := on(t, url, "migrate")
	if got.code != exitDone || strings.Count(got.err, "warning:") != 2 ||
		!strings.Contains(got.err, "ACKBOX_COMITTERS is not") || !strings.Contains(got.err, "ACKBOX_RANGE is not") {
		t.Errorf("got %+v, want a warning of each misspelt variable", got)
	}
}
