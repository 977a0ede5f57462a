package certificate

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

const (
	// pollInterval is how often the files of the server's certificate are checked for changes.
	pollInterval = 5 * time.Second
	// warnBefore is how long before the certificate's end Warnings mentions it at the earliest; see
	// [ExpiresSoon].
	warnBefore = 21 * 24 * time.Hour
)

// Server holds the server's certificate with its chain and key, which it loads from two files. It
// is safe for concurrent use.
type Server struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]
	stale             atomic.Bool // the current content of the files is not in use
	files             [2]fs.FileInfo
}

// LoadServer loads a certificate with its chain, the server's own first, and its key, both in PEM.
func LoadServer(certFile, keyFile string, log *slog.Logger) (*Server, error) {
	s := &Server{certFile: certFile, keyFile: keyFile, log: log}
	if err := s.load(); err != nil {
		return nil, err
	}
	return s, nil
}

// load puts the content of the files to use if it is a valid pair. It calls Stat before it reads
// them, so that a change between the two is detected later.
func (s *Server) load() error {
	files, err := s.stat()
	if err != nil {
		return s.unreadable(err)
	}
	pair, err := tls.LoadX509KeyPair(s.certFile, s.keyFile)
	if err != nil {
		return s.unreadable(err)
	}
	s.files = files
	s.current.Store(&pair)
	return nil
}

func (s *Server) unreadable(err error) error {
	return fmt.Errorf("read TLS certificate %s and key %s: %w: both must be readable PEM files, "+
		"the first certificate must be the server's own, and the key must belong to it",
		s.certFile, s.keyFile, err)
}

// stat returns the state of both files. It follows symbolic links.
func (s *Server) stat() (files [2]fs.FileInfo, err error) {
	for i, name := range [...]string{s.certFile, s.keyFile} {
		if files[i], err = os.Stat(name); err != nil {
			return files, err
		}
	}
	return files, nil
}

// changed reports whether the files differ from those in use: they were written, replaced, or, as
// by Kubernetes, a symbolic link to them was changed.
func (s *Server) changed() bool {
	files, err := s.stat()
	if err != nil {
		return true
	}
	for i, now := range files {
		used := s.files[i]
		if !os.SameFile(now, used) || !now.ModTime().Equal(used.ModTime()) || now.Size() != used.Size() {
			return true
		}
	}
	return false
}

// Run reloads the files within 5 seconds of a change, until the context ends, and then returns nil.
// If the new pair is invalid, such as one that is partly written, the previous one remains in use.
// That is logged once, and it is a warning until a valid pair is loaded.
func (s *Server) Run(ctx context.Context) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if s.stale.Load() || s.changed() {
				s.reload()
			}
		}
	}
}

func (s *Server) reload() {
	err := s.load()
	failed := err != nil
	before := s.stale.Swap(failed)
	switch {
	case !failed:
		s.log.Info("TLS certificate reloaded", "not_after", s.NotAfter())
	case !before:
		s.log.Error("new TLS certificate not loaded, the previous one remains in use", "error", err)
	}
}

// NotAfter returns when the certificate in use expires.
func (s *Server) NotAfter() time.Time { return s.current.Load().Leaf.NotAfter }

// Warnings returns a sentence for each problem that the operator should solve. Anyone may read
// them: they contain no path.
func (s *Server) Warnings(now time.Time) (warnings []string) {
	if s.stale.Load() {
		warnings = append(warnings,
			"the new TLS certificate cannot be loaded, the previous one remains in use: see the log")
	}
	leaf := s.current.Load().Leaf
	left := leaf.NotAfter.Sub(now)
	switch days := int(left / (24 * time.Hour)); {
	case left < 0:
		warnings = append(warnings, "the TLS certificate has expired: Salesforce can no longer connect")
	case !ExpiresSoon(leaf.NotBefore, leaf.NotAfter, now, warnBefore):
	case days < 2:
		warnings = append(warnings, "the TLS certificate expires within two days")
	default:
		warnings = append(warnings, fmt.Sprintf("the TLS certificate expires in %d days", days))
	}
	return warnings
}

// TLS returns the configuration of a listener with the certificate in use. It accepts TLS 1.2,
// which Salesforce uses, or later. It offers only HTTP/1.1, provided that the Protocols of the
// http.Server exclude HTTP/2, too.
//
// If clients is not nil, the handshake requests a client certificate, but accepts any or none. A
// wrong certificate is then answered by a Fault, which an administrator sees in Setup, and requests
// that need no certificate succeed. The handshake does prove that the client has the key of the
// certificate that it sends.
func (s *Server) TLS(clients *Clients) *tls.Config {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.current.Load(), nil
		},
	}
	if clients != nil {
		config.ClientAuth = tls.RequestClientCert
		config.ClientCAs = clients.acceptableCAs()
	}
	return config
}
