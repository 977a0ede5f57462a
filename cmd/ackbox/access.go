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

	"github.com/prometheus/client_golang/prometheus"

	"ackbox/handlers"
	"ackbox/internal/access"
	"ackbox/internal/access/address"
	"ackbox/internal/access/certificate"
	"ackbox/store"
)

// accessFlags say who may post, beside the secret in the URL and the organizations of a source. All
// are optional.
type accessFlags struct {
	TLSCert string `name:"tls-cert" env:"TLS_CERT,ACKBOX_TLS_CERT" placeholder:"FILE" help:"Speak TLS with this certificate: PEM, then those that signed it, without the root. It is read again when it changes."`
	TLSKey  string `name:"tls-key" env:"TLS_KEY,ACKBOX_TLS_KEY" placeholder:"FILE" help:"The certificate's key, PEM; by default in the same file."`

	TrustedProxies []string `env:"TRUSTED_PROXIES,ACKBOX_TRUSTED_PROXIES" placeholder:"ADDRESS" help:"Believe the X-Forwarded-For of these proxies: addresses, ranges as 192.0.2.0/24, or heroku for its routers, which is the default there; none for none."`

	AllowedRanges        []string      `aliases:"ranges" env:"ACKBOX_ALLOWED_RANGES,ACKBOX_RANGES" placeholder:"RANGE" help:"Messages come from these addresses: ranges as 192.0.2.0/24, files or https URLs that list them, or salesforce for the list that Salesforce publishes."`
	AllowedRangesMode    string        `aliases:"ranges-mode" env:"ACKBOX_ALLOWED_RANGES_MODE,ACKBOX_RANGES_MODE" enum:",off,report,enforce" default:"" placeholder:"MODE" help:"off, report (accept other messages too, and report them) or enforce (refuse them); report when there are ranges."`
	AllowedRangesRefresh time.Duration `aliases:"ranges-refresh" env:"ACKBOX_ALLOWED_RANGES_REFRESH,ACKBOX_RANGES_REFRESH" default:"6h" help:"Read a URL that lists ranges this often."`

	ClientCertMode    string   `env:"ACKBOX_CLIENT_CERT_MODE" enum:",off,report,enforce" default:"" placeholder:"MODE" help:"off, report (ask for a client certificate, and report what is shown) or enforce (refuse messages without the expected one); report when one is expected."`
	ClientFingerprint []string `env:"ACKBOX_CLIENT_FINGERPRINT" placeholder:"SHA256" help:"Expect the client certificate with this fingerprint; several may be given, separated by commas, while it changes."`
	ClientCA          string   `name:"client-ca" env:"ACKBOX_CLIENT_CA" placeholder:"FILE" help:"Or expect one that these CAs (PEM) have signed for a --client-subject."`
	ClientSubject     []string `env:"ACKBOX_CLIENT_SUBJECT" placeholder:"NAME" sep:";" help:"Expect this name in a certificate of --client-ca: its common name, a DNS name, or all of it as in CN=…,O=…; several may be given, separated by semicolons."`
	ClientCertHeader  string   `env:"ACKBOX_CLIENT_CERT_HEADER" placeholder:"NAME" help:"A trusted proxy has asked for the client certificate, and sends it in this header."`

	MaxConnections int `env:"ACKBOX_MAX_CONNECTIONS" default:"4096" help:"Keep at most so many connections open; beyond them the address with most of them loses its oldest."`
}

// proxiesNone trusts no proxy where there is one by default.
const proxiesNone = "none"

// accessControl is what serve lets in.
type accessControl struct {
	handlers.Access
	// certificate is the server's own, nil without TLS.
	certificate *certificate.Server
	connections *access.Connections
}

// control makes the access control of the settings, whose errors it returns. The database keeps
// copies of lists of ranges.
func (f *accessFlags) control(db *store.Store) (*accessControl, error) {
	for _, list := range [][]string{f.TrustedProxies, f.AllowedRanges, f.ClientFingerprint, f.ClientSubject} {
		trim(list)
	}
	a := &accessControl{}
	err := cmp.Or(f.setProxies(a), f.setCertificate(a), f.setRanges(a, db), f.setClients(a))
	if err == nil && f.MaxConnections < 1 {
		err = fmt.Errorf("--max-connections is %d: give at least 1, or omit it for 4096", f.MaxConnections)
	}
	if err != nil {
		return nil, usageError{err}
	}
	a.connections = access.NewConnections(connectionLimit(f.MaxConnections), a.Proxies.Contains)
	return a, nil
}

// trim removes the spaces around the items of a list.
func trim(list []string) {
	for i, item := range list {
		list[i] = strings.TrimSpace(item)
	}
}

func (f *accessFlags) setProxies(a *accessControl) (err error) {
	list := f.TrustedProxies
	switch {
	case len(list) == 0 && os.Getenv("DYNO") != "":
		list = []string{address.PresetHeroku}
	case len(list) == 1 && list[0] == proxiesNone:
		list = nil
	}
	a.Proxies, err = address.ParseProxies(list)
	return err
}

func (f *accessFlags) setCertificate(a *accessControl) (err error) {
	switch {
	case f.TLSCert == "" && f.TLSKey == "":
		return nil
	case f.TLSCert == "":
		return errors.New("TLS_KEY needs TLS_CERT, the certificate that it is the key of")
	case f.TLSKey == "":
		f.TLSKey = f.TLSCert
	}
	a.certificate, err = certificate.LoadServer(f.TLSCert, f.TLSKey, slog.Default())
	return err
}

func (f *accessFlags) setRanges(a *accessControl, db *store.Store) (err error) {
	a.RangesMode = mode(f.AllowedRangesMode, len(f.AllowedRanges) > 0)
	switch {
	case a.RangesMode == access.Off:
		return nil
	case len(f.AllowedRanges) == 0:
		return errors.New("--allowed-ranges-mode needs --allowed-ranges: say which addresses may post, or salesforce")
	}
	a.Ranges, err = address.NewRanges(address.RangesConfig{
		From: f.AllowedRanges, Refresh: f.AllowedRangesRefresh, Copies: db,
	})
	return err
}

func (f *accessFlags) setClients(a *accessControl) (err error) {
	expected := len(f.ClientFingerprint) > 0 || f.ClientCA != ""
	a.CertificatesMode = mode(f.ClientCertMode, expected || len(f.ClientSubject) > 0 || f.ClientCertHeader != "")
	switch {
	case a.CertificatesMode == access.Off:
		return nil
	case a.CertificatesMode == access.Enforce && !expected:
		return errors.New("--client-cert-mode enforce needs --client-fingerprint, or --client-ca and --client-subject: " +
			"report shows which certificate comes, see ackbox certificates")
	case f.ClientCertHeader == "" && a.certificate == nil:
		return errors.New("a client certificate is only seen by who speaks TLS: set TLS_CERT and TLS_KEY, or " +
			"--client-cert-header and TRUSTED_PROXIES when a proxy does; Heroku's router asks for none")
	case f.ClientCertHeader != "" && len(f.TrustedProxies) == 0: // not by default either, which is Heroku's
		return errors.New("--client-cert-header needs TRUSTED_PROXIES: from others anybody could write it")
	case f.ClientCertHeader != "" && slices.Contains(f.TrustedProxies, address.PresetHeroku):
		return errors.New("--client-cert-header cannot be believed behind heroku in TRUSTED_PROXIES: its routers ask for " +
			"no certificate and pass on what anybody writes there")
	}
	a.Certificates, err = certificate.NewClients(certificate.ClientsConfig{
		CAFile: f.ClientCA, Subjects: f.ClientSubject, Fingerprints: f.ClientFingerprint,
		Header: f.ClientCertHeader, Proxies: a.Proxies,
	})
	return err
}

// mode returns the mode that is set, or report for a check that has something to look for.
func mode(set string, configured bool) (m access.Mode) {
	switch {
	case set != "":
		_ = m.UnmarshalText([]byte(set)) // kong has checked it
	case configured:
		m = access.Report
	}
	return m
}

// register registers the metrics of what is controlled.
func (a *accessControl) register(metrics prometheus.Registerer) {
	a.connections.Register(metrics)
	if a.certificate != nil {
		a.certificate.Register(metrics)
	}
}

// warnings returns what the operator should know of the ranges and of the server's certificate.
func (a *accessControl) warnings(now time.Time) (warnings []string) {
	if a.Ranges != nil {
		warnings = append(warnings, a.Ranges.Warnings(now)...)
	}
	if a.certificate != nil {
		warnings = append(warnings, a.certificate.Warnings(now)...)
	}
	return warnings
}

// watchCertificate loads the server's certificate again when it changes, until the context ends.
func (a *accessControl) watchCertificate(ctx context.Context) error {
	if a.certificate == nil {
		return nil
	}
	return a.certificate.Run(ctx)
}

// watchRanges keeps the ranges up to date, until the context ends.
func (a *accessControl) watchRanges(ctx context.Context) error {
	if a.Ranges == nil {
		return nil
	}
	return a.Ranges.Run(ctx)
}

// log says what is controlled, for whoever reads the first lines.
func (a *accessControl) log() {
	tls := "off"
	if a.certificate != nil {
		tls = "until " + a.certificate.NotAfter().Format(time.DateOnly)
	}
	slog.Info("access control", "tls", tls, "trusted_proxies", a.Proxies.String(),
		"allowed_ranges", a.RangesMode.String(), "client_certificates", a.CertificatesMode.String())
}
