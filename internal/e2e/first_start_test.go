package e2e_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

var sendLine = regexp.MustCompile(
	`(?m)^ *go run ./cmd/ackbox (send (http://localhost:\d+/outbound/\S+))$`)

// A first user sets nothing. PORT is set here because the tests need a free port.
func TestFirstStartPrintsCommandsThatWork(t *testing.T) {
	t.Parallel()
	s := install(t).serveAt("0")
	eventually(t, testTimeout, "a command to send with", func() bool {
		return sendLine.MatchString(s.stdout.String())
	})
	match := sendLine.FindStringSubmatch(s.stdout.String())
	if got := strings.Count(s.stdout.String(), match[2]); got != 2 {
		t.Errorf("got the URL %d times, want it alone and in the command to send with:\n%s",
			got, &s.stdout)
	}
	eventually(t, testTimeout, "serve warns that any organization may post", func() bool {
		return strings.Contains(s.stderr.String(), "any organization may post")
	})
	s.ok(strings.Fields(match[1])...)
	stored := s.export()
	if len(stored) != 1 || stored[0].Source != "default" || *stored[0].ObjectType != "Lead" {
		t.Errorf("got %+v, want the Lead that was sent to default", stored)
	}
	s.ok("send", match[2], "--count", "3", "--notifications", "20")
	requireNumbers(t, s.export(), 61)

	if code, _ := s.term(); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
	s.restart()
	s.ready()
	requireAck(t, post(t, match[2], envelope(lead("04lS10000000001IAA", "00QS10000000001IAA", ""))))
	if got := s.stdout.String(); got != "" {
		t.Errorf("a second start prints %q, want nothing", got)
	}
}

// requireNumbers checks that the fields with types in the WSDL have these types.
func requireNumbers(t *testing.T, lines []line, want int) {
	t.Helper()
	if len(lines) != want {
		t.Fatalf("got %d notifications, want %d", len(lines), want)
	}
	numbers, flags := 0, 0
	for _, l := range lines {
		for _, p := range pairs(t, l.Fields) {
			switch p.name {
			case "AnnualRevenue", "NumberOfEmployees":
				if _, ok := p.value.(json.Number); !ok {
					t.Errorf("%s: got %#v, want a number", p.name, p.value)
				}
				numbers++
			case "IsConverted":
				if _, ok := p.value.(bool); !ok {
					t.Errorf("%s: got %#v, want a boolean", p.name, p.value)
				}
				flags++
			}
		}
	}
	if numbers == 0 || flags == 0 {
		t.Errorf("got %d numbers and %d booleans, want some", numbers, flags)
	}
}

func TestServeWithADatabaseMakesNoSource(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := start(t, "DATABASE_URL="+database)
		eventually(t, testTimeout, "the next step", func() bool {
			return strings.Contains(s.stderr.String(), "no source yet: run ackbox source add NAME")
		})
		if got := s.stdout.String(); got != "" {
			t.Errorf("got %q on stdout, want nothing", got)
		}
		if got := s.ok("source", "list", "--json"); got != "" {
			t.Errorf("got the sources %q, want none", got)
		}
	})
}
