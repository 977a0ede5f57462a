package soap_test

import (
	"bytes"
	"encoding/xml"
	"regexp"
	"strings"
	"unicode/utf8"

	"ackbox/ledger"
	"ackbox/soap"
)

// shapeError describes why a well-formed tree is not an outbound message. It returns "" for one
// that is.
func shapeError(doc *document) string {
	if len(doc.roots) != 1 || !doc.roots[0].is(soap.EnvelopeNS, "Envelope") {
		return "not one Envelope"
	}
	root := doc.roots[0]
	bodies, headers := root.named(soap.EnvelopeNS, "Body"), root.named(soap.EnvelopeNS, "Header")
	if len(bodies) != 1 || len(headers) > 1 || len(root.elements()) != 1+len(headers) ||
		root.elements()[len(headers)] != bodies[0] {
		return "not one Body after a Header at most"
	}
	messages := bodies[0].named(soap.OutboundNS, "notifications")
	if len(messages) != 1 || len(bodies[0].elements()) != 1 {
		return "not one notifications"
	}
	message := messages[0]
	notifications := message.named(soap.OutboundNS, "Notification")
	withoutText := append([]*node{root, bodies[0], message}, notifications...)
	for _, n := range withoutText {
		if !blank(n.text()) {
			return "text between elements"
		}
	}
	if structureIsLost(message) {
		return "elements that would be lost"
	}
	if len(message.named(soap.OutboundNS, "ActionId")) > 1 {
		return "two ActionIds"
	}
	if len(notifications) == 0 || len(notifications) > soap.MaxNotifications {
		return "not 1 to 100 Notifications"
	}
	if !oneID(message.named(soap.OutboundNS, "OrganizationId")) {
		return "not one OrganizationId"
	}
	for _, n := range notifications {
		if !oneID(n.named(soap.OutboundNS, "Id")) || len(n.named(soap.OutboundNS, "sObject")) > 1 {
			return "not one Id and one sObject at most"
		}
		for _, record := range n.named(soap.OutboundNS, "sObject") {
			var e ledger.Entry
			record.read(&e)
			if len(oneLine.Replace(*e.ObjectType)) > soap.MaxID ||
				e.RecordID != nil && len(strings.Map(original, *e.RecordID)) > soap.MaxID {
				return "a long object type or record id"
			}
		}
	}
	for _, n := range message.named(soap.OutboundNS, "ActionId") {
		if len(n.elements()) > 0 {
			return "elements in ActionId"
		}
		if len(n.text()) > soap.MaxID {
			return "a long ActionId"
		}
	}
	return ""
}

// structureIsLost reports whether a message has elements that no entry would contain.
func structureIsLost(message *node) bool {
	isKnown := regexp.MustCompile(`^(OrganizationId|ActionId|SessionId|EnterpriseUrl|PartnerUrl|Notification)$`)
	isSimilar := regexp.MustCompile(`(?i)` + isKnown.String())
	for _, e := range message.elements() {
		known := e.name.Space == soap.OutboundNS && isKnown.MatchString(e.name.Local)
		if !known && (isSimilar.MatchString(e.name.Local) || len(e.elements()) > 0) {
			return true
		}
		if known && e.name.Local != "Notification" && len(e.elements()) > 0 {
			return true
		}
		if known && e.name.Local == "Notification" && len(e.elements()) !=
			len(e.named(soap.OutboundNS, "Id"))+len(e.named(soap.OutboundNS, "sObject")) {
			return true
		}
	}
	return false
}

func oneID(ids []*node) bool {
	return len(ids) == 1 && len(ids[0].elements()) == 0 && !blank(ids[0].text()) &&
		len(ids[0].text()) <= soap.MaxID
}

// rejectionRules are all the reasons for which Decode may reject what encoding/xml accepts.
var rejectionRules = []struct {
	name    string
	matches func(body []byte, doc *document) bool
}{
	{"the shape of an outbound message", func(_ []byte, doc *document) bool { return shapeError(doc) != "" }},
	{"no DTD", func(_ []byte, doc *document) bool { return doc.dtd }},
	{"no processing instruction", func(_ []byte, doc *document) bool { return doc.procInst > 1 }},
	{"the XML declaration first and valid", func(body []byte, doc *document) bool {
		return doc.procInst == 1 && !declarationForm.Match(body)
	}},
	{"no text around the root", func(_ []byte, doc *document) bool { return !blank(doc.outside) }},
	{"no CDATA around the root", func(_ []byte, doc *document) bool { return doc.cdata }},
	{"only characters of XML in comments", func(_ []byte, doc *document) bool { return !validChars(doc.comments) }},
	{"white space between attributes", func(body []byte, _ *document) bool { return unspaced.Match(body) }},
	{"no reference to a surrogate", func(body []byte, _ *document) bool { return surrogate.Match(body) }},
	{"valid namespaces", func(body []byte, _ *document) bool { return badNamespaces(body) }},
	{"limits of depth, attributes, prefixes, elements and oddities", func(body []byte, doc *document) bool {
		return overLimits(body, doc)
	}},
}

// xmlSpace matches the white space of XML. That of regular expressions, \s, includes the form feed.
const xmlSpace = `[ \t\r\n]`

var (
	declarationForm = regexp.MustCompile(strings.ReplaceAll(
		`^\x{feff}?_*<\?xml_+version_*=_*("1\.0"|'1\.0')`+
			`(_+encoding_*=_*("[A-Za-z0-9.-]+"|'[A-Za-z0-9.-]+'))?`+
			`(_+standalone_*=_*("(yes|no)"|'(yes|no)'))?_*\?>`, "_", xmlSpace))
	unspaced  = regexp.MustCompile(`=` + xmlSpace + `*("[^"]*"|'[^']*')[^ \t\r\n/>?]`)
	surrogate = regexp.MustCompile(`(?i)&#(x0*d[89a-f][0-9a-f]{2}|0*5[5-7][0-9]{3});`)
)

func validChars(text string) bool {
	for _, r := range text {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}
	return utf8.ValidString(text)
}

// badNamespaces reports whether a body violates "Namespaces in XML 1.0", which encoding/xml does
// not check.
func badNamespaces(body []byte) bool {
	bad := false
	walkRaw(body, func(start xml.StartElement, scope map[string]string) {
		seen := map[xml.Name]bool{}
		for _, a := range start.Attr {
			name := a.Name
			if space, ok := scope[name.Space]; ok && name.Space != "" {
				name.Space = space
			} else if name.Space != "" && name.Space != "xmlns" {
				bad = true
			}
			bad = bad || seen[name] || !isNCName(name.Local) || badDeclaration(a)
			seen[name] = true
		}
		_, bound := scope[start.Name.Space]
		bad = bad || !bound && start.Name.Space != "" || !isNCName(start.Name.Local)
	})
	return bad
}

// isNCName reports whether a local name is a name by itself. encoding/xml only checks it together
// with its prefix, and so accepts sf:1.
func isNCName(local string) bool {
	_, err := xml.NewDecoder(strings.NewReader("<" + local + "/>")).RawToken()
	return err == nil && !strings.Contains(local, ":")
}

func badDeclaration(a xml.Attr) bool {
	prefix := a.Name.Local
	if a.Name.Space == "" && a.Name.Local == "xmlns" {
		prefix = ""
	} else if a.Name.Space != "xmlns" {
		return false
	}
	const xmlNS, xmlnsNS = "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"
	return prefix == "xmlns" || a.Value == xmlnsNS || (prefix == "xml") != (a.Value == xmlNS) ||
		prefix != "" && a.Value == ""
}

func overLimits(body []byte, doc *document) bool {
	over := false
	walkRaw(body, func(start xml.StartElement, scope map[string]string) {
		over = over || len(start.Attr) > 64 || len(scope) > 32
	})
	var walk func(n *node, depth int)
	walk = func(n *node, depth int) {
		over = over || depth > 32 || len(n.elements()) > 10_000
		for _, e := range n.elements() {
			walk(e, depth+1)
		}
	}
	for _, root := range doc.roots {
		walk(root, 1)
	}
	return over || passedOver(doc) > 10_000 || doc.oddities > 1<<20
}

// passedOver returns the number of elements in the Headers of a document, and of those directly in
// notifications that no entry contains.
func passedOver(doc *document) int {
	count := 0
	var walk func(n *node)
	walk = func(n *node) {
		for _, e := range n.elements() {
			count++
			walk(e)
		}
	}
	for _, root := range doc.roots {
		for _, header := range root.named(soap.EnvelopeNS, "Header") {
			walk(header)
		}
		for _, body := range root.named(soap.EnvelopeNS, "Body") {
			for _, message := range body.named(soap.OutboundNS, "notifications") {
				count += len(message.elements())
				for _, stored := range []string{"OrganizationId", "ActionId", "Notification"} {
					count -= len(message.named(soap.OutboundNS, stored))
				}
			}
		}
	}
	return count
}

// walkRaw calls visit with each start tag, whose names are unresolved, and the prefixes in scope.
func walkRaw(body []byte, visit func(start xml.StartElement, scope map[string]string)) {
	scopes := []map[string]string{{"xml": "http://www.w3.org/XML/1998/namespace"}}
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff"))))
	for {
		token, err := d.RawToken()
		if err != nil {
			return
		}
		switch token := token.(type) {
		case xml.StartElement:
			scope := map[string]string{}
			for prefix, uri := range scopes[len(scopes)-1] {
				scope[prefix] = uri
			}
			for _, a := range token.Attr {
				if a.Name.Space == "xmlns" {
					scope[a.Name.Local] = a.Value
				}
			}
			scopes = append(scopes, scope)
			visit(token, scope)
		case xml.EndElement:
			scopes = scopes[:max(1, len(scopes)-1)]
		}
	}
}
