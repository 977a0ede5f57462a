package main

import (
	"go/token"
	"slices"
	"strings"
	"unicode"

	"ackbox/wsdl"
)

// reservedPackages are the names that cannot be imported from everywhere, or not at all, or not beside package soap.
var reservedPackages = []string{"documentation", "init", "internal", "main", "soap", "testdata", "vendor"}

// packageName is the file's stem in lower case without all that is not a letter or a digit; "" when nothing is left.
// What would be no good name for a package gets "obj".
func packageName(file string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(strings.TrimSuffix(file, ".wsdl")))
	switch {
	case name != "" && name[0] <= '9':
		return "obj" + name
	case token.IsKeyword(name), slices.Contains(reservedPackages, name):
		return name + "obj"
	}
	return name
}

// recordName is the Go type of an object's record, which is not one of the other types in its package.
func recordName(object string) string {
	return unique(object, []string{"ID", "Notifications", "NotificationsResponse", "SObject"})
}

// fieldNames are the Go names of a record's fields, in their order. The first is Id, which is in the base.
func fieldNames(fields []wsdl.Field) []string {
	// The parts of the base, the methods, and a name that means something else to encoding/xml.
	taken := []string{"FieldsToNull", "Id", "ObjectType", "SObject", "UnmarshalXML", "XMLName"}
	names := []string{"Id"}
	for _, f := range fields[1:] {
		name := unique(f.Name, taken)
		names, taken = append(names, name), append(taken, name)
	}
	return names
}

// unique makes an exported Go name of an API name, with as many underscores at its end as it takes.
func unique(name string, taken []string) string {
	name = string(unicode.ToUpper(rune(name[0]))) + name[1:]
	for slices.Contains(taken, name) {
		name += "_"
	}
	return name
}
