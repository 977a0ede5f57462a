package main

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"ackbox/internal/text"
	"ackbox/ledger"
	"ackbox/store"
)

// certificatesCmd is the command certificates.
type certificatesCmd struct {
	Database databaseFlags `embed:""`
	JSON     bool          `name:"json" help:"Print one line of JSON for each certificate, with its chain."`
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
			return each(certificates, func(c store.ClientCertificate) error { return encoder.Encode(c) })
		}
		if len(certificates) == 0 {
			t.say("no client certificate was presented yet")
		}
		return printCertificates(t, certificates)
	})
}

func printCertificates(t terminal, certificates []store.ClientCertificate) error {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tSUBJECT\tISSUER\tFINGERPRINT\tENDS\tDAYS LEFT\tLAST SEEN\tVERDICT")
	for _, c := range certificates {
		fmt.Fprintf(w, "%s\t%s\t%s\t%x\t%s\t%d\t%s\t%s\n", c.Source, text.Printable(c.Subject),
			text.Printable(c.Issuer), c.SHA256, c.NotAfter.Format(time.DateOnly), c.DaysLeft(time.Now()),
			ledger.FormatTime(c.LastSeen), text.Printable(c.Verdict()))
	}
	return w.Flush()
}
