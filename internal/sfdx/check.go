package sfdx

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"ackbox/internal/text"
	"ackbox/wsdl"
)

// Limits of names and descriptions in Setup.
const (
	maxName        = 80
	maxUsername    = 80
	maxDescription = 255
	minAPIVersion  = 60 // environments came with 55.0; the elements were looked up for recent versions only
)

var (
	username   = regexp.MustCompile("^[^@\\s\"$`\\\\]+@[^@\\s\"$`\\\\]+\\.[^@\\s\"$`\\\\]+$") // none that a shell reads in quotes
	apiVersion = regexp.MustCompile(`^([1-9][0-9]{1,2})\.0$`)
)

func wrong(setting, format string, args ...any) error {
	return &Error{Setting: setting, Problem: fmt.Sprintf(format, args...)}
}

// check gives the first problem.
func (p Project) check() error {
	checks := []func() error{
		p.checkObject, p.checkName, p.checkURL, p.checkUser, p.checkFields, p.checkRequired, p.checkRest,
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (p Project) checkObject() error {
	if p.Object == "" {
		return wrong("object", `is missing: give the API name of the object, such as "Lead"`)
	}
	if problem := apiName(p.Object, "c", "kav"); problem != "" {
		return wrong("object", "%q is not an object's API name: %s", p.Object, problem)
	}
	return nil
}

// apiName says what is wrong with the API name of an object or a field; "" when nothing is. A custom one ends in two
// underscores and one of the suffixes, and may begin with a namespace and two underscores (Object Reference, "Custom
// Objects" and "Namespace prefix").
func apiName(name string, suffixes ...string) string {
	if !wsdl.IsName(name) {
		return "it begins with a letter and has only letters, digits and underscores"
	}
	base, suffix, custom := cutSuffix(name)
	if custom && !slices.Contains(suffixes, suffix) {
		return "after the last two underscores comes " + strings.Join(suffixes, " or ")
	}
	parts, most := strings.Split(base, "__"), 1
	if custom {
		most = 2 // the namespace and the name
	}
	if suffix == "s" {
		most = 3 // and the part of an address or location
	}
	if len(parts) > most {
		return "it has two underscores in a row in too many places"
	}
	for _, part := range parts {
		if !wsdl.IsName(part) || strings.HasSuffix(part, "_") {
			return "each of its parts begins with a letter and ends in no underscore"
		}
	}
	return ""
}

// checkName holds the name to the rule of a unique name, which is the same for outbound messages (Salesforce Help,
// "Outbound Message Actions"), flows and permission sets (Metadata API Developer Guide, fullName).
func (p Project) checkName() error {
	switch {
	case !wsdl.IsName(p.Name):
		return wrong("name", "%q must begin with a letter and have only letters, digits and underscores", p.Name)
	case strings.Contains(p.Name, "__"), strings.HasSuffix(p.Name, "_"):
		return wrong("name", "%q must not have two underscores in a row or end in one", p.Name)
	case len(p.Name) > maxName:
		return wrong("name", "%q is longer than %d characters; choose a shorter one", p.Name, maxName)
	}
	return nil
}

// checkURL holds the URL to the ports that Salesforce posts to: 80 with http, 443 with https, 1024 to 65535 with
// either (Salesforce Help 000386036 and SOAP API Developer Guide, "Setting Up Outbound Messaging"). No error repeats
// the URL: it is a secret.
func (p Project) checkURL() error {
	u, err := url.Parse(p.URL)
	switch {
	case p.URL == "":
		return wrong("url", "is missing: give the one that ackbox source add or ackbox serve printed")
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return wrong("url", "must be a full URL that begins with https:// or http://")
	case u.Fragment != "":
		return wrong("url", "must not have a # in it: what follows would not be sent")
	case u.Port() == "":
		return nil
	}
	port, err := strconv.Atoi(u.Port())
	switch {
	case err != nil || port > 65535 || port < 1024 && port != 80 && port != 443:
		return wrong("url", "has port %s, to which Salesforce does not post: it may be 80, 443, or 1024 to 65535", u.Port())
	case port == 80 && u.Scheme != "http":
		return wrong("url", "has port 80, to which Salesforce posts with http only")
	case port == 443 && u.Scheme != "https":
		return wrong("url", "has port 443, to which Salesforce posts with https only")
	}
	return nil
}

// checkUser wants a username: integrationUser is required in WorkflowOutboundMessage, and a deployment stops at a name
// that the org does not know (Metadata API Developer Guide, "Workflow" and "Maintaining User References").
func (p Project) checkUser() error {
	if p.User == "" {
		return wrong("user", "is missing: Salesforce sends an outbound message as one of its users, and sends only what "+
			"that user may read; give the username of an active one in the org, such as integration@example.com")
	}
	if !username.MatchString(p.User) || !isPrintable(p.User) || utf8.RuneCountInString(p.User) > maxUsername {
		return wrong("user", "%q is no username: it has the form of an e-mail address", p.User)
	}
	return nil
}

func (p Project) checkFields() error {
	if len(p.Fields) == 0 {
		return wrong("field", "is missing: name the fields of %s to send, one --field each", p.Object)
	}
	seen := map[string]bool{}
	for _, field := range p.Fields {
		if strings.Contains(field, ".") {
			return wrong("field", "%q is of another object: an outbound message sends the fields of its own object only; "+
				"make a formula field for it", field)
		}
		if problem := apiName(field, "c", "s", "pc"); problem != "" {
			return wrong("field", "%q is not a field's API name: %s", field, problem)
		}
		if key := strings.ToLower(field); seen[key] {
			return wrong("field", "%s is named twice: upper and lower case are the same to Salesforce", field)
		} else if seen[key] = true; key == "id" && field != "Id" {
			return wrong("field", "%q is written Id", field)
		}
	}
	return nil
}

func (p Project) checkRequired() error {
	for _, field := range p.Required {
		if !slices.Contains(p.Fields, field) {
			return wrong("required", "%q is not among the fields that are sent", field)
		}
	}
	return nil
}

func (p Project) checkRest() error {
	if !slices.Contains([]Trigger{OnCreate, OnUpdate, OnCreateOrUpdate}, p.On) {
		return wrong("on", "%q is none of %s, %s and %s", p.On, OnCreate, OnUpdate, OnCreateOrUpdate)
	}
	version := apiVersion.FindStringSubmatch(p.APIVersion)
	if version == nil {
		return wrong("api-version", "%q is no version such as %s", p.APIVersion, defaultAPIVersion)
	}
	if number, err := strconv.Atoi(version[1]); err != nil || number < minAPIVersion {
		return wrong("api-version", "%s is older than %d.0, the oldest that this writes", p.APIVersion, minAPIVersion)
	}
	if utf8.RuneCountInString(p.Description) > maxDescription || !isPrintable(p.Description) {
		return wrong("description", "must be one line of at most %d characters", maxDescription)
	}
	return nil
}

// isPrintable reports whether XML can hold s and a Setup page would show all of it.
func isPrintable(s string) bool { return text.Printable(s) == s }
