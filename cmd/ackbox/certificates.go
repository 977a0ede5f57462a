package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"ackbox/store"
)

// certificatesCmd is the command certificates.
type certificatesCmd struct {
	Database databaseFlags `embed:""`
	JSON     bool          `name:"json" help:"Print a line of JSON for each certificate, with its chain."`
}

// listedCertificate is a client certificate as it is printed.
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

// Run implements the command.
func (c *certificatesCmd) Run(ctx context.Context, t terminal) error {
	return c.Database.with(ctx, func(s *store.Store) error {
		certificates, err := s.ClientCertificates(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			encoder := json.NewEncoder(t.out)
			return each(certificates, func(c store.ClientCertificate) error { return encoder.Encode(listCertificate(c)) })
		}
		if len(certificates) == 0 {
			t.say("no client certificate was shown yet")
		}
		return printCertificates(t, certificates)
	})
}

func listCertificate(c store.ClientCertificate) listedCertificate {
	return listedCertificate{
		Source: c.Source, Subject: c.Subject, Issuer: c.Issuer, Fingerprint: hex.EncodeToString(c.SHA256[:]),
		NotBefore: formatTime(c.NotBefore), NotAfter: formatTime(c.NotAfter), DaysLeft: daysLeft(c),
		FirstSeen: formatTime(c.FirstSeen), LastSeen: formatTime(c.LastSeen), Verdict: verdict(c), Chain: c.Chain,
	}
}

// daysLeft counts whole days; below 0 the certificate has ended.
func daysLeft(c store.ClientCertificate) int {
	return int(math.Floor(float64(c.NotAfter.Unix()-time.Now().Unix()) / (24 * 60 * 60)))
}

func verdict(c store.ClientCertificate) string {
	if c.Problem == "" {
		return "accepted"
	}
	return c.Problem
}

func printCertificates(t terminal, certificates []store.ClientCertificate) error {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tSUBJECT\tISSUER\tFINGERPRINT\tENDS\tDAYS LEFT\tLAST SEEN\tVERDICT")
	for _, c := range certificates {
		fmt.Fprintf(w, "%s\t%s\t%s\t%x\t%s\t%d\t%s\t%s\n", c.Source, printable(c.Subject), printable(c.Issuer), c.SHA256,
			c.NotAfter.Format(time.DateOnly), daysLeft(c), formatTime(c.LastSeen), printable(verdict(c)))
	}
	return w.Flush()
}

// printable is a text without what would move a terminal's cursor or the columns: whoever made a certificate wrote its
// names.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
