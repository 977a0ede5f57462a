package store_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/store"
	"ackbox/store/storetest"
)

// certificate returns a certificate that was presented to a source at a time.
func certificate(source store.Source, name string, seen time.Time) store.ClientCertificate {
	return store.ClientCertificate{
		SourceID: source.ID, SHA256: sha256.Sum256([]byte(name)), Subject: "CN=" + name, Issuer: "CN=CA",
		NotBefore: moment.Add(-time.Hour), NotAfter: moment.Add(time.Hour), LastSeen: seen,
		Chain: pemOf(name),
	}
}

func pemOf(content string) string {
	return "-----BEGIN CERTIFICATE-----\n" + content + "\n-----END CERTIFICATE-----\n"
}

func observe(tb testing.TB, db *store.Store, certificates ...store.ClientCertificate) {
	tb.Helper()
	for _, c := range certificates {
		if err := db.ObserveCertificate(tb.Context(), c); err != nil {
			tb.Fatal(err)
		}
	}
}

func clientCertificates(tb testing.TB, db *store.Store) []store.ClientCertificate {
	tb.Helper()
	found, err := db.ClientCertificates(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

func TestClientCertificatesAreKeptPerSource(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		if got := clientCertificates(t, db.Store); len(got) != 0 {
			t.Errorf("got %d certificates, want none yet", len(got))
		}
		two, one := addSource(t, db.Store, "two"), addSource(t, db.Store, "one")
		old, fresh := certificate(one, "a", now), certificate(one, "b", now.Add(time.Hour))
		other := certificate(two, "a", now)
		observe(t, db.Store, other, old, fresh)
		want := []store.ClientCertificate{fresh, old, other}
		for i, name := range []string{"one", "one", "two"} {
			want[i].Source, want[i].LastSeen = name, want[i].LastSeen.Truncate(time.Microsecond)
			want[i].FirstSeen = want[i].LastSeen
		}
		if diff := cmp.Diff(want, clientCertificates(t, db.Store)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if err := db.Store.RemoveSource(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[2:], clientCertificates(t, db.Store)); diff != "" {
			t.Errorf("after a source was removed (-want +got):\n%s", diff)
		}
		if err := db.Store.ObserveCertificate(t.Context(), old); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("got %v for a source that was removed, want %v", err, store.ErrNotFound)
		}
	})
}

func TestCertificateThatIsObservedAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		first := certificate(source, "a", now)
		first.Problem = "is not expected"
		again := first
		again.LastSeen, again.Problem, again.Chain = now.Add(time.Hour), "", first.Chain+pemOf("CA")
		late := again // of another process, whose record comes late
		late.LastSeen, late.Problem, late.Chain = now.Add(time.Minute), "has ended", pemOf("late")
		want := first
		want.Source, want.FirstSeen = "one", moment
		for _, c := range []store.ClientCertificate{first, again, late} {
			observe(t, db.Store, c)
			want.Problem, want.Chain = c.Problem, c.Chain
			if seen := c.LastSeen.Truncate(time.Microsecond); c == first || seen.After(want.LastSeen) {
				want.LastSeen = seen
			}
			got := clientCertificates(t, db.Store)
			if diff := cmp.Diff([]store.ClientCertificate{want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	})
}

// A client that presents a new certificate each time must not fill the disk, nor evict those of
// other sources.
func TestOnlyTheCertificatesSeenLastAreKept(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		const kept, rounds, atOnce = 20, 10, 6
		one, two := addSource(t, db.Store, "one"), addSource(t, db.Store, "two")
		observe(t, db.Store, certificate(two, "0", now.Add(-time.Hour)), certificate(one, "known", now))
		var found []store.ClientCertificate
		for round := range rounds {
			observeAtOnce(t, db.Store, one, round*atOnce, atOnce)
			found = clientCertificates(t, db.Store)
			want := min(kept, 1+(round+1)*atOnce) + 1
			if len(found) != want || found[want-1].Source != "two" {
				t.Fatalf("got %d certificates, want %d with that of the other source", len(found), want)
			}
		}
		for i, c := range found[:kept] {
			if want := moment.Add(time.Duration(rounds*atOnce-i) * time.Second); !c.LastSeen.Equal(want) {
				t.Errorf("number %d was seen at %s, want %s", i, c.LastSeen, want)
			}
		}
		observe(t, db.Store, certificate(one, "known", now)) // the oldest: it displaces none
		if got := clientCertificates(t, db.Store); !cmp.Equal(found, got) {
			t.Errorf("(-before +after):\n%s", cmp.Diff(found, got))
		}
	})
}

// observeAtOnce records certificates that were seen a second apart, beginning with the one after
// first.
func observeAtOnce(tb testing.TB, db *store.Store, source store.Source, first, count int) {
	tb.Helper()
	var all sync.WaitGroup
	for i := first + 1; i <= first+count; i++ {
		all.Go(func() {
			c := certificate(source, fmt.Sprint(i), now.Add(time.Duration(i)*time.Second))
			if err := db.ObserveCertificate(tb.Context(), c); err != nil {
				tb.Error(err)
			}
		})
	}
	all.Wait()
}

// The text in a certificate is up to whoever makes it.
func TestObserveCertificateAcceptsAnyText(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		odd := certificate(source, "a", now)
		odd.Subject, odd.Issuer = "a\x00b\xffc", strings.Repeat("é", 600)
		odd.Problem = strings.Repeat("x", 2000)
		odd.NotBefore = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
		odd.NotAfter = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
		block := pemOf(strings.Repeat("A", 9_972)) // 10,025 bytes: six of them fit
		odd.Chain = strings.Repeat(block, 8)
		observe(t, db.Store, odd)
		want := odd
		want.Source, want.FirstSeen, want.LastSeen = "one", moment, moment
		want.Subject, want.Issuer = "a\uFFFDb\uFFFDc", strings.Repeat("é", 500)
		want.Problem = strings.Repeat("x", 1000)
		want.NotBefore, want.Chain = time.Time{}, strings.Repeat(block, 6)
		got := clientCertificates(t, db.Store)
		if diff := cmp.Diff([]store.ClientCertificate{want}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		odd.Chain = strings.Repeat("A", 70_000)
		observe(t, db.Store, odd)
		if got := clientCertificates(t, db.Store)[0].Chain; got != "" {
			t.Errorf("got %d bytes of what is no chain, want none", len(got))
		}
	})
}

// Whoever has the URL can present any number of certificates: the accepted ones stay on the list.
func TestStrangersCertificatesDoNotDriveOutTheAcceptedOnes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		observe := func(n int, problem string) {
			c := store.ClientCertificate{
				SourceID: source.ID, Problem: problem, LastSeen: now.Add(time.Duration(n) * time.Hour),
			}
			c.SHA256[0], c.SHA256[1] = byte(n), byte(len(problem))
			if err := db.Store.ObserveCertificate(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		observe(0, "")
		for n := range 50 {
			observe(n, "not expected")
		}
		got, err := db.Store.ClientCertificates(t.Context())
		if err != nil || len(got) != 21 || got[20].Problem != "" {
			t.Errorf("got %d certificates (%v), want the accepted one and 20 others", len(got), err)
		}
	})
}
