package certificate_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/internal/access/certificate"
	"ackbox/internal/access/certificate/certificatetest"
)

// pair is a folder with a server's certificate and key.
type pair struct {
	tb     testing.TB
	folder string
}

func (p pair) cert() string { return filepath.Join(p.folder, "tls.crt") }
func (p pair) key() string  { return filepath.Join(p.folder, "tls.key") }

// write writes a certificate and its key to the files.
func (p pair) write(s certificatetest.Signer) {
	p.tb.Helper()
	writeFile(p.tb, p.cert(), certificate.EncodePEM(s.Chain()))
	writeFile(p.tb, p.key(), s.KeyPEM())
}

// replace replaces the files by renaming complete ones, as certificate managers do.
func (p pair) replace(s certificatetest.Signer) {
	p.tb.Helper()
	next := pair{p.tb, p.tb.TempDir()}
	next.write(s)
	for from, to := range map[string]string{next.cert(): p.cert(), next.key(): p.key()} {
		if err := os.Rename(from, to); err != nil {
			p.tb.Fatal(err)
		}
	}
}

// served returns the certificate that a client receives.
func served(tb testing.TB, s *certificate.Server) *x509.Certificate {
	tb.Helper()
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	server := tls.Server(there, s.TLS(nil))
	go func() { _ = server.HandshakeContext(context.Background()) }()
	client := tls.Client(here, &tls.Config{InsecureSkipVerify: true})
	if err := client.HandshakeContext(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return client.ConnectionState().PeerCertificates[0]
}

func (p pair) load(log *slog.Logger) *certificate.Server {
	p.tb.Helper()
	s, err := certificate.LoadServer(p.cert(), p.key(), log)
	if err != nil {
		p.tb.Fatal(err)
	}
	return s
}

// watched is a Server for which Run is running.
type watched struct {
	*certificate.Server
	files pair
	log   bytes.Buffer
}

// wait waits until the files have been checked for changes.
func (w *watched) wait() {
	<-time.After(5 * time.Second)
	synctest.Wait()
}

// watch runs a test with a watched Server and synctest's clock.
func watch(t *testing.T, test func(t *testing.T, w *watched)) {
	t.Helper()
	p := pair{t, t.TempDir()}
	p.write(testCA().leaf(nil))
	synctest.Test(t, func(t *testing.T) {
		w := &watched{files: p}
		w.Server = p.load(slog.New(slog.NewTextHandler(&w.log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		test(t, w)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("got %v from Run, want nil", err)
		}
	})
}

func TestRenewedServerCertificateIsLoaded(t *testing.T) {
	t.Parallel()
	renewed, again := testCA().leaf(nil), testCA().leaf(expired)
	watch(t, func(t *testing.T, w *watched) {
		w.wait()
		if w.log.Len() > 0 {
			t.Errorf("got log %s without a change, want none", w.log.String())
		}
		for _, next := range []certificatetest.Signer{renewed, again} {
			w.files.replace(next)
			w.wait()
			if got := served(t, w.Server); !got.Equal(next.Certificate) {
				t.Error("got another certificate than that in the files")
			}
			if got, want := w.NotAfter(), next.Certificate.NotAfter; !got.Equal(want) {
				t.Errorf("got the end %s, want %s", got, want)
			}
		}
	})
}

// pad pads a file to a fixed length.
func pad(tb testing.TB, name string) {
	tb.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	writeFile(tb, name, fmt.Sprintf("%-2000s", text))
}

// Kubernetes changes a link to the folder, to which the links of the files point.
func TestChangedLinkIsFollowed(t *testing.T) {
	t.Parallel()
	renewed := testCA().leaf(nil)
	swap := func(p pair, to pair) {
		link := filepath.Join(p.folder, "..data")
		if err := os.Symlink(to.folder, link+"_tmp"); err != nil {
			t.Skipf("symbolic links are not available: %v", err)
		}
		if err := os.Rename(link+"_tmp", link); err != nil {
			t.Fatal(err)
		}
	}
	first, second, mounted := pair{t, t.TempDir()}, pair{t, t.TempDir()}, pair{t, t.TempDir()}
	first.write(testCA().leaf(nil))
	second.write(renewed)
	at := time.Now()
	for _, name := range []string{first.cert(), first.key(), second.cert(), second.key()} {
		pad(t, name) // the files differ only in their content
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	swap(mounted, first)
	for _, name := range []string{"tls.crt", "tls.key"} {
		link := filepath.Join(mounted.folder, name)
		if err := os.Symlink(filepath.Join("..data", name), link); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s := mounted.load(slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = s.Run(ctx) }()
		swap(mounted, second)
		<-time.After(5 * time.Second)
		synctest.Wait()
		cancel()
		if got := served(t, s); !got.Equal(renewed.Certificate) {
			t.Error("got another certificate than that behind the link")
		}
	})
}

func TestABadPairLeavesTheOneBeforeInUse(t *testing.T) {
	t.Parallel()
	renewed := testCA().leaf(nil)
	text := certificate.EncodePEM(renewed.Chain())
	for name, corrupt := range map[string]func(p pair){
		"partly written":         func(p pair) { writeFile(t, p.cert(), text[:len(text)/2]) },
		"empty":                  func(p pair) { writeFile(t, p.cert(), "") },
		"key of another":         func(p pair) { writeFile(t, p.key(), renewed.KeyPEM()) },
		"certificate of another": func(p pair) { writeFile(t, p.cert(), text) },
		"certificate removed":    func(p pair) { _ = os.Remove(p.cert()) },
		"key removed":            func(p pair) { _ = os.Remove(p.key()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			watch(t, func(t *testing.T, w *watched) {
				before, early := served(t, w.Server), time.Now()
				corrupt(w.files)
				for range 3 {
					w.wait()
				}
				if got := served(t, w.Server); !got.Equal(before) {
					t.Error("got another certificate than the previous one")
				}
				if got := strings.Count(w.log.String(), "level=ERROR"); got != 1 {
					t.Errorf("got %d errors in the log, want one:\n%s", got, w.log.String())
				}
				warnings := w.Warnings(early)
				if len(warnings) != 1 || !strings.Contains(warnings[0], "cannot be loaded") ||
					strings.Contains(warnings[0], w.files.folder) {
					t.Errorf("got %q, want a warning without a path", warnings)
				}
				w.files.write(renewed)
				w.wait()
				if got := served(t, w.Server); !got.Equal(renewed.Certificate) {
					t.Error("got another certificate than the new one")
				}
				if got := w.Warnings(early); len(got) != 0 {
					t.Errorf("got %q after a valid pair, want no warning", got)
				}
			})
		})
	}
}

func TestPairThatIsRestoredHasNoWarning(t *testing.T) {
	t.Parallel()
	watch(t, func(t *testing.T, w *watched) {
		key, away := w.files.key(), w.files.key()+".away"
		for _, move := range [][2]string{{key, away}, {away, key}} {
			if err := os.Rename(move[0], move[1]); err != nil {
				t.Fatal(err)
			}
			w.wait()
		}
		if got := w.Warnings(time.Now()); len(got) != 0 {
			t.Errorf("got %q, want no warning", got)
		}
	})
}

func TestLoadServerErrors(t *testing.T) {
	t.Parallel()
	one, other, none := pair{t, t.TempDir()}, pair{t, t.TempDir()}, pair{t, t.TempDir()}
	one.write(testCA().leaf(nil))
	other.write(testCA().leaf(nil))
	for _, test := range []struct{ name, cert, key, want string }{
		{"no certificate", none.cert(), one.key(), none.cert()},
		{"no key", one.cert(), none.key(), none.key()},
		{"key of another", one.cert(), other.key(), "private key does not match"},
		{"swapped", one.key(), one.cert(), "PEM"},
		{"folder", one.folder, one.key(), one.folder},
	} {
		_, err := certificate.LoadServer(test.cert, test.key, slog.Default())
		if err == nil || !strings.Contains(err.Error(), test.want) ||
			!strings.Contains(err.Error(), "must be") {
			t.Errorf("%s: got %v, want %q and what to do", test.name, err, test.want)
		}
	}
}

func TestWarningsBeforeExpiry(t *testing.T) {
	t.Parallel()
	p := pair{t, t.TempDir()}
	p.write(testCA().leaf(nil))
	s := p.load(slog.Default())
	const day = 24 * time.Hour
	for _, test := range []struct {
		left time.Duration
		want []string
	}{
		{22 * day, nil},
		{21*day + time.Minute, nil},
		{21 * day, []string{"the TLS certificate expires in 21 days"}},
		{2 * day, []string{"the TLS certificate expires in 2 days"}},
		{2*day - time.Minute, []string{"the TLS certificate expires within two days"}},
		{0, []string{"the TLS certificate expires within two days"}},
		{-time.Minute, []string{"the TLS certificate has expired: Salesforce can no longer connect"}},
		{-40 * day, []string{"the TLS certificate has expired: Salesforce can no longer connect"}},
	} {
		if diff := cmp.Diff(test.want, s.Warnings(s.NotAfter().Add(-test.left))); diff != "" {
			t.Errorf("%s left (-want +got):\n%s", test.left, diff)
		}
	}
}

// lifetimes are those that certificates have: Let's Encrypt's six days (160 hours), 45 and 64, and
// the longest that browsers accept in 2026.
var lifetimes = []time.Duration{160 * time.Hour, 45 * 24 * time.Hour, 64 * 24 * time.Hour,
	200 * 24 * time.Hour}

func TestWarningsFollowTheLifetime(t *testing.T) {
	t.Parallel()
	for _, lifetime := range lifetimes {
		t.Run(lifetime.String(), func(t *testing.T) {
			t.Parallel()
			p := pair{t, t.TempDir()}
			issued := time.Now().Truncate(time.Second)
			p.write(testCA().leaf(func(c *x509.Certificate) {
				c.NotBefore, c.NotAfter = issued, issued.Add(lifetime)
			}))
			s := p.load(slog.Default())
			renewal := issued.Add(lifetime * 2 / 3)
			for now := issued; !now.After(renewal.Add(time.Hour)); now = now.Add(time.Hour) {
				if got := s.Warnings(now); len(got) != 0 {
					t.Fatalf("got %q before the renewal, %s after the issue", got, now.Sub(issued))
				}
			}
			due := s.NotAfter().Add(-min(21*24*time.Hour, lifetime/4))
			if got := s.Warnings(due.Add(-time.Minute)); len(got) != 0 {
				t.Errorf("got %q a minute early, want no warning", got)
			}
			if got := s.Warnings(due); len(got) != 1 || !strings.Contains(got[0], "expires") {
				t.Errorf("got %q at %s, want one warning", got, due)
			}
		})
	}
}
