package simulate

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// person is the subject of a record. Its fields are consistent with each other.
type person struct {
	first, last, company, domain string
	place                        place
}

func randomPerson(random *rand.Rand) person {
	first, last, company := pick(random, firstNames), pick(random, lastNames), pick(random, companies)
	return person{
		first: first.text, last: last.text, company: company.text, domain: company.ascii + ".example",
		place: pick(random, places),
	}
}

// textRule returns a value for a text field.
type textRule func(g *Generator, s *savedRecord) string

// byName holds the rules of text fields. The first whose word is in the field's name, regardless of
// case, applies. always marks the fields that are never null, because Salesforce requires a value.
var byName = []struct {
	word   string
	make   textRule
	always bool
}{
	{"firstname", func(_ *Generator, s *savedRecord) string { return s.person.first }, false},
	{"lastname", func(_ *Generator, s *savedRecord) string { return s.person.last }, true},
	{"middlename", oneOf(middleNames), false},
	{"email", email, false},
	{"photourl", func(_ *Generator, s *savedRecord) string { return photoURL(s) }, false},
	{"website", func(_ *Generator, s *savedRecord) string { return "https://www." + s.person.domain }, false},
	{"url", func(_ *Generator, s *savedRecord) string { return "https://" + s.person.domain + "/?a=1&b=2" }, false},
	{"phone", phone, false},
	{"fax", phone, false},
	{"street", street, false},
	{"city", func(_ *Generator, s *savedRecord) string { return s.person.place.city }, false},
	{"postalcode", func(_ *Generator, s *savedRecord) string { return s.person.place.postalCode }, false},
	{"zip", func(_ *Generator, s *savedRecord) string { return s.person.place.postalCode }, false},
	{"countrycode", func(_ *Generator, s *savedRecord) string { return s.person.place.countryCode }, false},
	{"country", func(_ *Generator, s *savedRecord) string { return s.person.place.country }, false},
	{"statecode", func(_ *Generator, s *savedRecord) string { return s.person.place.stateCode }, false},
	{"state", func(_ *Generator, s *savedRecord) string { return s.person.place.state }, false},
	{"company", func(_ *Generator, s *savedRecord) string { return s.person.company }, true},
	{"salutation", oneOf([]string{"Mr.", "Ms.", "Mrs.", "Dr.", "Prof.", "Mx."}), false},
	{"title", oneOf(titles), false},
	{"department", oneOf(departments), false},
	{"industry", oneOf(industries), false},
	{"leadsource", oneOf([]string{"Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"}), false},
	{"stagename", oneOf([]string{"Prospecting", "Negotiation/Review", "Closed Won", "Closed Lost"}), true},
	{"status", oneOf([]string{"Open - Not Contacted", "Working", "New", "Escalated", "Closed"}), true},
	{"rating", oneOf([]string{"Hot", "Warm", "Cold"}), false},
	{"priority", oneOf([]string{"High", "Medium", "Low"}), false},
	{"origin", oneOf([]string{"Phone", "Email", "Web"}), false},
	{"currencyisocode", oneOf([]string{"EUR", "USD", "GBP", "CHF", "JPY"}), true},
	{"language", oneOf([]string{"English;German", "Français", "日本語;English", "Deutsch"}), false},
	{"skills", oneOf([]string{"Marketing;Computers", "Fundraising", "Event Planning;Marketing;Other"}), false},
	{"subject", oneOf(subjects), false},
	{"description", paragraph, false},
	{"comment", paragraph, false},
	{"notes", paragraph, false},
	{"number", autoNumber, true},
	{"external", externalID, false},
	{"type", oneOf([]string{"Prospect", "Customer - Direct", "Channel Partner / Reseller", "New Customer"}), false},
}

func stringRule(object, name string) rule {
	if name == "Name" {
		return rule{make: nameOf(object)}
	}
	lower := strings.ToLower(name)
	for _, known := range byName {
		if strings.Contains(lower, known.word) {
			r := rule{make: known.make, null: nullShare}
			if known.always && !strings.HasSuffix(name, "__c") {
				r.null = 0
			}
			r.fixed = known.word == "number" && r.null == 0
			return r
		}
	}
	return rule{make: phrase, null: nullShare}
}

// nameOf returns the rule for the field Name of an object.
func nameOf(object string) textRule {
	switch object {
	case "Account":
		return func(_ *Generator, s *savedRecord) string { return s.person.company }
	case "Contact", "Lead", "User":
		return func(_ *Generator, s *savedRecord) string { return s.person.first + " " + s.person.last }
	case "Opportunity", "Quote", "Order", "Contract":
		return func(g *Generator, s *savedRecord) string {
			return s.person.company + " – " + pick(g.random, subjects)
		}
	}
	return func(g *Generator, _ *savedRecord) string { return pick(g.random, subjects) }
}

func oneOf(of []string) textRule {
	return func(g *Generator, _ *savedRecord) string { return pick(g.random, of) }
}

func email(g *Generator, s *savedRecord) string {
	local := pick(g.random, firstNames).ascii + "." + pick(g.random, lastNames).ascii
	return strings.ToLower(local) + strconv.Itoa(g.random.IntN(100)) + "@" + s.person.domain
}

func phone(g *Generator, s *savedRecord) string {
	area, number := 100+g.random.IntN(900), 100_000+g.random.IntN(900_000)
	return s.person.place.dial + " " + strconv.Itoa(area) + " " + strconv.Itoa(number)
}

func street(g *Generator, s *savedRecord) string {
	line := s.person.place.street + " " + strconv.Itoa(1+g.random.IntN(200))
	if g.chance(0.2) {
		return line + "\n" + "3rd floor, c/o " + s.person.last
	}
	return line
}

func photoURL(s *savedRecord) string {
	if s.latest == nil {
		return ""
	}
	return "/services/images/photo/" + s.latest.ID
}

func externalID(g *Generator, _ *savedRecord) string {
	return "X-" + strconv.Itoa(g.random.IntN(1_000_000))
}

// autoNumber returns eight digits, leading zeros included.
func autoNumber(g *Generator, _ *savedRecord) string {
	digits := strconv.Itoa(g.random.IntN(100_000_000))
	return strings.Repeat("0", 8-len(digits)) + digits
}

func phrase(g *Generator, _ *savedRecord) string { return pick(g.random, phrases) }

// paragraph returns several sentences, sometimes on several lines, and one time in a hundred a very
// long text.
func paragraph(g *Generator, _ *savedRecord) string {
	count := 1 + g.random.IntN(4)
	if g.chance(0.01) {
		count = 100
	}
	var b strings.Builder
	for i := range count {
		if i > 0 {
			b.WriteString(pick(g.random, []string{" ", " ", "\n", "\r\n"}))
		}
		b.WriteString(pick(g.random, sentences))
	}
	return b.String()
}
