package relay

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"ackbox/store"
)

// Filter reports whether a destination wants a notification. An error means that the expression
// cannot be computed for it, as when text is compared with a number: it is then not wanted.
type Filter func(n *store.Notification) (wanted bool, err error)

// filtered is what an expression sees of a notification.
type filtered struct {
	Object       string         `expr:"object"`
	Source       string         `expr:"source"`
	Organization string         `expr:"organization"`
	Action       string         `expr:"action"`
	Intake       string         `expr:"intake"`
	Operation    string         `expr:"operation"`
	Revision     int            `expr:"revision"`
	Fields       map[string]any `expr:"fields"`
}

const (
	maxFilterText  = 10_000
	maxFilterNodes = 1000
)

// filterFunctions are those that an expression may use. All take a time that is proportional to what
// they are given; those with a predicate could be nested to take for ever.
var filterFunctions = []string{
	"abs", "ceil", "date", "duration", "float", "floor", "hasPrefix", "hasSuffix", "indexOf", "int",
	"lastIndexOf", "len", "lower", "now", "round", "string", "trim", "trimPrefix", "trimSuffix", "upper",
}

// CompileFilter returns the filter for what a destination wants. Its language is that of
// https://expr-lang.org with the names of docs/filters.md. An error shows the place.
func CompileFilter(f store.DestinationFilter) (Filter, error) {
	lists := func(n *store.Notification) bool {
		return inList(f.Sources, n.Source, func(a, b string) bool { return a == b }) &&
			inList(f.Objects, deref(n.ObjectType), strings.EqualFold)
	}
	if strings.TrimSpace(f.Expression) == "" {
		return func(n *store.Notification) (bool, error) { return lists(n), nil }, nil
	}
	program, usesFields, err := compile(f.Expression)
	if err != nil {
		return nil, err
	}
	return func(n *store.Notification) (bool, error) {
		if !lists(n) {
			return false, nil
		}
		return evaluate(program, n, usesFields)
	}, nil
}

// inList reports whether a value is in a list; an empty one has all.
func inList(list []string, value string, equal func(a, b string) bool) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(item string) bool { return equal(item, value) })
}

func deref[T ~string](text *T) string {
	if text == nil {
		return ""
	}
	return string(*text)
}

// names finds out which names an expression uses.
type names struct{ fields bool }

// Visit implements [ast.Visitor].
func (v *names) Visit(node *ast.Node) {
	if name, ok := (*node).(*ast.IdentifierNode); ok && name.Value == "fields" {
		v.fields = true
	}
}

func compile(text string) (program *vm.Program, usesFields bool, err error) {
	if len(text) > maxFilterText {
		return nil, false, fmt.Errorf("the filter is longer than %d bytes", maxFilterText)
	}
	var used names
	options := []expr.Option{
		expr.Env(filtered{}), expr.AsBool(), expr.MaxNodes(maxFilterNodes), expr.DisableAllBuiltins(),
		expr.Patch(&used),
	}
	for _, name := range filterFunctions {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err = expr.Compile(text, options...)
	if e, ok := errors.AsType[*file.Error](err); ok {
		return nil, false, fmt.Errorf("the filter is wrong at line %d, column %d: %s%s",
			e.Line, e.Column+1, e.Message, e.Snippet)
	}
	if err != nil {
		return nil, false, fmt.Errorf("the filter is wrong: %w", err)
	}
	return program, used.fields, nil
}

// errNotBoolean is the error of an expression whose value is neither true nor false.
var errNotBoolean = errors.New("the value is neither true nor false")

func evaluate(program *vm.Program, n *store.Notification, usesFields bool) (bool, error) {
	seen := filtered{
		Object: deref(n.ObjectType), Source: n.Source, Organization: n.OrganizationID, Action: n.ActionID,
		Intake: n.Intake.String(), Operation: deref(n.Operation), Revision: n.Revision,
	}
	if usesFields && len(n.Fields) > 0 {
		if err := json.Unmarshal(n.Fields, &seen.Fields); err != nil {
			return false, err
		}
	}
	value, err := vm.Run(program, seen)
	if err != nil {
		return false, err
	}
	wanted, ok := value.(bool)
	if !ok {
		return false, errNotBoolean
	}
	return wanted, nil
}

// item returns the item for a notification that is new to the destination.
func (f Filter) item(n *store.Notification) item {
	i := item{notification: n, attempt: 1}
	matches, err := f(n)
	if !matches {
		i.fate = ignored
	}
	i.unmatched = err != nil
	return i
}
