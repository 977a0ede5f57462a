package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"ackbox/ledger"
	"ackbox/store"
)

// csvColumn is a column of the export: one of the notification, or else a field of the record.
type csvColumn struct {
	name string
	// of returns the value of the notification; nil for a field.
	of func(n *store.Notification) string
	// seen is whether a record had the field.
	seen bool
}

// allColumns returns the columns of the export without --columns: those of a line of JSON.
func allColumns() []csvColumn {
	changedAt := func(n *store.Notification) string {
		if n.ChangedAt == nil {
			return ""
		}
		return ledger.FormatTime(*n.ChangedAt)
	}
	columns := []csvColumn{
		{name: "id", of: func(n *store.Notification) string { return strconv.FormatInt(n.ID, 10) }},
		{name: "source", of: func(n *store.Notification) string { return n.Source }},
		{name: "organization_id", of: func(n *store.Notification) string { return n.OrganizationID }},
		{name: "action_id", of: func(n *store.Notification) string { return n.ActionID }},
		{name: "notification_id", of: func(n *store.Notification) string { return n.NotificationID }},
		{name: "revision", of: func(n *store.Notification) string { return strconv.Itoa(n.Revision) }},
		{name: "object_type", of: func(n *store.Notification) string { return orEmpty(n.ObjectType) }},
		{name: "record_id", of: func(n *store.Notification) string { return orEmpty(n.RecordID) }},
		{name: "fields", of: func(n *store.Notification) string { return string(n.Fields) }},
		{name: "received_at", of: func(n *store.Notification) string { return ledger.FormatTime(n.ReceivedAt) }},
		{name: "intake", of: func(n *store.Notification) string { return n.Intake.String() }},
		{name: "operation", of: func(n *store.Notification) string { return orEmpty(n.Operation) }},
		{name: "changed_at", of: changedAt},
	}
	return columns
}

// columnsNamed returns the columns with these names. A name of allColumns is that column, any other
// is a field of the record.
func columnsNamed(names []string) []csvColumn {
	all := allColumns()
	if len(names) == 0 {
		return all
	}
	var columns []csvColumn
	for _, name := range names {
		name = strings.TrimSpace(name)
		i := slices.IndexFunc(all, func(c csvColumn) bool { return c.name == name })
		if i < 0 {
			columns = append(columns, csvColumn{name: name})
		} else {
			columns = append(columns, all[i])
		}
	}
	return columns
}

// csvExport writes notifications as CSV. Values that are null or absent in JSON are empty.
type csvExport struct {
	out     io.Writer
	csv     *csv.Writer // to out
	columns []csvColumn
}

// newCSVExport returns a csvExport that has written the names of the columns.
func newCSVExport(w io.Writer, names []string) (*csvExport, error) {
	e := &csvExport{w, csv.NewWriter(w), columnsNamed(names)}
	var header []string
	for _, c := range e.columns {
		header = append(header, cell(c.name))
	}
	return e, e.csv.Write(header)
}

// write writes a notification.
func (e *csvExport) write(n store.Notification) error {
	record, err := e.record(n)
	if err != nil {
		return fmt.Errorf("read the fields of notification %d: %w", n.ID, err)
	}
	if len(record) == 1 && record[0] == "" { // encoding/csv writes an empty line, which readers skip
		if err := e.flush(); err != nil {
			return err
		}
		_, err := io.WriteString(e.out, `""`+"\n")
		return err
	}
	return e.csv.Write(record)
}

// record returns the cells of a notification.
func (e *csvExport) record(n store.Notification) ([]string, error) {
	var fields map[string]json.RawMessage // nil without a record
	if n.Fields != nil && e.hasFields() {
		if err := json.Unmarshal(n.Fields, &fields); err != nil {
			return nil, err
		}
	}
	record := make([]string, len(e.columns))
	for i := range e.columns {
		c := &e.columns[i]
		if c.of != nil {
			record[i] = cell(c.of(&n))
			continue
		}
		value, found := field(fields, c.name)
		c.seen = c.seen || found
		var err error
		if record[i], err = fieldCell(value); err != nil {
			return nil, err
		}
	}
	return record, nil
}

// hasFields reports whether there is a column for a field.
func (e *csvExport) hasFields() bool {
	return slices.ContainsFunc(e.columns, func(c csvColumn) bool { return c.of == nil })
}

// flush writes what is buffered.
func (e *csvExport) flush() error {
	e.csv.Flush()
	return e.csv.Error()
}

// unseen returns the names of the fields that no record had.
func (e *csvExport) unseen() (names []string) {
	for _, c := range e.columns {
		if c.of == nil && !c.seen {
			names = append(names, c.name)
		}
	}
	return names
}

// field returns the value of a field. Salesforce ignores the case of its name.
func field(fields map[string]json.RawMessage, name string) (value json.RawMessage, found bool) {
	if value, found = fields[name]; found {
		return value, true
	}
	for other, value := range fields {
		if strings.EqualFold(other, name) {
			return value, true
		}
	}
	return nil, false
}

// fieldCell returns the cell for a value: the text of a string, nothing for null, the JSON of
// anything else. A number is no formula and stays as it is, negative or not.
func fieldCell(value json.RawMessage) (string, error) {
	switch {
	case len(value) == 0 || string(value) == "null":
		return "", nil
	case value[0] != '"':
		return string(value), nil
	}
	var text string
	err := json.Unmarshal(value, &text)
	return cell(text), err
}

// cell returns a text as it is written into a cell. One that a spreadsheet may take for a formula
// gets an apostrophe: anybody can put such a text into a record (owasp.org, CSV Injection).
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// orEmpty returns the text of a value, or "" for nil.
func orEmpty[T ~string](text *T) string {
	if text == nil {
		return ""
	}
	return string(*text)
}
