package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"reflect"
	"strconv"
	"strings"
)

// The namespaces of the elements of a message and of a record.
const (
	outboundNS = "http://soap.sforce.com/2005/09/outbound"
	sObjectNS  = "urn:sobject.enterprise.soap.sforce.com"
)

// goType is a corrected type from gowsdl.
type goType struct {
	name string
	role role
	expr ast.Expr
}

// role is the purpose of a type, independent of its name.
type role int

const (
	roleNotifications role = iota
	roleNotification
	roleRecord
	roleBase
	roleID
	roleResponse
)

// typesOf returns the types to keep, in the order in which they are written. All others are
// dropped.
func typesOf(s *source) []*goType {
	return []*goType{
		{name: "Notifications", role: roleNotifications},
		{name: s.record + "Notification", role: roleNotification},
		{name: s.record, role: roleRecord},
		{name: "SObject", role: roleBase},
		{name: "ID", role: roleID},
		{name: "NotificationsResponse", role: roleResponse},
	}
}

// correct returns the types in gowsdl's code, corrected for encoding/xml and for soap.NewTypes.
func correct(code []byte, s *source) ([]*goType, error) {
	declared, err := parseTypes(code)
	if err != nil {
		return nil, err
	}
	result := typesOf(s)
	for _, t := range result {
		if t.expr = declared[t.name]; t.expr == nil {
			return nil, fmt.Errorf("there is no type %s", t.name)
		}
		structure, ok := t.expr.(*ast.StructType)
		if ok == (t.role == roleID) {
			return nil, fmt.Errorf("type %s is of an unexpected kind", t.name)
		}
		if !ok {
			continue
		}
		if err := correctStruct(t.role, structure, s); err != nil {
			return nil, fmt.Errorf("type %s: %w", t.name, err)
		}
	}
	return result, nil
}

func parseTypes(code []byte) (map[string]ast.Expr, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "", code, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	declared := map[string]ast.Expr{}
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			if t, ok := spec.(*ast.TypeSpec); ok {
				declared[t.Name.Name] = t.Type
			}
		}
	}
	return declared, nil
}

func correctStruct(r role, structure *ast.StructType, s *source) error {
	var kept []*ast.Field
	for _, field := range structure.Fields.List {
		if len(field.Names) == 0 {
			// Embed the base by value, so that Id is there in every record.
			kept = append(kept, &ast.Field{Type: ast.NewIdent("SObject")})
			continue
		}
		if field.Names[0].Name == "XMLName" {
			// Only these two types are elements; elements of several names have the other types.
			if r == roleNotifications || r == roleResponse {
				kept = append(kept, field)
			}
			continue
		}
		if err := correctField(r, field, s); err != nil {
			return err
		}
		kept = append(kept, field)
	}
	structure.Fields.List = kept
	if want := len(s.Fields); r == roleRecord && len(kept) != want { // the base counts as Id
		return fmt.Errorf("there are %d fields, but %d in the WSDL", len(kept), want)
	}
	return nil
}

// wireTypes maps the types of gowsdl's runtime to those of package soap.
var wireTypes = map[string]string{
	"soap.XSDDateTime": "DateTime",
	"soap.XSDDate":     "Date",
	"soap.XSDTime":     "Time",
	"[]byte":           "Base64Binary",
}

func correctField(r role, field *ast.Field, s *source) error {
	if pointer, ok := field.Type.(*ast.StarExpr); ok {
		if name := wireTypes[types.ExprString(pointer.X)]; name != "" {
			pointer.X = &ast.SelectorExpr{X: ast.NewIdent("soap"), Sel: ast.NewIdent(name)}
		}
	}
	if r == roleNotification && field.Names[0].Name == "SObject" {
		// gowsdl takes an object named Date or Token for the XML Schema type.
		field.Type = &ast.StarExpr{X: ast.NewIdent(s.record)}
	}
	name, err := wireName(r, field, s)
	if err != nil {
		return err
	}
	space := outboundNS
	if r == roleRecord || r == roleBase {
		space = sObjectNS
	}
	tag := fmt.Sprintf("`xml:%q json:%q`", space+" "+name+",omitempty", name+",omitempty")
	field.Tag = &ast.BasicLit{Kind: token.STRING, Value: tag}
	return nil
}

// wireName returns the name of the field's element: the API name for a field of a record, which
// prepare has renamed, and the name in gowsdl's tag for any other.
func wireName(r role, field *ast.Field, s *source) (string, error) {
	if r == roleRecord {
		f, ok := s.field(field.Names[0].Name)
		if !ok {
			return "", fmt.Errorf("field %s is not in the WSDL", field.Names[0].Name)
		}
		return f.Name, nil
	}
	if field.Tag == nil {
		return "", fmt.Errorf("field %s has no tag", field.Names[0].Name)
	}
	tag, err := strconv.Unquote(field.Tag.Value)
	if err != nil {
		return "", fmt.Errorf("field %s: read tag: %w", field.Names[0].Name, err)
	}
	name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
	return name, nil
}
