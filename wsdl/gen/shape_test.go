package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ackbox/internal/text"
	"ackbox/wsdl"

	"github.com/google/go-cmp/cmp"
)

// assertPlain checks that the plain WSDL of s has the names and types of s, and otherwise only the
// elements and attributes of one without fields.
func assertPlain(t *testing.T, s *source, plain []byte) {
	t.Helper()
	got, err := wsdl.Parse("plain.wsdl", plain)
	if err != nil {
		t.Fatal(err)
	}
	want := &wsdl.Definition{File: "plain.wsdl", Object: s.record}
	var elements []string
	for i, f := range s.Fields {
		got.Fields[i].Line = 0
		want.Fields = append(want.Fields, wsdl.Field{Name: s.names[i], Type: f.Kind()})
		if i > 0 {
			prefix := "xsd:"
			if f.Kind() == "ID" {
				prefix = "ent:"
			}
			elements = append(elements, fmt.Sprintf("element [name=%s type=%s nillable=true minOccurs=0]", s.names[i],
				prefix+f.Kind()))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plain WSDL (-want +got):\n%s", diff)
	}
	empty, err := prepare(&source{Definition: &wsdl.Definition{Fields: s.Fields[:1]}, record: s.record})
	if err != nil {
		t.Fatal(err)
	}
	rest := outline(t, plain)
	if len(elements) > 0 {
		i := slices.Index(rest, elements[0])
		if i < 0 || !slices.Equal(rest[i:min(i+len(elements), len(rest))], elements) {
			t.Fatalf("got the elements %q, want among them %q", rest, elements)
		}
		rest = slices.Delete(rest, i, i+len(elements))
	}
	if diff := cmp.Diff(outline(t, empty), rest); diff != "" {
		t.Errorf("plain WSDL without its fields (-want +got):\n%s", diff)
	}
}

// outline returns each element of a document with its attributes, and all that is neither.
func outline(t *testing.T, document []byte) []string {
	t.Helper()
	var lines []string
	for d := xml.NewDecoder(strings.NewReader(string(document))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			var attributes []string
			for _, a := range token.Attr {
				attributes = append(attributes, a.Name.Local+"="+a.Value)
			}
			lines = append(lines, fmt.Sprintf("%s %v", token.Name.Local, attributes))
		case xml.CharData:
			if more := strings.TrimSpace(string(token)); more != "" {
				lines = append(lines, more)
			}
		case xml.EndElement:
		default:
			lines = append(lines, fmt.Sprintf("%T %v", token, token))
		}
	}
}

var goTypes = map[string]string{
	"string": "*string", "boolean": "*bool", "int": "*int32", "double": "*float64", "date": "*soap.Date",
	"dateTime": "*soap.DateTime", "time": "*soap.Time", "base64Binary": "*soap.Base64Binary", "ID": "*ID",
}

// assertShape checks that a generated package has the imports, types and methods that it must have
// and nothing else, and that its record has the fields of s.
func assertShape(t *testing.T, s *source, code []byte) {
	t.Helper()
	file := parseGo(t, code)
	if file.Name.Name != s.pkg {
		t.Errorf("got the package %s, want %s", file.Name.Name, s.pkg)
	}
	want := []string{
		`import "encoding/xml"`, `import "ackbox/soap"`, "type Notifications struct{XMLName, OrganizationId, " +
			"ActionId, SessionId, EnterpriseUrl, PartnerUrl, Notification}",
		"type " + s.record + "Notification struct{Id, SObject}", "type " + s.record + " struct{" +
			strings.Join(append([]string{"SObject"}, s.names[1:]...), ", ") + "}",
		"func (*" + s.record + ") ObjectType", "func (*" + s.record + ") UnmarshalXML",
		"type SObject struct{FieldsToNull, Id}", "type ID string",
		"type NotificationsResponse struct{XMLName, Ack}",
	}
	if diff := cmp.Diff(want, declarations(file)); diff != "" {
		t.Errorf("declarations (-want +got):\n%s", diff)
	}
	fields := map[string]*ast.Field{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == s.record {
			for _, field := range spec.Type.(*ast.StructType).Fields.List[1:] {
				fields[field.Names[0].Name] = field
			}
		}
		return true
	})
	for i, f := range s.Fields[1:] {
		want := fmt.Sprintf("%s `xml:%q json:%q`", goTypes[f.Kind()],
			"urn:sobject.enterprise.soap.sforce.com "+f.Name+",omitempty", f.Name+",omitempty")
		field := fields[s.names[i+1]]
		if got := types.ExprString(field.Type) + " " + field.Tag.Value; got != want {
			t.Errorf("field %s: got %s, want %s", s.names[i+1], got, want)
		}
	}
}

// parseGo parses generated code and checks what a directive or a build constraint would need: each
// line is printable, and each comment is "//" and a space, but not "// +".
func parseGo(t *testing.T, code []byte) *ast.File {
	t.Helper()
	formatted, err := format.Source(code)
	if err != nil {
		t.Fatalf("%v in\n%s", err, code)
	}
	if diff := cmp.Diff(string(formatted), string(code)); diff != "" {
		t.Errorf("gofmt (-want +got):\n%s", diff)
	}
	for line := range strings.Lines(string(code)) {
		line = strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", "")
		if text.Printable(line) != line {
			t.Errorf("got the line %q, want a printable one", line)
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "", code, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	generated := regexp.MustCompile(`^// Code generated .* DO NOT EDIT\.$`) // https://go.dev/s/generatedcode
	if first := file.Comments[0].List[0].Text; !generated.MatchString(first) {
		t.Errorf("got the first comment %q", first)
	}
	for _, group := range file.Comments {
		for _, comment := range group.List {
			if !strings.HasPrefix(comment.Text, "// ") || strings.HasPrefix(comment.Text, "// +") {
				t.Errorf("got the comment %q", comment.Text)
			}
		}
	}
	return file
}

// declarations returns what a file declares, one line for each import, type and function.
func declarations(file *ast.File) []string {
	var lines []string
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			receiver := ""
			if decl.Recv != nil {
				receiver = "(" + types.ExprString(decl.Recv.List[0].Type) + ") "
			}
			lines = append(lines, "func "+receiver+decl.Name.Name)
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				lines = append(lines, declaration(spec))
			}
		}
	}
	return lines
}

func declaration(spec ast.Spec) string {
	switch spec := spec.(type) {
	case *ast.ImportSpec:
		if spec.Name != nil {
			return "import " + spec.Name.Name + " " + spec.Path.Value
		}
		return "import " + spec.Path.Value
	case *ast.TypeSpec:
		structure, ok := spec.Type.(*ast.StructType)
		if !ok {
			return "type " + spec.Name.Name + " " + types.ExprString(spec.Type)
		}
		var names []string
		for _, field := range structure.Fields.List {
			if len(field.Names) == 0 {
				names = append(names, types.ExprString(field.Type))
			}
			for _, name := range field.Names {
				names = append(names, name.Name)
			}
		}
		return "type " + spec.Name.Name + " struct{" + strings.Join(names, ", ") + "}"
	}
	return fmt.Sprintf("%T", spec)
}
