package soap_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ackbox/ledger"
	"ackbox/soap"
)

// compare fails the test if Decode and the tree disagree about a body.
func compare(t *testing.T, body []byte) {
	t.Helper()
	doc, treeErr := parseTree(body)
	message, err := soap.Decode(body, nil)
	switch {
	case err == nil && treeErr != nil:
		t.Fatalf("Decode accepts what encoding/xml rejects: %v\n%s", treeErr, body)
	case err == nil && shapeError(doc) != "":
		t.Fatalf("Decode accepts a body with %s\n%s", shapeError(doc), body)
	case err == nil:
		if diff := diffMessages(t, readTree(doc), message); diff != "" {
			t.Fatalf("(-tree +decoder):\n%s\n%s", diff, body)
		}
	case treeErr == nil:
		if !matchesRule(body, doc) {
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
		return v
	})
	// A line end in an attribute is a space in XML. encoding/xml does not convert it.
	asType := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".ObjectType" },
		cmp.Comparer(func(a, b *string) bool {
			return (a == nil) == (b == nil) && (a == nil || oneLine.Replace(*a) == oneLine.Replace(*b))
		}))
	return cmp.Diff(want, got, asValues, asType, cmpopts.IgnoreFields(ledger.Entry{}, "Digest", "Drift"))
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
		doc, err := parseTree(body)
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range rejectionRules {
			if rule.matches(body, doc) {
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
