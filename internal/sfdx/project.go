package sfdx

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

const manifestPath = "manifest/package.xml"

// gitignore excludes the file with the token and the sf command's own files from a repository.
const gitignore = `# The outbound message contains the URL, which is a secret.
/force-app/main/default/workflows/
/before/
/.sf/
/.sfdx/
`

// defaultName returns the default API name for an object: "ackbox_Lead", "ackbox_acme_Sample".
// Metadata names, unlike the names of custom objects, must not contain two underscores in a row.
func defaultName(object string) string {
	base, _, _ := cutSuffix(object)
	return "ackbox_" + strings.ReplaceAll(base, "__", "_")
}

// cutSuffix splits "acme__Sample__c" into "acme__Sample" and "c". found is false for a standard
// name.
func cutSuffix(name string) (base, suffix string, found bool) {
	i := strings.LastIndex(name, "__")
	if i < 0 {
		return name, "", false
	}
	return name[:i], name[i+2:], true
}

func (p Project) withDefaults() Project {
	if p.Name == "" {
		p.Name = defaultName(p.Object)
	}
	if p.On == "" {
		p.On = OnCreateOrUpdate
	}
	if p.APIVersion == "" {
		p.APIVersion = defaultAPIVersion
	}
	if p.Description == "" {
		p.Description = fmt.Sprintf("Sends %s records to ackbox. Written by ackbox setup.", p.Object)
	}
	return p
}

// sent returns the fields of the message: Id and the chosen ones, in the order of Setup and of
// messages.
func (p Project) sent() []string {
	fields := append([]string{"Id"}, p.Fields...)
	slices.Sort(fields)
	return slices.Compact(fields)
}

func (p Project) workflowPath() string {
	return "force-app/main/default/workflows/" + p.Object + ".workflow-meta.xml"
}

func (p Project) flowPath() string {
	return "force-app/main/default/flows/" + p.Name + ".flow-meta.xml"
}

func (p Project) permissionSetPath() string {
	return "force-app/main/default/permissionsets/" + p.Name + ".permissionset-meta.xml"
}

// Warnings returns warnings about a URL that Salesforce cannot reach, that is not encrypted, or
// that is not one of ackbox's. None of them contains the URL.
func (p Project) Warnings() []string {
	u, err := url.Parse(p.URL)
	if err != nil {
		return nil
	}
	var warnings []string
	if !public(u.Hostname()) {
		warnings = append(warnings, "Salesforce cannot reach "+u.Hostname()+
			": it connects from the internet")
	}
	if u.Scheme == "http" {
		warnings = append(warnings, "the URL is http: records and the token are sent unencrypted; "+
			"use https except for tests")
	}
	if !strings.Contains(u.Path, "/outbound/") {
		warnings = append(warnings, "the URL does not contain /outbound/TOKEN: is it one that ackbox "+
			"source add printed?")
	}
	return warnings
}

// public reports whether a host may be reachable from the internet.
func public(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if addr, err := netip.ParseAddr(host); err == nil {
		addr = addr.Unmap()
		return addr.IsGlobalUnicast() && !addr.IsPrivate()
	}
	return strings.Contains(host, ".") && !strings.HasSuffix(host, ".localhost") &&
		!strings.HasSuffix(host, ".local")
}
