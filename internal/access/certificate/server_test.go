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

// pair are the files of a server's certificate.
type pair struct {
	tb     testing.TB
	folder string
}

func (p pair) cert() string { return filepath.Join(p.folder, "tls.crt") }
func (p pair) key() string  { return filepath.Join(p.folder, "tls.key") }

// write writes a certificate and its key.
func (p pair) write(s certificatetest.Signer) {
	p.tb.Helper()
	writeFile(p.tb, p.cert(), certificate.EncodePEM(s.Chain()))
	writeFile(p.tb, p.key(), s.KeyPEM())
}

// replace does so as renewers do: by renaming files that are whole.
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

// served is the certificate that a client gets to see.
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

// watched is a server's certificate that runs.
type watched struct {
	*certificate.Server
	files pair
	log   bytes.Buffer
}

// wait lets the time go by until the files have been looked at.
func (w *watched) wait() {
	<-time.After(5 * time.Second)
	synctest.Wait()
}

// watch runs a test with one, in a bubble.
func watch(t *testing.T, test func(t *testing.T, w *watched)) {
	t.Helper()
	p := pair{t, t.TempDir()}
	p.write(theAuthority().leaf(nil))
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

func TestARenewedServerCertificateIsTakenOver(t *testing.T) {
	t.Parallel()
	renewed, again := theAuthority().leaf(nil), theAuthority().leaf(ended)
	watch(t, func(t *testing.T, w *watched) {
		w.wait()
		if w.log.Len() > 0 {
			t.Errorf("got %s while nothing changes, want no log", w.log.String())
		}
		for _, next := range []certificatetest.Signer{renewed, again} {
			w.files.replace(next)
			w.wait()
			if got := served(t, w.Server); !got.Equal(next.Certificate) {
				t.Error("got another certificate than the one on the disk")
			}
			if got, want := w.NotAfter(), next.Certificate.NotAfter; !got.Equal(want) {
				t.Errorf("got the end %s, want %s", got, want)
			}
		}
	})
}

// pad makes all files of one length.
func pad(tb testing.TB, name string) {
	tb.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	writeFile(tb, name, fmt.Sprintf("%-2000s", text))
}

// Kubernetes swaps a link to the folder that its links to the files lead through.
func TestALinkThatLeadsElsewhereIsFollowed(t *testing.T) {
	t.Parallel()
	renewed := theAuthority().leaf(nil)
	swap := func(p pair, to pair) {
		link := filepath.Join(p.folder, "..data")
		if err := os.Symlink(to.folder, link+"_tmp"); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
		if err := os.Rename(link+"_tmp", link); err != nil {
			t.Fatal(err)
		}
	}
	first, second, mounted := pair{t, t.TempDir()}, pair{t, t.TempDir()}, pair{t, t.TempDir()}
	first.write(theAuthority().leaf(nil))
	second.write(renewed)
	at := time.Now()
	for _, name := range []string{first.cert(), first.key(), second.cert(), second.key()} {
		pad(t, name) // they differ in nothing but what they are
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	swap(mounted, first)
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(mounted.folder, name)); err != nil {
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
			t.Error("got another certificate than the one that the link leads to")
		}
	})
}

func TestABadPairLeavesTheOneBeforeInUse(t *testing.T) {
	t.Parallel()
	renewed := theAuthority().leaf(nil)
	text := certificate.EncodePEM(renewed.Chain())
	for name, spoil := range map[string]func(p pair){
		"half written":           func(p pair) { writeFile(t, p.cert(), text[:len(text)/2]) },
		"empty":                  func(p pair) { writeFile(t, p.cert(), "") },
		"key of another":         func(p pair) { writeFile(t, p.key(), renewed.KeyPEM()) },
		"certificate of another": func(p pair) { writeFile(t, p.cert(), text) },
		"certificate taken off":  func(p pair) { _ = os.Remove(p.cert()) },
		"key taken off":          func(p pair) { _ = os.Remove(p.key()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			watch(t, func(t *testing.T, w *watched) {
				before, early := served(t, w.Server), time.Now()
				spoil(w.files)
				for range 3 {
					w.wait()
				}
				if got := served(t, w.Server); !got.Equal(before) {
					t.Error("got another certificate than the one before")
				}
				if got := strings.Count(w.log.String(), "level=ERROR"); got != 1 {
					t.Errorf("got %d errors in the log, want one:\n%s", got, w.log.String())
				}
				warnings := w.Warnings(early)
				if len(warnings) != 1 || !strings.Contains(warnings[0], "cannot be used") ||
					strings.Contains(warnings[0], w.files.folder) {
					t.Errorf("got %q, want a warning without a path", warnings)
				}
				w.files.write(renewed)
				w.wait()
				if got := served(t, w.Server); !got.Equal(renewed.Certificate) {
					t.Error("got another certificate than the one that was mended")
				}
				if got := w.Warnings(early); len(got) != 0 {
					t.Errorf("got %q after it was mended, want no warning", got)
				}
			})
		})
	}
}

func TestAPairThatComesBackAsItWasIsNoProblem(t *testing.T) {
	t.Parallel()
	watch(t, func(t *testing.T, w *watched) {
		for _, move := range [][2]string{{w.files.key(), w.files.key() + ".away"}, {w.files.key() + ".away", w.files.key()}} {
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

func TestLoadServerSaysWhatToDo(t *testing.T) {
	t.Parallel()
	one, other, none := pair{t, t.TempDir()}, pair{t, t.TempDir()}, pair{t, t.TempDir()}
	one.write(theAuthority().leaf(nil))
	other.write(theAuthority().leaf(nil))
	for _, test := range []struct{ name, cert, key, want string }{
		{"no certificate", none.cert(), one.key(), none.cert()},
		{"no key", one.cert(), none.key(), none.key()},
		{"key of another", one.cert(), other.key(), "private key does not match"},
		{"swapped", one.key(), one.cert(), "PEM"},
		{"folder", one.folder, one.key(), one.folder},
	} {
		_, err := certificate.LoadServer(test.cert, test.key, slog.Default())
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "must be") {
			t.Errorf("%s: got %v, want %q and what to do", test.name, err, test.want)
		}
	}
}

func TestAnEndThatIsNearIsWarnedOf(t *testing.T) {
	t.Parallel()
	p := pair{t, t.TempDir()}
	p.write(theAuthority().leaf(nil))
	s := p.load(slog.Default())
	const day = 24 * time.Hour
	for _, test := range []struct {
		left time.Duration
		want []string
	}{
		{22 * day, nil},
		{21*day + time.Minute, nil},
		{21 * day, []string{"the TLS certificate ends in 21 days"}},
		{2 * day, []string{"the TLS certificate ends in 2 days"}},
		{2*day - time.Minute, []string{"the TLS certificate ends within two days"}},
		{0, []string{"the TLS certificate ends within two days"}},
		{-time.Minute, []string{"the TLS certificate has ended: Salesforce does not connect any more"}},
		{-40 * day, []string{"the TLS certificate has ended: Salesforce does not connect any more"}},
	} {
		if diff := cmp.Diff(test.want, s.Warnings(s.NotAfter().Add(-test.left))); diff != "" {
			t.Errorf("%s left (-want +got):\n%s", test.left, diff)
		}
	}
}
