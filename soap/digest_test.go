package soap_test

import (
	"encoding/hex"
	"strings"
	"testing"
)

func TestDigestDependsOnlyOnTheContent(t *testing.T) {
	t.Parallel()
	base := envelope(notification("04l1",
		"<sf:AnnualRevenue>5.0</sf:AnnualRevenue>", "<sf:Company>A</sf:Company>"))
	same := map[string]string{
		"another ActionId":     strings.Replace(base, "04k5g", "04kXX", 1),
		"another SessionId":    strings.Replace(base, `<SessionId xsi:nil="true"/>`, "<SessionId>x</SessionId>", 1),
		"another URL":          strings.ReplaceAll(base, "example.my", "other.my"),
		"another prefix":       strings.ReplaceAll(strings.ReplaceAll(base, "sf:", "q:"), "xmlns:sf", "xmlns:q"),
		"another layout":       strings.ReplaceAll(base, "\n     ", "\r\n\t"),
		"a comment":            strings.Replace(base, "<sf:Company>", "<!-- c --><sf:Company>", 1),
		"a reference":          strings.Replace(base, ">A<", ">&#65;<", 1),
		"another Notification": strings.Replace(base, "04l1", "04l2", 1),
	}
	other := map[string]string{
		"another text": strings.Replace(base, "5.0", "5.00", 1),
		"a space":      strings.Replace(base, ">A<", ">A <", 1),
		"another name": strings.ReplaceAll(base, "Company", "Email"),
		"another type": strings.Replace(base, "sf:Lead", "sf:Contact", 1),
		"no type":      strings.Replace(base, `xsi:type="sf:Lead"`, "", 1),
		"nil":          strings.Replace(base, "<sf:Company>A</sf:Company>", `<sf:Company xsi:nil="true"/>`, 1),
		"empty":        strings.Replace(base, ">A<", "><", 1),
		"absent":       strings.Replace(base, "<sf:Company>A</sf:Company>", "", 1),
		"twice":        strings.Replace(base, ">A<", ">A</sf:Company><sf:Company>A<", 1),
		"nested":       strings.Replace(base, ">A<", "><sf:A/><", 1),
		"another order": envelope(
			notification("04l1", "<sf:Company>A</sf:Company>", "<sf:AnnualRevenue>5.0</sf:AnnualRevenue>")),
		"no record":          envelope(bareNotification),
		"no fields":          envelope("<Notification><Id>1</Id><sObject/></Notification>"),
		"nil record":         envelope("<Notification><Id>1</Id><sObject xsi:nil='true'/></Notification>"),
		"the word null":      strings.Replace(base, ">A<", ">null<", 1),
		"type with a brace":  strings.Replace(base, `sf:Lead"`, `sf:Lead{"`, 1),
		"repeated elsewhere": strings.Replace(base, "<sf:AnnualRevenue>", "<sf:Company>A</sf:Company><sf:AnnualRevenue>", 1),
	}
	types := types(t)
	want := decodeOne(t, base, nil).Digest
	if got := decodeOne(t, base, types).Digest; got != want {
		t.Error("the digest depends on the types")
	}
	for name, body := range same {
		if got := decodeOne(t, body, types).Digest; got != want {
			t.Errorf("%s: the digest differs", name)
		}
	}
	seen := map[[16]byte]string{want: "the base"}
	for name, body := range other {
		digest := decodeOne(t, body, types).Digest
		if existing, ok := seen[digest]; ok {
			t.Errorf("%s: the digest is that of %s", name, existing)
		}
		seen[digest] = name
	}
}

// TestDigestIsStableAcrossReleases pins a value. A release that computed another one would store a
// redelivery of a notification that an older one stored as a new revision.
func TestDigestIsStableAcrossReleases(t *testing.T) {
	t.Parallel()
	body := envelope(notification("04l1",
		"<sf:Company>Ünï \"A\"</sf:Company>", "<sf:A><sf:B xsi:nil='1'/>x</sf:A>"))
	n := decodeOne(t, body, types(t))
	const want = "feaeea775aebc99d13dc7c1876b2dcc5"
	if got := hex.EncodeToString(n.Digest[:]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
