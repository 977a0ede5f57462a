package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/store"
	"ackbox/store/storetest"
)

// moment is the test's time as it is stored.
var moment = time.Date(2026, 11, 22, 1, 2, 3, 456789000, time.UTC)

func TestAddSource(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		organizations := []string{"00Dxx0000009999EAA", organization, organization[:15], "odd one"}
		added, token, err := db.Store.AddSource(t.Context(), "eu", organizations, now)
		if err != nil {
			t.Fatal(err)
		}
		want := store.Source{
			ID: added.ID, Name: "eu", CreatedAt: moment,
			Organizations: []string{organization, "00Dxx0000009999EAA", "odd one"},
			Tokens:        []store.Token{{SHA256: store.TokenSHA256(token), CreatedAt: moment}},
		}
		if diff := cmp.Diff(want, added); diff != "" {
			t.Errorf("added (-want +got):\n%s", diff)
		}
		if len(token) != 43 || strings.ContainsAny(token, "+/=") {
			t.Errorf("got token %q, want 43 characters for a URL", token)
		}
		addSource(t, db.Store, "default")
		if diff := cmp.Diff([]string{"default", "eu"}, names(t, db.Store)); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, sourceNamed(t, db.Store, "eu")); diff != "" {
			t.Errorf("read (-want +got):\n%s", diff)
		}
	})
}

func TestTokensAreOnlyStoredAsDigests(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		_, token, err := db.Store.AddSource(t.Context(), "one", nil, now)
		if err != nil {
			t.Fatal(err)
		}
		var stored []byte
		if err := openRaw(t, db).QueryRow(`select sha256 from source_tokens`).Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if want := store.TokenSHA256(token); string(stored) != string(want[:]) {
			t.Errorf("got %x, want %x", stored, want)
		}
	})
}

func TestSourceNames(t *testing.T) {
	t.Parallel()
	tests := map[string]error{
		"default": nil, "EU-1_a.b": nil, "0": nil, strings.Repeat("a", 64): nil,
		"": store.ErrName, strings.Repeat("a", 65): store.ErrName, "-rf": store.ErrName, ".": store.ErrName,
		"a b": store.ErrName, "a/b": store.ErrName, "ä": store.ErrName, "a\n": store.ErrName, `a"`: store.ErrName,
		"taken": store.ErrExists,
	}
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		addSource(t, db.Store, "taken")
		for name, want := range tests {
			if _, _, err := db.Store.AddSource(t.Context(), name, nil, now); !errors.Is(err, want) {
				t.Errorf("%q: got %v, want %v", name, err, want)
			}
		}
	})
}

func TestRotateToken(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		_, first, err := db.Store.AddSource(t.Context(), "one", nil, now)
		if err != nil {
			t.Fatal(err)
		}
		second := rotate(t, db.Store, 48*time.Hour, now)
		requireTokens(t, db.Store, map[string]time.Duration{first: 48 * time.Hour, second: 0})

		third := rotate(t, db.Store, 72*time.Hour, now)
		requireTokens(t, db.Store, map[string]time.Duration{
			first: 48 * time.Hour, second: 72 * time.Hour, third: 0,
		})

		fourth := rotate(t, db.Store, time.Hour, now.Add(50*time.Hour))
		requireTokens(t, db.Store, map[string]time.Duration{
			second: 51 * time.Hour, third: 51 * time.Hour, fourth: 0,
		})

		fifth := rotate(t, db.Store, 0, now)
		requireTokens(t, db.Store, map[string]time.Duration{fifth: 0})
	})
}

func rotate(t *testing.T, db *store.Store, keep time.Duration, at time.Time) string {
	t.Helper()
	token, err := db.RotateToken(t.Context(), "one", keep, at)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// requireTokens checks the tokens of the source "one" and when they expire, counted from [now]; 0
// is never.
func requireTokens(t *testing.T, db *store.Store, want map[string]time.Duration) {
	t.Helper()
	ends := map[[32]byte]time.Duration{}
	for token, end := range want {
		ends[store.TokenSHA256(token)] = end
	}
	got := map[[32]byte]time.Duration{}
	for _, token := range sourceNamed(t, db, "one").Tokens {
		got[token.SHA256] = 0
		if token.ExpiresAt != nil {
			got[token.SHA256] = token.ExpiresAt.Sub(moment)
		}
	}
	if diff := cmp.Diff(ends, got); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
}

func TestTokenIsValidUntilItExpires(t *testing.T) {
	t.Parallel()
	end := moment
	token := store.Token{ExpiresAt: &end}
	if !token.Valid(end.Add(-1)) || token.Valid(end) {
		t.Error("want the end to be the first moment when it is not valid")
	}
	if !(store.Token{}).Valid(end) {
		t.Error("want a token without end to be valid")
	}
}

func TestDisableAndEnableSource(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		addSource(t, db.Store, "one")
		for _, at := range []time.Time{now, now.Add(time.Hour)} { // the first counts
			if err := db.Store.DisableSource(t.Context(), "one", at); err != nil {
				t.Fatal(err)
			}
		}
		if got := sourceNamed(t, db.Store, "one").DisabledAt; got == nil || !got.Equal(moment) {
			t.Errorf("got disabled at %v, want %v", got, moment)
		}
		if err := db.Store.EnableSource(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
		if got := sourceNamed(t, db.Store, "one").DisabledAt; got != nil {
			t.Errorf("got disabled at %v, want never", got)
		}
	})
}

func TestAllowAndDenyOrganization(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		addSource(t, db.Store, "one")
		for _, id := range []string{organization, organization[:15], "odd"} {
			if err := db.Store.AllowOrganization(t.Context(), "one", id); err != nil {
				t.Fatal(err)
			}
		}
		source := sourceNamed(t, db.Store, "one")
		if diff := cmp.Diff([]string{organization, "odd"}, source.Organizations); diff != "" {
			t.Errorf("organizations (-want +got):\n%s", diff)
		}
		if err := db.Store.DenyOrganization(t.Context(), "one", organization[:15]); err != nil {
			t.Fatal(err)
		}
		err := db.Store.DenyOrganization(t.Context(), "one", organization)
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("got %v, want %v", err, store.ErrNotFound)
		}
		if diff := cmp.Diff([]string{"odd"}, sourceNamed(t, db.Store, "one").Organizations); diff != "" {
			t.Errorf("organizations (-want +got):\n%s", diff)
		}
	})
}

func TestSameOrganization(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b string
		want bool
	}{
		{"00Dxx0000001gPLEAY", "00Dxx0000001gPLEAY", true},
		{"00Dxx0000001gPLEAY", "00Dxx0000001gPL", true},
		{"00Dxx0000001gPL", "00Dxx0000001gPLxyz", true},
		{"00Dxx0000001gPL", "00Dxx0000001gpl", false},
		{"00Dxx0000001gPLEAY", "00Dxx0000001gPMEAY", false},
		{"00Dxx0000001gPLE", "00Dxx0000001gPL", false},
		{"00Dxx0000001gPLE-Y", "00Dxx0000001gPL", false},
		{"00Dxx0000001gPé", "00Dxx0000001gPé", true},
		{"", "", true},
	}
	for _, test := range tests {
		if got := store.SameOrganization(test.a, test.b); got != test.want {
			t.Errorf("%q, %q: got %t, want %t", test.a, test.b, got, test.want)
		}
		if got := store.SameOrganization(test.b, test.a); got != test.want {
			t.Errorf("%q, %q: got %t, want %t", test.b, test.a, got, test.want)
		}
		source := store.Source{Organizations: []string{"other", test.a}}
		if got := source.Allows(test.b); got != test.want {
			t.Errorf("%q allows %q: got %t, want %t", test.a, test.b, got, test.want)
		}
	}
	if !(store.Source{}).Allows("any") {
		t.Error("want a source without organizations to allow any")
	}
}

func TestRemoveSource(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		full := addSource(t, db.Store, "full")
		save(t, db.Store, full, batchOf(entry("04l", "{}")), now)
		_, _, err := db.Store.AddSource(t.Context(), "empty", []string{organization}, now)
		if err != nil {
			t.Fatal(err)
		}
		refusal := store.Refusal{Source: "empty", Cause: "organization", At: now}
		if err := db.Store.Refuse(t.Context(), refusal); err != nil {
			t.Fatal(err)
		}
		if err := db.Store.RemoveSource(t.Context(), "full"); !errors.Is(err, store.ErrNotEmpty) {
			t.Errorf("got %v, want %v", err, store.ErrNotEmpty)
		}
		if err := db.Store.RemoveSource(t.Context(), "empty"); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"full"}, names(t, db.Store)); diff != "" {
			t.Errorf("names (-want +got):\n%s", diff)
		}
		want := []store.Refusal{{ID: 1, Cause: "organization", At: moment}}
		if diff := cmp.Diff(want, refusals(t, db.Store, store.RefusalFilter{})); diff != "" {
			t.Errorf("refusals (-want +got):\n%s", diff)
		}
	})
}

func TestChangesOfUnknownSource(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		_, rotated := db.Store.RotateToken(t.Context(), "none", 0, now)
		for name, err := range map[string]error{
			"rotate":  rotated,
			"enable":  db.Store.EnableSource(t.Context(), "none"),
			"disable": db.Store.DisableSource(t.Context(), "none", now),
			"allow":   db.Store.AllowOrganization(t.Context(), "none", organization),
			"deny":    db.Store.DenyOrganization(t.Context(), "none", organization),
			"remove":  db.Store.RemoveSource(t.Context(), "none"),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: got %v, want %v", name, err, store.ErrNotFound)
			}
		}
	})
}

func names(t *testing.T, db *store.Store) (names []string) {
	t.Helper()
	sources, err := db.Sources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		names = append(names, source.Name)
	}
	return names
}

func sourceNamed(t *testing.T, db *store.Store, name string) store.Source {
	t.Helper()
	sources, err := db.Sources(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		if source.Name == name {
			return source
		}
	}
	t.Fatalf("no source %q", name)
	return store.Source{}
}
