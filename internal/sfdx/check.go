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
	minAPIVersion  = 60 // we know the elements of recent versions only; environments came with 55.0
)

var (
	// username excludes the characters that are special to a shell within double quotes.
	username   = regexp.MustCompile("^[^@\\s\"$`\\\\]+@[^@\\s\"$`\\\\]+\\.[^@\\s\"$`\\\\]+$")
	apiVersion = regexp.MustCompile(`^([1-9][0-9]{1,2})\.0$`)
)

func invalid(setting, format string, args ...any) error {
	return &Error{Setting: setting, Problem: fmt.Sprintf(format, args...)}
}

// check returns the first problem as an [*Error].
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
		return invalid("object", `is missing: give the API name of the object, such as "Lead"`)
	}
	if problem := checkAPIName(p.Object, "c", "kav"); problem != "" {
		return invalid("object", "%q is not an object's API name: %s", p.Object, problem)
	}
	return nil
}

// checkAPIName returns what is wrong with the API name of an object or a field, or "". A custom one
// ends with two underscores and one of the suffixes, and may begin with a namespace and two
// underscores (Object Reference, "Custom Objects" and "Namespace prefix").
func checkAPIName(name string, suffixes ...string) string {
	if !wsdl.IsName(name) {
		return "it must begin with a letter and contain only letters, digits and underscores"
	}
	base, suffix, custom := cutSuffix(name)
	if custom && !slices.Contains(suffixes, suffix) {
		return "it must end with " + strings.Join(suffixes, " or ") + " after the last two underscores"
	}
	parts, most := strings.Split(base, "__"), 1
	if custom {
		most = 2 // the namespace and the name
	}
	if suffix == "s" {
		most = 3 // and the part of an address or location
	}
	if len(parts) > most {
		return "it has too many pairs of underscores"
	}
	for _, part := range parts {
		if !wsdl.IsName(part) || strings.HasSuffix(part, "_") {
			return "each part must begin with a letter and not end with an underscore"
		}
	}
	return ""
}

// checkName checks the name against the rule for unique names, which is the same for outbound
// messages (Salesforce Help, "Outbound Message Actions"), flows and permission sets (Metadata API
// Developer Guide, fullName).
func (p Project) checkName() error {
	switch {
	case !wsdl.IsName(p.Name):
		return invalid("name", "%q must begin with a letter and contain only letters, digits and "+
			"underscores", p.Name)
	case strings.Contains(p.Name, "__"), strings.HasSuffix(p.Name, "_"):
		return invalid("name", "%q must not contain two underscores in a row or end with one", p.Name)
	case len(p.Name) > maxName:
		return invalid("name", "%q is longer than %d characters; choose a shorter one", p.Name, maxName)
	}
	return nil
}

// checkURL checks that Salesforce posts to the URL's port: 80 with http, 443 with https, 1024 to
// 65535 with either (Salesforce Help 000386036 and SOAP API Developer Guide, "Setting Up Outbound
// Messaging"). No error contains the URL, because it is a secret.
func (p Project) checkURL() error {
	u, err := url.Parse(p.URL)
	switch {
	case p.URL == "":
		return invalid("url", "is missing: give the URL that ackbox source add or ackbox serve printed")
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return invalid("url", "must be a complete URL that begins with https:// or http://")
	case u.Fragment != "":
		return invalid("url", "must not contain a #: what follows it is never sent")
	case u.Port() == "":
		return nil
	}
	port, err := strconv.Atoi(u.Port())
	switch {
	case err != nil || port > 65535 || port < 1024 && port != 80 && port != 443:
		return invalid("url", "has port %s, to which Salesforce does not post: it must be 80, 443, "+
			"or 1024 to 65535", u.Port())
	case port == 80 && u.Scheme != "http":
		return invalid("url", "has port 80, to which Salesforce posts only with http")
	case port == 443 && u.Scheme != "https":
		return invalid("url", "has port 443, to which Salesforce posts only with https")
	}
	return nil
}

// checkUser checks the username. integrationUser is required in WorkflowOutboundMessage, and a
// deployment fails if the org has no such user (Metadata API Developer Guide, "Workflow" and
// "Maintaining User References").
func (p Project) checkUser() error {
	if p.User == "" {
		return invalid("user", "is missing: Salesforce sends an outbound message as a user of the org, "+
			"with only what that user may read; give the username of an active user, such as "+
			"integration@example.com")
	}
	if !username.MatchString(p.User) || !isPrintable(p.User) ||
		utf8.RuneCountInString(p.User) > maxUsername {
		return invalid("user", "%q is not a username, which has the form of an e-mail address", p.User)
	}
	return nil
}

func (p Project) checkFields() error {
	if len(p.Fields) == 0 {
		return invalid("field", "is missing: give the fields of %s to send, each with --field", p.Object)
	}
	seen := map[string]bool{}
	for _, field := range p.Fields {
		if strings.Contains(field, ".") {
			return invalid("field", "%q is a field of another object: an outbound message has only fields "+
				"of its object; create a formula field for it", field)
		}
		if problem := checkAPIName(field, "c", "s", "pc"); problem != "" {
			return invalid("field", "%q is not a field's API name: %s", field, problem)
		}
		if key := strings.ToLower(field); seen[key] {
			return invalid("field", "%s is given twice: Salesforce ignores case", field)
		} else if seen[key] = true; key == "id" && field != "Id" {
			return invalid("field", "%q must be written Id", field)
		}
	}
	return nil
}

func (p Project) checkRequired() error {
	for _, field := range p.Required {
		if !slices.Contains(p.Fields, field) {
			return invalid("required", "%q is not among the fields to send", field)
		}
	}
	return nil
}

func (p Project) checkRest() error {
	if !slices.Contains([]Trigger{OnCreate, OnUpdate, OnCreateOrUpdate}, p.On) {
		return invalid("on", "%q is not %s, %s or %s", p.On, OnCreate, OnUpdate, OnCreateOrUpdate)
	}
	version := apiVersion.FindStringSubmatch(p.APIVersion)
	if version == nil {
		return invalid("api-version", "%q is not a version such as %s", p.APIVersion, defaultAPIVersion)
	}
	if number, err := strconv.Atoi(version[1]); err != nil || number < minAPIVersion {
		return invalid("api-version", "%s is older than %d.0, the oldest supported version", p.APIVersion,
			minAPIVersion)
	}
	if utf8.RuneCountInString(p.Description) > maxDescription || !isPrintable(p.Description) {
		return invalid("description", "must be one line of at most %d characters", maxDescription)
	}
	return nil
}

// isPrintable reports whether XML can hold s and a Setup page would show all of it.
func isPrintable(s string) bool { return text.Printable(s) == s }
