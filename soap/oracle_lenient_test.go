package soap_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Decode is lenient in the text of records. There the input of both oracles is rewritten, before
// encoding/xml reads it, by leniency: one row for each rule, none of which uses code of package
// soap.

// highSurrogate and lowSurrogate match the number in a character reference to one half of a pair:
// U+D800 to U+DBFF, and U+DC00 to U+DFFF.
const (
	highSurrogate = `(?:x0*[dD][89abAB][0-9a-fA-F]{2}|0*(?:5529[6-9]|55[3-9]\d\d|56[0-2]\d\d|563[01]\d))`
	lowSurrogate  = `(?:x0*[dD][c-fC-F][0-9a-fA-F]{2}|` +
		`0*(?:563[2-9]\d|56[4-9]\d\d|57[0-2]\d\d|573[0-3]\d|5734[0-3]))`
)

var leniency = []struct {
	name    string
	pattern *regexp.Regexp
	replace func(match string) string
	inCDATA bool
}{
	{"a pair of references to surrogates is the character that it means",
		regexp.MustCompile(`&#` + highSurrogate + `;&#` + lowSurrogate + `;`), pairOf, false},
	{"a reference to a lone surrogate keeps its text",
		regexp.MustCompile(`&#(?:` + highSurrogate + `|` + lowSurrogate + `);`), escaped, false},
	{"a reference to U+0000 keeps its text", regexp.MustCompile(`&#(?:x0+|0+);`), escaped, false},
	{"a reference to a forbidden character is kept as the character",
		regexp.MustCompile(`&#(?:x0*(?:[1-8bcefBCEF]|1[0-9a-fA-F]|[fF]{3}[eEfF])|` +
			`0*(?:[1-8]|1[124-9]|2\d|3[01]|6553[45]));`),
		func(match string) string { return string(placeholder(numberOf(match))) }, false},
	{"an entity that is not declared keeps its text", regexp.MustCompile(`&[^\s#&;<>][^\s&;<>]*;`),
		func(match string) string {
			name := match[1 : len(match)-1]
			declared := slices.Contains([]string{"lt", "gt", "amp", "quot", "apos"}, name)
			if declared || !isNCName(strings.ReplaceAll(name, ":", "_")) {
				return match
			}
			return escaped(match)
		}, false},
	{"a forbidden character is kept", regexp.MustCompile(`[\x01-\x08\x0b\x0c\x0e-\x1f\x{fffe}\x{ffff}]`),
		func(match string) string { return strings.Map(placeholder, match) }, true},
}

// pairOf returns the character of two references to the surrogates of a pair.
func pairOf(references string) string {
	first, second, _ := strings.Cut(references, ";")
	return string(utf16.DecodeRune(numberOf(first), numberOf(second)))
}

// numberOf returns the number in a character reference, with or without the semicolon.
func numberOf(reference string) rune {
	digits, base := strings.Trim(reference, "&#;"), 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	number, err := strconv.ParseInt(digits, base, 32)
	if err != nil {
		panic(err) // the patterns match valid numbers only
	}
	return rune(number)
}

func escaped(reference string) string { return "&amp;" + reference[1:] }

// placeholder returns the character for private use that stands in the rewritten input for one that
// XML forbids, and any other as it is.
func placeholder(r rune) rune {
	if r < ' ' && !strings.ContainsRune("\t\n\r", r) || r == 0xFFFE || r == 0xFFFF {
		return 0xF0000 + r
	}
	return r
}

// original returns the character that a placeholder stands for, and any other as it is.
func original(r rune) rune {
	if r >= 0xF0000 && placeholder(r-0xF0000) == r {
		return r - 0xF0000
	}
	return r
}

var markup = regexp.MustCompile(`(?s)<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<(?:"[^"]*"|'[^']*'|[^<>"'])*>`)

// rewrite applies the rules of leniency to a body. It returns how often it did.
func rewrite(body []byte) (rewritten []byte, oddities int) {
	var open []string // the local names of the open elements
	var b strings.Builder
	text := func(text string, inCDATA bool) {
		record := []string{"Envelope", "Body", "notifications", "Notification", "sObject"}
		if len(open) >= len(record) && slices.Equal(open[:len(record)], record) {
			var n int
			text, n = rewriteText(text, inCDATA)
			oddities += n
		}
		b.WriteString(text)
	}
	end := 0
	for _, at := range markup.FindAllIndex(body, -1) {
		text(string(body[end:at[0]]), false)
		end = at[1]
		switch m := string(body[at[0]:at[1]]); {
		case strings.HasPrefix(m, "<![CDATA["):
			text(m, true)
			continue
		case strings.HasPrefix(m, "<!"), strings.HasPrefix(m, "<?"), strings.HasSuffix(m, "/>"):
		case strings.HasPrefix(m, "</"):
			open = open[:max(0, len(open)-1)]
		default:
			name := m[1 : 1+strings.IndexAny(m[1:], " \t\r\n>")]
			open = append(open, name[strings.LastIndexByte(name, ':')+1:])
		}
		b.Write(body[at[0]:at[1]])
	}
	text(string(body[end:]), false)
	return []byte(b.String()), oddities
}

func rewriteText(text string, inCDATA bool) (rewritten string, oddities int) {
	for _, rule := range leniency {
		if inCDATA && !rule.inCDATA {
			continue
		}
		text = rule.pattern.ReplaceAllStringFunc(text, func(match string) string {
			replacement := rule.replace(match)
			if replacement != match {
				oddities++
			}
			return replacement
		})
	}
	return text, oddities
}
