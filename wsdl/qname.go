package wsdl

import "regexp"

// An NCName is an XML name without a colon (XML 1.0, fifth edition, productions 4 and 4a).
const (
	nameStartChars = `A-Z_a-z\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{2FF}\x{370}-\x{37D}\x{37F}-\x{1FFF}` +
		`\x{200C}-\x{200D}\x{2070}-\x{218F}\x{2C00}-\x{2FEF}\x{3001}-\x{D7FF}\x{F900}-\x{FDCF}` +
		`\x{FDF0}-\x{FFFD}\x{10000}-\x{EFFFF}`
	nameChars = nameStartChars + `\-.0-9\x{B7}\x{300}-\x{36F}\x{203F}-\x{2040}`
	ncName    = `[` + nameStartChars + `][` + nameChars + `]*`
)

var (
	ncNamePattern = regexp.MustCompile(`^` + ncName + `$`)
	qNamePattern  = regexp.MustCompile(`^(` + ncName + `:)?` + ncName + `$`)
)

// checkNCName returns an error if the attribute name of e, a declaration in a schema, is not an
// NCName.
func checkNCName(e *element) error {
	if name := e.attr("name"); !ncNamePattern.MatchString(name) {
		return problem(e.line, "%q is not a name in XML; %s", name, howToGet)
	}
	return nil
}

// checkQName returns an error if text, an attribute of e, is not the name of a type with an
// optional prefix (Namespaces in XML 1.0, production 7).
func checkQName(e *element, text string) error {
	if !qNamePattern.MatchString(text) {
		return problem(e.line, "%q is not the name of a type; %s", text, howToGet)
	}
	return nil
}
