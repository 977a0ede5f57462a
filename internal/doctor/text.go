package doctor

import (
	"fmt"
	"slices"
	"strings"
)

const (
	textWidth   = 100
	textColumns = 6 + 13 // of status and name
)

// Text returns the check as text: lines that end with a line feed, the Delivery Failure Reason and
// what to do last.
func (c Check) Text() string {
	var b strings.Builder
	head := fmt.Sprintf("%-6s%-13s", c.Status, c.Name)
	for _, line := range wrap(c.Found) {
		b.WriteString(head + line + "\n")
		head = strings.Repeat(" ", textColumns)
	}
	for _, more := range []struct{ title, text string }{
		{"Salesforce: ", c.Salesforce}, {"to do: ", c.Todo},
	} {
		if more.text == "" {
			continue
		}
		for _, line := range wrap(more.title + more.text) {
			b.WriteString(strings.Repeat(" ", textColumns) + line + "\n")
		}
	}
	return b.String()
}

func wrap(text string) []string { return wrapTo(textWidth-textColumns, text) }

// wrapTo breaks a text into lines of at most width characters, unless a word is longer. There is at
// least one line.
func wrapTo(width int, text string) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len([]rune(*last))+1+len([]rune(word)) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// Summary returns the rest of the report as text: what was skipped and why, an empty line, and the
// verdict.
func (r Report) Summary() string {
	return r.skipped() + "\n" + strings.Join(wrapTo(textWidth, r.verdict()), "\n") + "\n"
}

// skipped returns the skipped checks, grouped by the reason.
func (r Report) skipped() string {
	var text strings.Builder
	for i, c := range r.Checks {
		isSame := func(other Check) bool { return other.Status == Skip && other.Found == c.Found }
		if c.Status != Skip || slices.ContainsFunc(r.Checks[:i], isSame) {
			continue
		}
		var names []string
		for _, other := range r.Checks[i:] {
			if isSame(other) {
				names = append(names, other.Name)
			}
		}
		found := strings.Join(names, ", ") + ": " + c.Found
		text.WriteString(Check{Status: Skip, Found: found}.Text())
	}
	return text.String()
}

func (r Report) verdict() string {
	failed, warned := r.named(Fail), r.named(Warn)
	text := "Nothing failed at " + r.URL
	switch {
	case len(failed) > 0:
		text = "Salesforce cannot deliver safely to " + r.URL + "; failed: " + strings.Join(failed, ", ")
	case len(warned) == 0 && r.acked():
		text = "Salesforce can deliver to " + r.URL
	}
	if len(warned) > 0 {
		text += "; warnings: " + strings.Join(warned, ", ")
	}
	if len(failed) == 0 && !r.acked() {
		text += "; not checked without --send: whether a message is acked"
	}
	if r.Listener != "" {
		text += "; the listener seems to be " + r.Listener
	}
	return text
}

// acked reports whether the test message was posted and acked.
func (r Report) acked() bool {
	return slices.ContainsFunc(r.Checks, func(c Check) bool {
		return c.Name == messageCheck && (c.Status == Pass || c.Status == Warn)
	})
}

func (r Report) named(status Status) (names []string) {
	for _, c := range r.Checks {
		if c.Status == status {
			names = append(names, c.Name)
		}
	}
	return names
}
