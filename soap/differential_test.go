package soap_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ackbox/ledger"
	"ackbox/soap"
)

// compare fails the test if Decode and the tree disagree about a body.
func compare(t *testing.T, body []byte) {
	t.Helper()
	rewritten, oddities := rewrite(body)
	doc, treeErr := parseTree(rewritten)
	message, err := soap.Decode(body, nil)
	if treeErr == nil {
		doc.oddities = oddities
	}
	switch {
	case err == nil && treeErr != nil:
		t.Fatalf("Decode accepts what encoding/xml rejects: %v\n%s", treeErr, body)
	case err == nil && shapeError(doc) != "":
		t.Fatalf("Decode accepts a body with %s\n%s", shapeError(doc), body)
	case err == nil:
		want := readTree(doc)
		want.Oddities = oddities
		if diff := diffMessages(t, want, message); diff != "" {
			t.Fatalf("(-tree +decoder):\n%s\n%s", diff, body)
		}
	case treeErr == nil:
		if !matchesRule(rewritten, doc) {
			t.Fatalf("no rule explains why Decode rejects this (%v), unlike encoding/xml:\n%s", err, body)
		}
	}
}

func matchesRule(body []byte, doc *document) bool {
	for _, rule := range rejectionRules {
		if rule.matches(body, doc) {
			return true
		}
	}
	return false
}

// withPlaceholders makes texts comparable with those of rewritten bodies.
var withPlaceholders = cmp.Transformer("Placeholders", func(s string) string {
	return strings.Map(placeholder, s)
})

var oneLine = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ", "\t", " ")

func diffMessages(t *testing.T, want, got *ledger.Batch) string {
	t.Helper()
	asValues := cmp.Transformer("JSON", func(fields json.RawMessage) any {
		if fields == nil {
			return nil
		}
		var v any
		if err := json.Unmarshal(fields, &v); err != nil {
			t.Fatalf("fields are not JSON: %v: %s", err, fields)
		}
		if bytes.Contains(fields, []byte{0}) || strings.ContainsRune(fmt.Sprint(v), 0) || !utf8.Valid(fields) {
			t.Fatalf("fields are not text that every database stores: %q", fields)
		}
		return v
	})
	// A line end in an attribute is a space in XML. encoding/xml does not convert it.
	asType := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".ObjectType" },
		cmp.Comparer(func(a, b *string) bool {
			return (a == nil) == (b == nil) && (a == nil || oneLine.Replace(*a) == oneLine.Replace(*b))
		}))
	return cmp.Diff(want, got, asValues, asType, withPlaceholders, cmpopts.IgnoreFields(ledger.Entry{}, "Digest", "Drift"))
}

func TestDecodeAgreesWithEncodingXMLOnRealBodies(t *testing.T) {
	t.Parallel()
	for name, body := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compare(t, body)
		})
	}
}

func TestDecodeAgreesWithEncodingXML(t *testing.T) {
	t.Parallel()
	for _, body := range seedBodies() {
		compare(t, body)
	}
}

// TestRejectionRulesMatchNoAcceptedBody tests the oracle itself: a rule that matched every body
// would allow every rejection.
func TestRejectionRulesMatchNoAcceptedBody(t *testing.T) {
	t.Parallel()
	for _, body := range seedBodies() {
		if _, err := soap.Decode(body, nil); err != nil {
			continue
		}
		rewritten, _ := rewrite(body)
		doc, err := parseTree(rewritten)
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range rejectionRules {
			if rule.matches(rewritten, doc) {
				t.Errorf("the rule %q matches a body that Decode accepts:\n%s", rule.name, body)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, body := range append(seedBodies(), tableBodies()...) {
		if len(body) < 4<<10 { // mutations of longer bodies find nothing more
			f.Add(body)
		}
	}
	f.Fuzz(compare)
}

// tableBodies returns the bodies of the test tables, sorted so that the fuzzer's names of its seeds
// are stable.
func tableBodies() [][]byte {
	var bodies []string
	for _, c := range fieldCases() {
		bodies = append(bodies, c.body())
	}
	for _, c := range recordCases() {
		bodies = append(bodies, c.body())
	}
	for _, c := range rejections() {
		bodies = append(bodies, c.body)
	}
	for _, c := range oddTexts() {
		bodies = append(bodies, c.body())
	}
	for _, c := range lostStructures() {
		bodies = append(bodies, c.body)
	}
	for _, c := range syntaxErrors() {
		bodies = append(bodies, c.body)
	}
	slices.Sort(bodies)
	all := make([][]byte, len(bodies))
	for i, body := range bodies {
		all[i] = []byte(body)
	}
	return all
}
