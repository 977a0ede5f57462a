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

// The namespaces of a message's elements and of a record's.
const (
	outboundNS = "http://soap.sforce.com/2005/09/outbound"
	sObjectNS  = "urn:sobject.enterprise.soap.sforce.com"
)

// goType is a type of gowsdl's, corrected.
type goType struct {
	name string
	role role
	expr ast.Expr
}

// role is what a type is for, under whatever name.
type role int

const (
	roleNotifications role = iota
	roleNotification
	roleRecord
	roleBase
	roleID
	roleResponse
)

// typesOf are the types that are of use, in the order in which they are written. All others fall away.
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

// correct takes the types out of gowsdl's code and makes them right for encoding/xml and for soap.NewTypes.
func correct(code []byte, s *source) ([]*goType, error) {
	declared, err := parseTypes(code)
	if err != nil {
		return nil, err
	}
	result := typesOf(s)
	for _, t := range result {
		if t.expr = declared[t.name]; t.expr == nil {
			return nil, fmt.Errorf("no type %s in it", t.name)
		}
		structure, ok := t.expr.(*ast.StructType)
		if ok == (t.role == roleID) {
			return nil, fmt.Errorf("type %s is not as expected", t.name)
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
			// The base by value: Id can be read of every record then.
			kept = append(kept, &ast.Field{Type: ast.NewIdent("SObject")})
			continue
		}
		if field.Names[0].Name == "XMLName" {
			// Right for the two elements. The other types are no elements: they come under several names.
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
	if want := len(s.Fields); r == roleRecord && len(kept) != want { // Id is in the base, which counts
		return fmt.Errorf("%d fields, not the %d of the WSDL", len(kept), want)
	}
	return nil
}

// wireTypes are ours for those of gowsdl's runtime.
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
		// An object called Date or Token is a type of the schema language to gowsdl.
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

// wireName is the element's name: that of gowsdl's tag, which for a record's field is the Go name that prepare gave it.
func wireName(r role, field *ast.Field, s *source) (string, error) {
	if r == roleRecord {
		f, ok := s.field(field.Names[0].Name)
		if !ok {
			return "", fmt.Errorf("field %s is none of the WSDL", field.Names[0].Name)
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
