package sfdx

import (
	"bytes"
	_ "embed"
	"net/url"
	"strings"
	"text/template"
)

//go:embed howto.md.tmpl
var howToText string

var howToTemplate = template.Must(template.New("howto").Option("missingkey=error").Parse(howToText))

// howTo returns the README of the project, which contains the host of the URL and not the token.
func howTo(p Project) []byte {
	host := ""
	if u, err := url.Parse(p.URL); err == nil {
		host = u.Scheme + "://" + u.Host
	}
	var b bytes.Buffer
	must(howToTemplate.Execute(&b, map[string]any{
		"Project": p, "Host": host, "Fields": strings.Join(p.sent(), ", "), "When": saves[p.On],
		"Readable":    strings.Join(p.readable(), " and "),
		"Unpermitted": strings.Join(p.unpermitted(), ", "),
		"Workflow":    p.workflowPath(), "Flow": p.flowPath(), "PermissionSet": p.permissionSetPath(),
		"WSDL": wsdlName(p.Object),
	}))
	return b.Bytes()
}

// wsdlName returns the file name of the object's WSDL in package wsdl: lead.wsdl, but
// acme__Sample__c.wsdl.
func wsdlName(object string) string {
	if _, _, custom := cutSuffix(object); custom {
		return object + ".wsdl"
	}
	return strings.ToLower(object) + ".wsdl"
}

// saves describes each trigger in words.
var saves = map[Trigger]string{
	OnCreate: "created", OnUpdate: "updated", OnCreateOrUpdate: "created or updated",
}
