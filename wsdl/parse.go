package wsdl

import (
	"bytes"
	"encoding/xml"
	"errors"
	"path/filepath"
	"regexp"
)

const (
	wsdlNS       = "http://schemas.xmlsoap.org/wsdl/"
	xsdNS        = "http://www.w3.org/2001/XMLSchema"
	outboundNS   = "http://soap.sforce.com/2005/09/outbound"
	sObjectNS    = "urn:sobject.enterprise.soap.sforce.com"
	enterpriseNS = "urn:enterprise.soap.sforce.com"
)

// howToGet ends each problem that only another file can solve.
const howToGet = `download the outbound message's WSDL with "Click for WSDL" in ` +
	`Setup > Outbound Messages`

// otherWSDLs maps the target namespaces of the WSDLs that Setup > API offers to what they are.
var otherWSDLs = map[string]string{
	enterpriseNS:                              "an enterprise WSDL",
	"urn:partner.soap.sforce.com":             "a partner WSDL",
	"urn:tooling.soap.sforce.com":             "a tooling WSDL",
	"http://soap.sforce.com/2006/04/metadata": "a metadata WSDL",
	"http://soap.sforce.com/2006/08/apex":     "an Apex WSDL",
}

var namePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// IsName reports whether name has the form of the API name of an object or a field, such as "Lead"
// or "acme__Sample__c": an ASCII letter, followed by ASCII letters, digits and underscores. Every
// such name is a Go identifier too. Salesforce is stricter about where underscores may stand
// (Metadata API Developer Guide, fullName).
func IsName(name string) bool { return namePattern.MatchString(name) }

// Parse parses the WSDL of an outbound message as downloaded from Setup, in UTF-8 or UTF-16, with or
// without a byte-order mark, with the line ends of any system. The file's name is used in
// [Definition.File] and in errors. Each error is an [*Error].
func Parse(file string, data []byte) (*Definition, error) {
	name := filepath.Base(file)
	definition, err := parse(data)
	if broken, ok := errors.AsType[*Error](err); ok {
		broken.File = name
	}
	if err != nil {
		return nil, err
	}
	definition.File = name
	return definition, nil
}

func parse(data []byte) (*Definition, error) {
	text, err := Text(data)
	if err != nil {
		return nil, err
	}
	if err := checkText(text); err != nil {
		return nil, err
	}
	root, err := readTree(text)
	if err != nil {
		return nil, err
	}
	if err := checkRoot(root); err != nil {
		return nil, err
	}
	s, err := readSchemas(root)
	if err != nil {
		return nil, err
	}
	record, err := s.record()
	if err != nil {
		return nil, err
	}
	fields, err := s.fields(record)
	if err != nil {
		return nil, err
	}
	return &Definition{Object: record.attr("name"), Fields: fields}, nil
}

// checkText detects what a browser may save in place of a WSDL, to report it more clearly than an
// XML parser would.
func checkText(text []byte) error {
	start := bytes.ToLower(bytes.TrimSpace(text[:min(len(text), 512)]))
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return problem(0, "the file is empty; %s", howToGet)
	case bytes.HasPrefix(start, []byte("<!doctype html")), bytes.HasPrefix(start, []byte("<html")):
		return problem(0, "this is a web page, not a WSDL; the session may have expired: log in and %s",
			howToGet)
	}
	return nil
}

func checkRoot(root *element) error {
	if root.name != (xml.Name{Space: wsdlNS, Local: "definitions"}) {
		return problem(root.line, "this is not a WSDL: its root element is <%s> of the namespace %q; %s",
			root.name.Local, root.name.Space, howToGet)
	}
	namespace := root.attr("targetNamespace")
	if other, ok := otherWSDLs[namespace]; ok {
		return problem(root.line, "this is %s; %s", other, howToGet)
	}
	if namespace != outboundNS {
		return problem(root.line,
			"this is not the WSDL of an outbound message: its target namespace is %q; %s", namespace,
			howToGet)
	}
	return nil
}

// schemas holds the declarations in a WSDL's types.
type schemas struct {
	notifications *element              // the element of that name
	types         map[xml.Name]*element // each complexType by namespace and name
	records       []*element            // the complexTypes of records, in the order of the file
	line          int                   // of the root element, for errors about what is missing
}

func readSchemas(root *element) (*schemas, error) {
	s := &schemas{types: map[xml.Name]*element{}, line: root.line}
	for _, types := range root.named(wsdlNS, "types") {
		for _, schema := range types.named(xsdNS, "schema") {
			if err := s.read(schema); err != nil {
				return nil, err
			}
		}
	}
	if s.notifications == nil {
		return nil, problem(s.line, "no schema of %s declares the element notifications; %s", outboundNS,
			howToGet)
	}
	return s, nil
}

func (s *schemas) read(schema *element) error {
	namespace := schema.attr("targetNamespace")
	for _, e := range schema.named(xsdNS, "element") {
		if err := checkNCName(e); err != nil {
			return err
		}
		if namespace == outboundNS && e.attr("name") == "notifications" {
			s.notifications = e
		}
	}
	for _, e := range schema.named(xsdNS, "complexType") {
		name := xml.Name{Space: namespace, Local: e.attr("name")}
		if namespace == sObjectNS && !IsName(name.Local) {
			return problem(e.line, "%q is not the API name of an object; %s", name.Local, howToGet)
		}
		if err := checkNCName(e); err != nil {
			return err
		}
		if first := s.types[name]; first != nil {
			return problem(e.line, "the type %q is declared twice, first on line %d; %s",
				name.Local, first.line, howToGet)
		}
		s.types[name] = e
		if namespace == sObjectNS && name.Local != "sObject" && name.Local != "AggregateResult" {
			s.records = append(s.records, e)
		}
	}
	return nil
}

// record returns the type of the record in the element notifications, which must be the only record
// type.
func (s *schemas) record() (*element, error) {
	notification, err := s.typeOfChild(s.notifications.walk("complexType", "sequence"), "Notification")
	if err != nil {
		return nil, err
	}
	record, err := s.typeOfChild(notification.walk("sequence"), "sObject")
	if err != nil {
		return nil, err
	}
	for _, other := range s.records {
		if other != record {
			return nil, problem(other.line,
				"there is a record type %q besides %q: an outbound message has one object; %s",
				other.attr("name"), record.attr("name"), howToGet)
		}
	}
	if len(s.records) == 0 {
		return nil, problem(record.line, "the type of sObject, %q, is not a type of %s; %s",
			record.attr("name"), sObjectNS, howToGet)
	}
	return record, nil
}

// typeOfChild returns the complexType of the element of that name in a sequence.
func (s *schemas) typeOfChild(sequence *element, name string) (*element, error) {
	if sequence == nil {
		return nil, problem(s.notifications.line, "there is no element %s in notifications; %s", name,
			howToGet)
	}
	for _, e := range sequence.named(xsdNS, "element") {
		if e.attr("name") != name {
			continue
		}
		reference, err := e.reference("type")
		if err != nil {
			return nil, err
		}
		if found := s.types[reference]; found != nil {
			return found, nil
		}
		return nil, problem(e.line, "the type %q of the element %s is not declared in this file; %s",
			e.attr("type"), name, howToGet)
	}
	return nil, problem(sequence.line, "there is no element %s in this sequence; %s", name, howToGet)
}
