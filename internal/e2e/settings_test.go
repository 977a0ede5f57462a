package e2e_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"ackbox/soap"
)

// databaseCommands are all commands that open the database.
var databaseCommands = []string{
	"serve", "migrate", "export", "refusals", "certificates", "prune --older-than 720h",
	"source add crm", "source list", "source rotate crm", "source disable crm", "source enable crm",
	"source allow crm --org " + organization, "source deny crm --org " + organization,
	"source remove crm",
}

func TestADynoNeedsADatabase(t *testing.T) {
	t.Parallel()
	in := install(t, "DYNO=web.1", "PORT=0")
	for _, command := range databaseCommands {
		got := in.cli(strings.Fields(command)...)
		if got.code != 1 || !strings.Contains(got.stderr, "heroku-postgresql") || got.stdout != "" {
			t.Errorf("%s: got %+v, want exit code 1 and the add-on", command, got)
		}
	}
	if files, err := os.ReadDir(in.dir); err != nil || len(files) > 0 {
		t.Errorf("got the files %v (%v), want none", files, err)
	}
	in.set("DATABASE_URL", "sqlite:there.db")
	in.ok("migrate")
}

func TestAWrongDatabaseURLIsAWrongSetting(t *testing.T) {
	t.Parallel()
	in := install(t, "PORT=0")
	for _, url := range []string{
		"mysql://ackbox:s3cret@localhost/ackbox", "postgres://ackbox:s3cret%zz@localhost/ackbox",
		"s3cret.db", "sqlite:", "sqlite::memory:", "sqlite://s3cret.db",
	} {
		in.set("DATABASE_URL", url)
		for _, command := range databaseCommands {
			got := in.cli(strings.Fields(command)...)
			if got.code != 2 || !strings.Contains(got.stderr, "DATABASE_URL") ||
				strings.Contains(got.stderr, "s3cret") {
				t.Errorf("%s with %s: got %+v, want exit code 2 and an error without the URL",
					command, url, got)
			}
			if raceEnabled {
				break // processes start slowly, and all commands do the same here
			}
		}
	}
}

func TestADatabaseThatIsDownFailsCommands(t *testing.T) {
	t.Parallel()
	in := install(t, "DATABASE_URL=postgres://ackbox:s3cret@"+freeAddr(t)+"/ackbox")
	for _, command := range databaseCommands[1:] {
		got := in.cli(strings.Fields(command)...)
		hinted := strings.Contains(got.stderr, "Check that the database runs")
		if got.code != 1 || !hinted || strings.Contains(got.stderr, "s3cret") {
			t.Errorf("%s: got %+v, want exit code 1 and a hint", command, got)
		}
	}
}

func TestPrintedURLsArePublic(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env  []string
		want string
	}{
		"nothing": {nil, "http://localhost:8080"},
		"port":    {[]string{"PORT=1234"}, "http://localhost:1234"},
		"heroku": {
			[]string{"PORT=1234", "HEROKU_APP_DEFAULT_DOMAIN_NAME=app-12.herokuapp.com"},
			"https://app-12.herokuapp.com",
		},
		"public":              {[]string{"PORT=1234", "PUBLIC_URL=https://inbox.example.test"}, "https://inbox.example.test"},
		"public with a slash": {[]string{"PUBLIC_URL=https://example.test/inbox/"}, "https://example.test/inbox"},
		"public on Heroku": {
			[]string{
				"PUBLIC_URL=https://inbox.example.test",
				"HEROKU_APP_DEFAULT_DOMAIN_NAME=app-12.herokuapp.com",
			},
			"https://inbox.example.test",
		},
	} {
		in := install(t, append(test.env, "DATABASE_URL=sqlite:ackbox.db")...)
		form := regexp.MustCompile(
			`^` + regexp.QuoteMeta(test.want) + `/outbound/[A-Za-z0-9_-]+\n$`)
		for _, verb := range []string{"add", "rotate"} {
			if got := in.ok("source", verb, "crm"); !form.MatchString(got) {
				t.Errorf("%s: source %s: got %q, want %s/outbound/…", name, verb, got, test.want)
			}
		}
	}
	s := install(t, "PUBLIC_URL=https://inbox.example.test").serve()
	eventually(t, testTimeout, "the public URL", func() bool {
		return strings.Contains(s.stdout.String(), "send https://inbox.example.test/outbound/")
	})
	c, in := newServerCertificate(), install(t)
	cert, key := in.write("cert.pem", c.PEM()), in.write("key.pem", c.KeyPEM())
	s = in.serve("--tls-cert", cert, "--tls-key", key)
	eventually(t, testTimeout, "a URL with https", func() bool {
		return strings.Contains(s.stdout.String(), "send https://localhost:")
	})
}

func TestWithoutMigrationsNothingIsAckedUntilThereIsASchema(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		in := install(t, "DATABASE_URL="+database)
		s := in.serve("--no-migrate")
		for range 3 {
			got := post(t, s.base()+"/outbound/token", one("0001"))
			checkFault(t, got, http.StatusServiceUnavailable, soap.FaultServer)
		}
		if got := get(t, s.base()+"/readyz"); got.status != http.StatusServiceUnavailable {
			t.Errorf("got %+v, want not ready", got)
		}
		if got := s.cli("export", "--no-migrate"); got.code != 1 {
			t.Errorf("export --no-migrate: got exit code %d, want 1", got.code)
		}
		s.ok("migrate")
		s.ready()
		s.add("crm")
		requireAckSoon(t, s.url("crm"), one("0001"))
		if got := s.export("--no-migrate"); len(got) != 1 {
			t.Errorf("got %d notifications, want 1", len(got))
		}
	})
}

// Settings of former versions work under their old names or have no effect, and the log says so.
func TestOldSettingsAreReported(t *testing.T) {
	t.Parallel()
	s := startRaw(t, "ACKBOX_RANGES=192.0.2.0/24", "ACKBOX_RANGES_MODE=enforce",
		"ACKBOX_READ_TIMEOUT=1ns")
	checkFault(t, post(t, s.url("crm"), one("0001")), http.StatusForbidden, soap.FaultClient)
	for _, want := range []string{
		"name=ACKBOX_RANGES new_name=ACKBOX_ALLOWED_RANGES\n",
		"name=ACKBOX_RANGES_MODE new_name=ACKBOX_ALLOWED_RANGES_MODE\n",
		"name=ACKBOX_READ_TIMEOUT\n",
	} {
		if !strings.Contains(s.stderr.String(), want) {
			t.Errorf("got no warning with %q in the log:\n%s", want, s.stderr.String())
		}
	}
}
