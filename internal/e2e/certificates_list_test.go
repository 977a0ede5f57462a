package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/store"
	"ackbox/store/storetest"
)

// listedCertificate is a line of certificates --json.
type listedCertificate struct {
	Source      string `json:"source"`
	Subject     string `json:"subject"`
	Issuer      string `json:"issuer"`
	Fingerprint string `json:"fingerprint"`
	NotBefore   string `json:"not_before"`
	NotAfter    string `json:"not_after"`
	DaysLeft    int    `json:"days_left"`
	FirstSeen   string `json:"first_seen"`
	LastSeen    string `json:"last_seen"`
	Verdict     string `json:"verdict"`
	Chain       string `json:"chain"`
}

func TestCertificatesAreListed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		in := install(t, "DATABASE_URL="+database)
		in.ok("migrate")
		got := in.cli("certificates")
		if got.code != 0 || !strings.Contains(got.stderr, "no client certificate") {
			t.Errorf("got %+v without certificates, want a text on stderr", got)
		}
		in.add("crm")
		seen := time.Now().UTC().Truncate(time.Second)
		accepted := store.ClientCertificate{
			SHA256: sha256.Sum256([]byte("a")), Subject: "CN=crm\x1b[2J\n\u202e", Issuer: "CN=CA",
			NotBefore: seen, NotAfter: seen.Add(10*24*time.Hour + time.Hour),
			LastSeen: seen, Chain: "-----BEGIN",
		}
		ended := accepted
		ended.SHA256, ended.LastSeen = sha256.Sum256([]byte("b")), seen.Add(-time.Hour)
		ended.NotBefore, ended.NotAfter = seen.Add(-48*time.Hour), seen.Add(-time.Hour)
		ended.Problem = "has ended"
		seed(t, database, "crm", accepted, ended)

		want := []listedCertificate{listed(accepted, 10, "accepted"), listed(ended, -1, "has ended")}
		list := decodeLines[listedCertificate](t, in.ok("certificates", "--json"))
		if diff := cmp.Diff(want, list); diff != "" {
			t.Errorf("certificates --json (-want +got):\n%s", diff)
		}
		lines := strings.Split(in.ok("certificates"), "\n")
		if len(lines) != 4 || strings.ContainsAny(lines[1], "\x1b\u202e") ||
			!strings.HasPrefix(lines[0], "SOURCE ") {
			t.Fatalf("got %q, want a header and a printable line for each certificate", lines)
		}
		if !strings.Contains(lines[1], want[0].Fingerprint) || !strings.HasSuffix(lines[1], "accepted") ||
			!strings.HasSuffix(lines[2], "has ended") {
			t.Errorf("got %q, want the fingerprint and the verdicts", lines)
		}
	})
}

// seed records certificates of a source as the handlers do.
func seed(tb testing.TB, database, source string, certificates ...store.ClientCertificate) {
	tb.Helper()
	db := storetest.Open(tb, database).Store
	sources, err := db.Sources(tb.Context())
	if err != nil || len(sources) != 1 || sources[0].Name != source {
		tb.Fatalf("got %+v, %v, want the source", sources, err)
	}
	for _, c := range certificates {
		c.SourceID = sources[0].ID
		if err := db.ObserveCertificate(tb.Context(), c); err != nil {
			tb.Fatal(err)
		}
	}
}

func listed(c store.ClientCertificate, days int, verdict string) listedCertificate {
	micros := func(t time.Time) string { return t.Format("2006-01-02T15:04:05.000000Z") }
	return listedCertificate{
		Source: "crm", Subject: c.Subject, Issuer: c.Issuer, Fingerprint: hex.EncodeToString(c.SHA256[:]),
		NotBefore: micros(c.NotBefore), NotAfter: micros(c.NotAfter), DaysLeft: days,
		FirstSeen: micros(c.LastSeen), LastSeen: micros(c.LastSeen), Verdict: verdict, Chain: c.Chain,
	}
}
