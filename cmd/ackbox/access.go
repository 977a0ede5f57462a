package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"ackbox/handlers"
	"ackbox/internal/access"
	"ackbox/internal/access/address"
	"ackbox/internal/access/certificate"
	"ackbox/store"
)

// doorFlags say who may post, beside the secret in the URL and the organizations of a source. All are optional.
type doorFlags struct {
	TLSCert string `name:"tls-cert" env:"TLS_CERT,ACKBOX_TLS_CERT" placeholder:"FILE" help:"Speak TLS with this certificate: PEM, then those that signed it, without the root. It is read again when it changes."`
	TLSKey  string `name:"tls-key" env:"TLS_KEY,ACKBOX_TLS_KEY" placeholder:"FILE" help:"The certificate's key, PEM; in the same file without it."`

	TrustedProxies []string `env:"TRUSTED_PROXIES,ACKBOX_TRUSTED_PROXIES" placeholder:"ADDRESS" help:"Believe the X-Forwarded-For of these proxies: addresses, ranges as 192.0.2.0/24, or heroku for its routers, which is the default there; none for none."`

	Ranges        []string      `env:"ACKBOX_RANGES" placeholder:"RANGE" help:"Messages come from these addresses: ranges as 192.0.2.0/24, files or https URLs that list them, or salesforce for the list that Salesforce publishes."`
	RangesMode    string        `env:"ACKBOX_RANGES_MODE" enum:",off,report,enforce" default:"" placeholder:"MODE" help:"off, report (take other messages too, and tell) or enforce (refuse them); report when there are ranges."`
	RangesRefresh time.Duration `env:"ACKBOX_RANGES_REFRESH" default:"6h" help:"How often a URL that lists ranges is read again."`

	ClientCertMode    string   `env:"ACKBOX_CLIENT_CERT_MODE" enum:",off,report,enforce" default:"" placeholder:"MODE" help:"off, report (ask for a client certificate, and tell what is shown) or enforce (refuse messages without the expected one); report when one is expected."`
	ClientFingerprint []string `env:"ACKBOX_CLIENT_FINGERPRINT" placeholder:"SHA256" help:"Expect the client certificate with this fingerprint; several while it changes."`
	ClientCA          string   `name:"client-ca" env:"ACKBOX_CLIENT_CA" placeholder:"FILE" help:"Or expect one that these CAs (PEM) have signed for a --client-subject."`
	ClientSubject     []string `env:"ACKBOX_CLIENT_SUBJECT" placeholder:"NAME" sep:";" help:"The name that is expected in a certificate of --client-ca: its common name, a DNS name, or all of it as in CN=…,O=…; several with ; between them."`
	ClientCertHeader  string   `env:"ACKBOX_CLIENT_CERT_HEADER" placeholder:"NAME" help:"A trusted proxy has asked for the client certificate, and sends it in this header."`

	MaxConnections int `env:"ACKBOX_MAX_CONNECTIONS" default:"4096" help:"How many connections may be open; beyond them the address with most of them loses its oldest."`
}

// proxiesNone trusts no proxy where there is one by default.
const proxiesNone = "none"

// doors are those of serve.
type doors struct{ handlers.Doors }

// make makes the doors of their settings, whose errors it gives. The database keeps copies of lists of ranges.
func (f *doorFlags) make(db *store.Store) (*doors, error) {
	for _, list := range [][]string{f.TrustedProxies, f.Ranges, f.ClientFingerprint, f.ClientSubject} {
		trim(list)
	}
	d := &doors{}
	err := cmp.Or(f.makeProxies(d), f.makeServerCertificate(d), f.makeRanges(d, db), f.makeCertificates(d))
	if err == nil && f.MaxConnections < 1 {
		err = fmt.Errorf("--max-connections is %d: give 1 at least, 4096 without it", f.MaxConnections)
	}
	if err != nil {
		return nil, usageError{err}
	}
	d.Connections = access.NewConnections(f.MaxConnections, d.Proxies.Contains)
	return d, nil
}

// trim lets a list have spaces after its commas.
func trim(list []string) {
	for i, item := range list {
		list[i] = strings.TrimSpace(item)
	}
}

func (f *doorFlags) makeProxies(d *doors) (err error) {
	list := f.TrustedProxies
	switch {
	case len(list) == 0 && os.Getenv("DYNO") != "":
		list = []string{address.PresetHeroku}
	case len(list) == 1 && list[0] == proxiesNone:
		list = nil
	}
	d.Proxies, err = address.ParseProxies(list)
	return err
}

func (f *doorFlags) makeServerCertificate(d *doors) (err error) {
	switch {
	case f.TLSCert == "" && f.TLSKey == "":
		return nil
	case f.TLSCert == "":
		return errors.New("TLS_KEY needs TLS_CERT, the certificate that it is the key of")
	case f.TLSKey == "":
		f.TLSKey = f.TLSCert
	}
	d.ServerCertificate, err = certificate.LoadServer(f.TLSCert, f.TLSKey, slog.Default())
	return err
}

func (f *doorFlags) makeRanges(d *doors, db *store.Store) (err error) {
	d.RangesMode = mode(f.RangesMode, len(f.Ranges) > 0)
	switch {
	case d.RangesMode == access.Off:
		return nil
	case len(f.Ranges) == 0:
		return errors.New("--ranges-mode needs --ranges: say which addresses may post, or salesforce")
	}
	d.Ranges, err = address.NewRanges(address.RangesConfig{From: f.Ranges, Refresh: f.RangesRefresh, Copies: db})
	return err
}

func (f *doorFlags) makeCertificates(d *doors) (err error) {
	expected := len(f.ClientFingerprint) > 0 || f.ClientCA != ""
	d.CertificatesMode = mode(f.ClientCertMode, expected || len(f.ClientSubject) > 0 || f.ClientCertHeader != "")
	switch {
	case d.CertificatesMode == access.Off:
		return nil
	case d.CertificatesMode == access.Enforce && !expected:
		return errors.New("--client-cert-mode enforce needs --client-fingerprint, or --client-ca and --client-subject: " +
			"report shows which certificate comes, see ackbox certificates")
	case f.ClientCertHeader == "" && d.ServerCertificate == nil:
		return errors.New("a client certificate is only seen by who speaks TLS: set TLS_CERT and TLS_KEY, or " +
			"--client-cert-header and TRUSTED_PROXIES when a proxy does; Heroku's router asks for none")
	case f.ClientCertHeader != "" && len(f.TrustedProxies) == 0: // not by default either, which is Heroku's
		return errors.New("--client-cert-header needs TRUSTED_PROXIES: from others anybody could write it")
	case f.ClientCertHeader != "" && slices.Contains(f.TrustedProxies, address.PresetHeroku):
		return errors.New("--client-cert-header cannot be believed behind heroku in TRUSTED_PROXIES: its routers ask for " +
			"no certificate and pass on what anybody writes there")
	}
	d.Certificates, err = certificate.NewClients(certificate.ClientsConfig{
		CAFile: f.ClientCA, Subjects: f.ClientSubject, Fingerprints: f.ClientFingerprint,
		Header: f.ClientCertHeader, Proxies: d.Proxies,
	})
	return err
}

// mode is the one that is set, or report for a door that has something to look for.
func mode(set string, configured bool) (m access.Mode) {
	switch {
	case set != "":
		_ = m.UnmarshalText([]byte(set)) // kong has checked it
	case configured:
		m = access.Report
	}
	return m
}

// watchCertificate takes up what changes of the server's certificate, until the context ends.
func (d *doors) watchCertificate(ctx context.Context) error {
	if d.ServerCertificate == nil {
		return nil
	}
	return d.ServerCertificate.Run(ctx)
}

// watchRanges keeps the ranges up to date, until the context ends.
func (d *doors) watchRanges(ctx context.Context) error {
	if d.Ranges == nil {
		return nil
	}
	return d.Ranges.Run(ctx)
}

// log says which doors there are, for whoever reads the first lines.
func (d *doors) log() {
	tls := "off"
	if d.ServerCertificate != nil {
		tls = "until " + d.ServerCertificate.NotAfter().Format(time.DateOnly)
	}
	slog.Info("doors", "tls", tls, "trusted_proxies", d.Proxies.String(), "ranges", d.RangesMode.String(),
		"client_certificates", d.CertificatesMode.String())
}
