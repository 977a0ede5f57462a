package soap_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ackbox/soap"
)

const declaration = `<?xml version="1.0" encoding="UTF-8"?>`

func TestDecodeReadsEveryProlog(t *testing.T) {
	t.Parallel()
	plain := envelope(notification("04l1", "<sf:Company>Acme</sf:Company>"))
	want, err := soap.Decode([]byte(plain), nil)
	if err != nil {
		t.Fatal(err)
	}
	prologs := map[string]string{
		"nothing":                "",
		"no encoding":            `<?xml version="1.0"?>`,
		"encoding in lower case": `<?xml version="1.0" encoding="utf-8"?>`,
		"standalone":             `<?xml version="1.0" standalone="no"?>`,
		"apostrophes":            `<?xml version='1.0' encoding='UTF-8' standalone='yes'?>`,
		"spaces":                 "<?xml\tversion = \"1.0\"\r\nencoding\n=\n\"UTF-8\" ?>",
		"byte order mark":        "\ufeff" + declaration,
		"white space before":     "\r\n" + declaration,
		"comments":               declaration + "<!-- a - b --><!---->",
	}
	for name, prolog := range prologs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := []byte(strings.Replace(plain, declaration, prolog, 1))
			compare(t, body)
			got, err := soap.Decode(body, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// syntaxErrors maps names to bodies that violate XML 1.0, "Namespaces in XML 1.0" or the limits of
// an element. In line 14, attributes and the text of a field begin at column 12.
func syntaxErrors() map[string]rejection {
	plain := envelope(notification("04l1", "<sf:Company>Acme</sf:Company>"))
	replace := func(old, replacement string) string { return strings.Replace(plain, old, replacement, 1) }
	field := func(xml string) string { return replace("<sf:Company>Acme</sf:Company>", xml) }
	attributes := func(text string) string { return field("<sf:A " + text + "/>") }
	text := func(text string) string { return field("<sf:A>" + text + "</sf:A>") }
	malformed := func(body string, line, column int) rejection {
		return rejection{body, soap.CauseMalformed, line, column}
	}
	return map[string]rejection{
		"declaration: version 1.1":            malformed(replace(`"1.0"`, `"1.1"`), 1, 1),
		"declaration: version twice":          malformed(replace("encoding", "version"), 1, 21),
		"declaration: version, no value":      malformed(replace(`version="1.0"`, "version"), 1, 15),
		"declaration: form feed":              malformed(replace(" encoding", "\fencoding"), 1, 20),
		"declaration: encoding unquoted":      malformed(replace(`"UTF-8"`, "UTF-8"), 1, 30),
		"declaration: standalone unquoted":    malformed(replace("?>", " standalone=yes?>"), 1, 49),
		"declaration: standalone is a number": malformed(replace("?>", " standalone='1'?>"), 1, 1),

		"markup declaration":               malformed("<!ELEMENT a ANY>", 1, 1),
		"comment before the envelope: --":  malformed("<!-- -- -->"+plain, 1, 6),
		"comment between elements: --":     malformed(replace("<ActionId>", "<!-- -- --><ActionId>"), 6, 9),
		"comment after the envelope: --":   malformed(plain+"<!-- -- -->", 19, 25),
		"comment that does not end":        malformed(plain+"<!-- c", 19, 26),
		"comment with a control character": malformed(text("<!-- \x01 -->"), 14, 17),
		"CDATA that does not end":          malformed(text("<![CDATA[x"), 19, 20),
		"CDATA in lower case":              malformed(text("<![cdata[x]]>"), 14, 12),
		"CDATA with a NUL":                 malformed(text("<![CDATA[\x00]]>"), 14, 21),
		"CDATA with a control character":   malformed(replace("00D5g", "<![CDATA[\x01]]>"), 5, 29),

		"text: control character in an id": malformed(replace("00D5g", "\x01"), 5, 20),
		"text: control character, skipped": malformed(replace("<SessionId ", "<a>\x01</a><SessionId "), 7, 7),
		"text: NUL":                        malformed(text("a\x00"), 14, 13),
		"text: NUL, skipped":               malformed(replace("<SessionId ", "<a>\x00</a><SessionId "), 7, 7),
		"text: & alone":                    malformed(text("a & b"), 14, 14),
		"text: & alone, a semicolon later": malformed(text("a & b;"), 14, 14),
		"text: ]]>":                        malformed(text("a]]>"), 14, 13),
		"reference without a semicolon":    malformed(text("&#65 "), 14, 12),
		"reference without digits":         malformed(text("&#;"), 14, 12),
		"reference with a digit beyond f":  malformed(text("&#x4g;"), 14, 12),
		"reference to a control character": malformed(replace("00D5g", "&#x1;"), 5, 20),
		"reference to a surrogate":         malformed(replace("00D5g", "&#xD800;"), 5, 20),
		"reference to a pair":              malformed(replace("00D5g", "&#xD83D;&#xDE00;"), 5, 20),
		"reference to U+0000":              malformed(replace("00D5g", "&#0;"), 5, 20),
		"reference beyond Unicode":         malformed(text("&#x110000;"), 14, 12),
		"reference with a number as name":  malformed(text("&1;"), 14, 12),
		"reference with × in its name":     malformed(text("&a×;"), 14, 12),
		"reference to nothing":             malformed(text("&;"), 14, 12),

		"name: none between elements":    malformed(replace("<ActionId>", "< ActionId>"), 6, 4),
		"name: none after the prefix":    malformed(field("<sf:/>"), 14, 10),
		"name: a digit after the prefix": malformed(field("<sf:1/>"), 14, 10),
		"name: × is not a letter":        malformed(field("<sf:a×b/>"), 14, 10),
		"name: the body ends":            malformed(`<ü`, 1, 3),
		"end tag without a name":         malformed(field("<sf:A></>"), 14, 14),
		"end tag with an attribute":      malformed(field("<sf:A></sf:A a='1'>"), 14, 19),

		"attribute without a value":            malformed(attributes("a"), 14, 13),
		"attribute unquoted":                   malformed(attributes("a=1"), 14, 14),
		"attribute that does not end":          malformed(`<a b="c`, 1, 8),
		"attribute without white space before": malformed(attributes("a='1'b='2'"), 14, 17),
		"attribute with <":                     malformed(attributes("a='<'"), 14, 15),
		"attribute with a control character":   malformed(attributes("a='\x01'"), 14, 15),
		"attribute with an unknown entity":     {attributes("a='&xxe;'"), soap.CauseForbidden, 14, 15},
		"attribute with an unbound prefix":     malformed(attributes("no:a='1'"), 14, 12),
		"attribute twice by its namespace":     malformed(attributes("xmlns:a='x' xmlns:b='x' a:c='' b:c=''"), 14, 43),
		"prefix bound to nothing":              malformed(attributes("xmlns:a=''"), 14, 12),
		"prefix xml bound elsewhere":           malformed(attributes("xmlns:xml='urn:x'"), 14, 12),
		"prefix xmlns bound":                   malformed(attributes("xmlns:xmlns='urn:x'"), 14, 12),
		"65 attributes": {attributes(distinct("a%d='' ", 65)),
			soap.CauseLimit, 14, 12 + 10*len("a0='' ") + 54*len("a10='' ")},
		"65 prefixes": {attributes(distinct("xmlns:p%d='urn:x' ", 60)), // 5 are bound already
			soap.CauseLimit, 14, 12 + 10*len("xmlns:p0='urn:x' ") + 49*len("xmlns:p10='urn:x' ")},
	}
}

func TestDecodeRejectsSyntaxErrors(t *testing.T) {
	t.Parallel()
	for name, c := range syntaxErrors() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}
