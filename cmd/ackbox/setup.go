package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ackbox/internal/sfdx"
	"ackbox/wsdl"
)

// setupCmd is the command setup. It writes files and makes no connections.
type setupCmd struct {
	Dir string `arg:"" help:"The folder to write into. It is created if necessary, and must be empty."`

	URL         string   `name:"url" placeholder:"URL" help:"The URL that Salesforce posts to, as printed by source add. It is a secret, and so is the folder."`
	Object      string   `placeholder:"Lead" help:"The object whose records are sent (default: that of --wsdl)."`
	Field       []string `placeholder:"NAME" help:"Send these fields in addition to Id, separated by commas (default: those of the object's WSDL)."`
	Required    []string `placeholder:"NAME" help:"Omit these fields from the permission set, because the org requires them or they are master-detail relationships."`
	WSDL        string   `name:"wsdl" placeholder:"FILE" type:"existingfile" help:"Take the object and fields from this WSDL."`
	User        string   `placeholder:"USERNAME" help:"The user to send as. It must exist in the org; only what it may read is sent."`
	On          string   `enum:"create,update,create-or-update" default:"create-or-update" help:"The saves of a record that send it: ${enum}."`
	Name        string   `placeholder:"ackbox_Lead" help:"The name of the outbound message, the flow and the permission set."`
	Description string   `placeholder:"TEXT" help:"Their description in Setup."`
	APIVersion  string   `default:"65.0" help:"The Metadata API version."`
	Force       bool     `help:"Write into the folder even if it is not empty. Files of the same name are replaced, others are left."`
}

var triggers = map[string]sfdx.Trigger{
	"create": sfdx.OnCreate, "update": sfdx.OnUpdate, "create-or-update": sfdx.OnCreateOrUpdate,
}

// Run implements the command.
func (c *setupCmd) Run(t terminal) error {
	project, err := c.project()
	if err != nil {
		return err
	}
	paths, err := sfdx.Write(c.Dir, project, c.Force)
	if problem, ok := errors.AsType[*sfdx.Error](err); ok {
		return usageError{fmt.Errorf("--%w", problem)}
	}
	if errors.Is(err, sfdx.ErrNotEmpty) {
		return usageError{fmt.Errorf("%w: choose another, or write into it with --force", err)}
	}
	if err != nil {
		return err
	}
	for _, warning := range project.Warnings() {
		t.say("warning: %s", warning)
	}
	for _, path := range paths {
		fmt.Fprintln(t.out, path)
	}
	t.say("next: follow %s", filepath.Join(c.Dir, "README.md"))
	return nil
}

// project returns the project of the flags. If they give no fields, it has the fields of the
// object's WSDL.
func (c *setupCmd) project() (sfdx.Project, error) {
	project := sfdx.Project{
		Object: c.Object, Fields: c.Field, Required: c.Required, URL: c.URL, User: c.User, Name: c.Name,
		Description: c.Description, On: triggers[c.On], APIVersion: c.APIVersion,
	}
	definitions, err := c.definitions()
	if err != nil {
		return project, err
	}
	var fields []string
	for _, d := range definitions {
		if c.WSDL != "" && c.Object != "" && !strings.EqualFold(d.Object, c.Object) {
			return project,
				usageError{fmt.Errorf("%s is the WSDL of %s, not of %s", c.WSDL, d.Object, c.Object)}
		}
		if c.WSDL != "" || strings.EqualFold(d.Object, c.Object) {
			project.Object = d.Object // Salesforce ignores case, file names do not
			fields = append(fields, names(d)...)
		}
	}
	if len(project.Fields) > 0 || project.Object == "" {
		return project, nil
	}
	if len(fields) == 0 {
		return project, usageError{noFields(c.Object, definitions)}
	}
	slices.Sort(fields)
	project.Fields = slices.Compact(fields) // two WSDLs of one object: the union of their fields
	return project, nil
}

func names(d *wsdl.Definition) []string {
	var fields []string
	for _, f := range d.Fields {
		fields = append(fields, f.Name)
	}
	return fields
}

func noFields(object string, definitions []*wsdl.Definition) error {
	var known []string
	for _, d := range definitions {
		known = append(known, d.Object)
	}
	return fmt.Errorf("this binary has no WSDL of %s, only of %s: give the fields to send "+
		"with --field, or a WSDL with --wsdl", object, strings.Join(known, ", "))
}

// definitions returns the definition of the given WSDL, or those of the WSDLs in this binary.
func (c *setupCmd) definitions() ([]*wsdl.Definition, error) {
	if c.WSDL == "" {
		return wsdl.Embedded()
	}
	data, err := os.ReadFile(c.WSDL)
	if err != nil {
		return nil, err
	}
	definition, err := wsdl.Parse(c.WSDL, data)
	if err != nil {
		return nil, usageError{err}
	}
	return []*wsdl.Definition{definition}, nil
}
