package handlers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"testing"

	"ackbox/soap"
)

func TestEveryCauseHasItsAnswer(t *testing.T) {
	t.Parallel()
	names := map[string]cause{}
	for c := range numCauses {
		a := answers[c]
		if other, taken := names[a.name]; a.name == "" || taken {
			t.Errorf("cause %d is named %q, as is %d", c, a.name, other)
		}
		names[a.name] = c
		if http.StatusText(a.status) == "" || a.status < 400 {
			t.Errorf("%s: got the status %d", a.name, a.status)
		}
		hasWords := a.reason != ""
		if isDecoders := decodes(c); hasWords == (isDecoders || c == causeCertificate) {
			t.Errorf("%s: got the reason %q; only the decoder's causes and that of a certificate have words of their own",
				a.name, a.reason)
		}
	}
}

func decodes(c cause) bool {
	for _, d := range decoderCauses {
		if c == d {
			return true
		}
	}
	return false
}

// Of a cause that the decoder has and this package does not know, the sender would be told to send
// it again for ever.
func TestEveryCauseOfTheDecoderIsKnown(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../soap/parse_error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Cause" {
			found++
			name := spec.Values[0].(*ast.BasicLit).Value
			name = name[1 : len(name)-1]
			if c, known := decoderCauses[soap.Cause(name)]; !known || c.String() != name {
				t.Errorf("the decoder's cause %q is %q here", name, c)
			}
		}
		return true
	})
	if found != len(decoderCauses) {
		t.Errorf("found %d causes of the decoder, want %d", found, len(decoderCauses))
	}
}
