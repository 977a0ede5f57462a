package main

import (
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"ackbox/wsdl"
)

// reservedPackages are the names of packages that cannot be imported at all, from everywhere, or
// beside package soap.
var reservedPackages = regexp.MustCompile("^(documentation|init|internal|main|soap|testdata|vendor|" +
	"con|prn|aux|nul|com[1-9]|lpt[1-9])$") // the second line by Windows

// packageName returns the name of the file without its extension, in lower case and without all but
// ASCII letters and digits; "" if nothing is left. It adds "obj" to a name that no package can
// have.
func packageName(file string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(strings.TrimSuffix(file, filepath.Ext(file))))
	switch {
	case name != "" && name[0] <= '9':
		return "obj" + name
	case token.IsKeyword(name), reservedPackages.MatchString(name):
		return name + "obj"
	}
	return name
}

// recordName returns the name of the Go type of an object's record, which differs from the other
// types of its package.
func recordName(object string) string {
	return unique(object, []string{"ID", "Notifications", "NotificationsResponse", "SObject"})
}

// fieldNames returns the Go names of a record's fields, in their order. The first is Id, which the
// base declares.
func fieldNames(fields []wsdl.Field) []string {
	// The fields of the base, the methods, and a name with a meaning of its own in encoding/xml.
	taken := []string{"FieldsToNull", "Id", "ObjectType", "SObject", "UnmarshalXML", "XMLName"}
	names := []string{"Id"}
	for _, f := range fields[1:] {
		name := unique(f.Name, taken)
		names, taken = append(names, name), append(taken, name)
	}
	return names
}

// unique returns an exported Go name for an API name, followed by as many underscores as make it
// differ from taken.
func unique(name string, taken []string) string {
	name = string(unicode.ToUpper(rune(name[0]))) + name[1:]
	for slices.Contains(taken, name) {
		name += "_"
	}
	return name
}
