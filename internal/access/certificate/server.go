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
	// reloadEvery is how often the files of the server's certificate are looked at.
	reloadEvery = 5 * time.Second
	// endsSoon is how long before a certificate's end it is warned of: by then whatever renews it has failed for days.
	endsSoon = 21 * 24 * time.Hour
)

// Server is the certificate that the server shows, with its chain and key, as it is in two files. It is safe
// for concurrent use.
type Server struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]
	stale             atomic.Bool // what is in the files now is not in use
	files             [2]fs.FileInfo
}

// LoadServer reads a certificate with its chain, the server's own first, and its key, both in PEM.
func LoadServer(certFile, keyFile string, log *slog.Logger) (*Server, error) {
	s := &Server{certFile: certFile, keyFile: keyFile, log: log}
	if err := s.load(); err != nil {
		return nil, err
	}
	return s, nil
}

// load takes over what is in the files, or nothing when that is no pair. The files are looked at before they are read,
// so that a change in between is seen the next time.
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
	return fmt.Errorf("read TLS certificate %s and key %s: %w: both must be files in PEM that this process may read, "+
		"the server's own certificate first in its file, and the key that of this certificate", s.certFile, s.keyFile, err)
}

// stat looks at both files; behind a link, at what it leads to.
func (s *Server) stat() (files [2]fs.FileInfo, err error) {
	for i, name := range [...]string{s.certFile, s.keyFile} {
		if files[i], err = os.Stat(name); err != nil {
			return files, err
		}
	}
	return files, nil
}

// changed tells whether the files are others than those that are in use: written, replaced, or, as Kubernetes does,
// behind a link that leads elsewhere now.
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

// Run takes over what is newly in the files, within 5 seconds, until the context ends; it returns nil then. A pair that
// cannot be used, such as one that is half written, leaves the one before in use; that is logged once, and is among the
// warnings until a pair can be used again.
func (s *Server) Run(ctx context.Context) error {
	ticker := time.NewTicker(reloadEvery)
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
		s.log.Info("TLS certificate read again", "not_after", s.NotAfter())
	case !before:
		s.log.Error("cannot take over the new TLS certificate, the one before stays in use", "error", err)
	}
}

// NotAfter is when the certificate in use ends.
func (s *Server) NotAfter() time.Time { return s.current.Load().Leaf.NotAfter }

// Warnings say what the operator should do something about, in words without any path.
func (s *Server) Warnings(now time.Time) (warnings []string) {
	if s.stale.Load() {
		warnings = append(warnings, "the new TLS certificate cannot be used, the one before is still in use: see the log")
	}
	left := s.NotAfter().Sub(now)
	switch days := int(left / (24 * time.Hour)); {
	case left < 0:
		warnings = append(warnings, "the TLS certificate has ended: Salesforce does not connect any more")
	case days < 2:
		warnings = append(warnings, "the TLS certificate ends within two days")
	case left <= endsSoon:
		warnings = append(warnings, fmt.Sprintf("the TLS certificate ends in %d days", days))
	}
	return warnings
}

// TLS is the configuration of a listener that shows the certificate in use. Salesforce speaks TLS 1.2 and HTTP/1.1;
// nothing older and no HTTP/2 is offered, as long as the protocols of the http.Server leave it out, too.
//
// With clients it asks for a certificate and takes any, or none: a wrong one is answered by a Fault that an
// administrator sees in Setup, not by a broken connection, and whoever needs no certificate comes through. What the
// handshake does prove is that the client has the key of the certificate that it shows.
func (s *Server) TLS(clients *Clients) *tls.Config {
	config := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.current.Load(), nil },
	}
	if clients != nil {
		config.ClientAuth = tls.RequestClientCert
		config.ClientCAs = clients.hint()
	}
	return config
}
