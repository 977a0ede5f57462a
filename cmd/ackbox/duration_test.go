package main

import (
	"strings"
	"testing"
	"time"

	"ackbox/store/storetest"
)

func TestDurationsKnowDays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"0": 0, "90s": 90 * time.Second, "30d": 720 * time.Hour, "1d12h": 36 * time.Hour,
		"2d1h30m": 49*time.Hour + 30*time.Minute, "0d": 0, "1.5h": 90 * time.Minute,
		"106751d": 106751 * day,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q: got %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "d", "30", "-1h", "-1d", "1d-1h", "12h1d", "1.5d", "1d 2h", "1dd", "+1d", "106752d",
		"106751d24h", "99999999999999d", "1w", "0d-0s",
	} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
}

// Every flag with a duration takes days, and so do those with a time.
func TestFlagsTakeDays(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t, storetest.SQLite)
	if got := on(t, url, "source", "add", "crm"); got.code != exitDone {
		t.Fatalf("got %+v", got)
	}
	for _, line := range []string{
		"prune --older-than 30d", "source rotate crm --keep 2d", "export --since 30d", "export --until 1d12h",
		"refusals --since 7d",
	} {
		if got := on(t, url, strings.Fields(line)...); got.code != exitDone {
			t.Errorf("%s: got %+v, want exit code 0", line, got)
		}
	}
	for _, line := range []string{
		"prune --older-than=-30d", "prune --older-than 30", "source rotate crm --keep=-1h",
		"export --since=-1h", "send http://localhost/ --for=-1d",
	} {
		args := strings.Fields(line)
		if args[0] != "send" {
			args = append(args, "--database-url", url)
		}
		if got := command(t, args...); got.code != exitUsage || got.out != "" {
			t.Errorf("%s: got %+v, want exit code 2", line, got)
		}
	}
}
