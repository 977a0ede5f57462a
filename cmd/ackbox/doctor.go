package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ackbox/internal/doctor"
)

// doctorCmd is the command doctor. Package doctor says what each check looks for.
type doctorCmd struct {
	URL string `arg:"" help:"The endpoint's URL, as in Setup."`

	Send       bool          `help:"Post a marked test message too, twice. It will be stored there."`
	Org        string        `default:"${organization}" help:"The organization's id in the messages, where only some may post."`
	Object     string        `placeholder:"NAME" help:"The object of the test message; without it ackbox_doctor__c, which nobody has."`
	CA         string        `name:"ca" placeholder:"FILE" type:"existingfile" help:"Trust the certificates in this PEM file too."`
	ClientCert string        `placeholder:"FILE" type:"existingfile" help:"Show this client certificate: PEM with the key in it, or in --client-key."`
	ClientKey  string        `placeholder:"FILE" type:"existingfile" help:"The client certificate's key, PEM."`
	Timeout    time.Duration `default:"20s" help:"How long a connection or an answer may take."`
	JSON       bool          `name:"json" help:"Print the report as one line of JSON."`
}

// errUnfit makes the command fail when a check did; the report says which and what to do.
var errUnfit = errors.New("not fit for Salesforce: see what failed, and run this again when it is mended")

// Run implements the command.
func (c *doctorCmd) Run(ctx context.Context, t terminal) error {
	options, err := c.options(t)
	if err != nil {
		return usageError{err}
	}
	report, err := doctor.Examine(ctx, options)
	switch {
	case ctx.Err() != nil:
		return err
	case err != nil:
		return usageError{err}
	case c.JSON:
		encoder := json.NewEncoder(t.out)
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(report)
	default:
		_, err = fmt.Fprint(t.out, report.Summary())
	}
	if err == nil && report.Verdict == doctor.Fail {
		err = errUnfit
	}
	return err
}

func (c *doctorCmd) options(t terminal) (doctor.Options, error) {
	o := doctor.Options{
		URL: c.URL, Send: c.Send, OrganizationID: c.Org, Object: c.Object, Timeout: c.Timeout,
	}
	warnOrganizations(t, []string{c.Org})
	if !c.JSON {
		o.OnCheck = func(check doctor.Check) {
			if check.Status != doctor.Skip { // the summary has them
				fmt.Fprint(t.out, check.Text())
			}
		}
	}
	var err error
	if o.CA, err = readCAs(c.CA); err != nil {
		return o, err
	}
	o.Certificate, err = readCertificate(c.ClientCert, c.ClientKey)
	return o, err
}
