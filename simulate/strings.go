package simulate

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// person is whom a record is about; its fields agree with each other.
type person struct {
	first, last, company, domain string
	place                        place
}

func drawPerson(random *rand.Rand) person {
	first, last, company := pick(random, firstNames), pick(random, lastNames), pick(random, companies)
	return person{first: first.text, last: last.text, company: company.text, domain: company.ascii + ".example",
		place: pick(random, places)}
}

// text makes a value of a text field.
type text func(g *Generator, l *living) string

// byName are the rules of text fields, tried in order: the first whose word the name has, upper and lower case alike.
// Those marked always have a value in every record, because Salesforce demands one.
var byName = []struct {
	word   string
	make   text
	always bool
}{
	{"firstname", func(_ *Generator, l *living) string { return l.person.first }, false},
	{"lastname", func(_ *Generator, l *living) string { return l.person.last }, true},
	{"middlename", oneOf(middleNames), false},
	{"email", email, false},
	{"photourl", func(_ *Generator, l *living) string { return photoURL(l) }, false},
	{"website", func(_ *Generator, l *living) string { return "https://www." + l.person.domain }, false},
	{"url", func(_ *Generator, l *living) string { return "https://" + l.person.domain + "/?a=1&b=2" }, false},
	{"phone", phone, false},
	{"fax", phone, false},
	{"street", street, false},
	{"city", func(_ *Generator, l *living) string { return l.person.place.city }, false},
	{"postalcode", func(_ *Generator, l *living) string { return l.person.place.postalCode }, false},
	{"zip", func(_ *Generator, l *living) string { return l.person.place.postalCode }, false},
	{"countrycode", func(_ *Generator, l *living) string { return l.person.place.countryCode }, false},
	{"country", func(_ *Generator, l *living) string { return l.person.place.country }, false},
	{"statecode", func(_ *Generator, l *living) string { return l.person.place.stateCode }, false},
	{"state", func(_ *Generator, l *living) string { return l.person.place.state }, false},
	{"company", func(_ *Generator, l *living) string { return l.person.company }, true},
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
	{"external", func(g *Generator, _ *living) string { return "X-" + strconv.Itoa(g.random.IntN(1_000_000)) }, false},
	{"type", oneOf([]string{"Prospect", "Customer - Direct", "Channel Partner / Reseller", "New Customer"}), false},
}

func stringRule(object, name string) rule {
	if name == "Name" {
		return rule{make: nameOf(object)}
	}
	lower := strings.ToLower(name)
	for _, known := range byName {
		if strings.Contains(lower, known.word) {
			r := rule{make: known.make, null: often}
			if known.always && !strings.HasSuffix(name, "__c") {
				r.null = 0
			}
			r.fixed = known.word == "number" && r.null == 0
			return r
		}
	}
	return rule{make: phrase, null: often}
}

// nameOf gives what an object calls its records by.
func nameOf(object string) text {
	switch object {
	case "Account":
		return func(_ *Generator, l *living) string { return l.person.company }
	case "Contact", "Lead", "User":
		return func(_ *Generator, l *living) string { return l.person.first + " " + l.person.last }
	case "Opportunity", "Quote", "Order", "Contract":
		return func(g *Generator, l *living) string { return l.person.company + " – " + pick(g.random, subjects) }
	}
	return func(g *Generator, _ *living) string { return pick(g.random, subjects) }
}

func oneOf(of []string) text {
	return func(g *Generator, _ *living) string { return pick(g.random, of) }
}

func email(g *Generator, l *living) string {
	local := pick(g.random, firstNames).ascii + "." + pick(g.random, lastNames).ascii
	return strings.ToLower(local) + strconv.Itoa(g.random.IntN(100)) + "@" + l.person.domain
}

func phone(g *Generator, l *living) string {
	area, number := 100+g.random.IntN(900), 100_000+g.random.IntN(900_000)
	return l.person.place.dial + " " + strconv.Itoa(area) + " " + strconv.Itoa(number)
}

func street(g *Generator, l *living) string {
	line := l.person.place.street + " " + strconv.Itoa(1+g.random.IntN(200))
	if g.chance(0.2) {
		return line + "\n" + "3rd floor, c/o " + l.person.last
	}
	return line
}

func photoURL(l *living) string {
	if l.now == nil {
		return ""
	}
	return "/services/images/photo/" + l.now.ID
}

// autoNumber is a text of digits that keeps its zeros.
func autoNumber(g *Generator, _ *living) string {
	digits := strconv.Itoa(g.random.IntN(100_000_000))
	return strings.Repeat("0", 8-len(digits)) + digits
}

func phrase(g *Generator, _ *living) string { return pick(g.random, phrases) }

// paragraph is a long text: several sentences, sometimes on several lines, now and then a very long one.
func paragraph(g *Generator, _ *living) string {
	sentences := 1 + g.random.IntN(4)
	if g.chance(0.01) {
		sentences = 100
	}
	var b strings.Builder
	for i := range sentences {
		if i > 0 {
			b.WriteString(pick(g.random, []string{" ", " ", "\n", "\r\n"}))
		}
		b.WriteString(pick(g.random, sentencesOf))
	}
	return b.String()
}
