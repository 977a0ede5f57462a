package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ackbox/internal/doctor"
)

// doctorCmd is the command doctor. Package doctor describes each check.
type doctorCmd struct {
	URL string `arg:"" help:"The endpoint's URL, as in Setup."`

	Send          bool          `help:"Also post a marked test message, twice. The listener will store it."`
	Org           string        `default:"${organization}" help:"The organization id in the messages, if only some may post."`
	Force         bool          `help:"Accept an --org that is not the id of an organization."`
	Object        string        `placeholder:"NAME" help:"The object of the test message (default: ackbox_doctor__c, which no organization has)."`
	CA            string        `name:"ca" placeholder:"FILE" type:"existingfile" help:"Also trust the certificates in this PEM file."`
	SalesforceCAs string        `name:"salesforce-cas" placeholder:"FILE" type:"existingfile" help:"A saved list of the CAs that Salesforce trusts, to check the chain against: PEM, or any text with their SHA-256 or SHA-1 fingerprints, such as https://login.salesforce.com/cacerts.jsp."`
	ClientCert    string        `placeholder:"FILE" type:"existingfile" help:"Present this client certificate (PEM, with its key unless --client-key is given)."`
	ClientKey     string        `placeholder:"FILE" type:"existingfile" help:"The key of the client certificate (PEM)."`
	Timeout       time.Duration `default:"20s" help:"The time limit of each connection and each answer."`
	JSON          bool          `name:"json" help:"Print the report as one line of JSON."`
}

// errUnfit is returned if a check failed. The report says which and what to do.
var errUnfit = errors.New("not ready for Salesforce: fix what failed, and run this again")

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
	if err := checkOrganizations(t, c.Force, c.Org); err != nil {
		return o, err
	}
	if !c.JSON {
		o.OnCheck = func(check doctor.Check) {
			if check.Status != doctor.Skip { // the summary lists skipped checks
				fmt.Fprint(t.out, check.Text())
			}
		}
	}
	var err error
	if o.CA, err = readCAs(c.CA); err != nil {
		return o, err
	}
	if c.SalesforceCAs != "" {
		if o.SalesforceCAs, err = doctor.ReadSalesforceCAs(c.SalesforceCAs); err != nil {
			return o, err
		}
	}
	o.Certificate, err = readCertificate(c.ClientCert, c.ClientKey)
	return o, err
}
