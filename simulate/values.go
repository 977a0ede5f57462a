package simulate

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"

	"ackbox/wsdl"
)

// rule describes how to generate the values of one field.
type rule struct {
	make func(g *Generator, s *savedRecord) string
	// null is the probability, 0 to 1, that the field is null.
	null float64
	// system marks a field that the platform writes at every save; fixed one that never changes.
	system, fixed bool
}

// nullShare is the probability that an optional field is null, typical of records that people
// maintain.
const nullShare = 0.33

// ruleFor returns the rule of a field, chosen by its name if that is known and by its type
// otherwise.
func ruleFor(object string, f wsdl.Field) rule {
	if r, ok := systemRules[f.Name]; ok && r.of == f.Type {
		return r.rule
	}
	switch f.Type {
	case "ID":
		return referenceRule(f.Name)
	case "boolean":
		return booleanRule(f.Name)
	case "int":
		return rule{null: nullShare, make: func(g *Generator, _ *savedRecord) string {
			return wholeNumber(g, f.Name)
		}}
	case "double":
		return doubleRule(f.Name)
	case "date", "dateTime", "time":
		return timeRule(f)
	case "base64Binary":
		return rule{make: randomBase64, null: nullShare}
	}
	return stringRule(object, f.Name)
}

// systemRules holds the rules of the fields that every record has. A rule applies only to a field
// of its type.
var systemRules = map[string]struct {
	of string
	rule
}{
	"CreatedDate": {"dateTime", rule{fixed: true, make: func(_ *Generator, s *savedRecord) string {
		return s.stamp // called at the creation only
	}}},
	"LastModifiedDate": {"dateTime", rule{system: true, make: modified}},
	"SystemModstamp":   {"dateTime", rule{system: true, make: modified}},
	"IsDeleted": {"boolean", rule{fixed: true, make: func(*Generator, *savedRecord) string {
		return "false"
	}}},
}

func modified(_ *Generator, s *savedRecord) string { return s.stamp }

// dateTime formats t in UTC with three decimals, as Salesforce formats all times.
func dateTime(t time.Time) string {
	const layout = "2006-01-02T15:04:05.000Z"
	return string(t.UTC().AppendFormat(make([]byte, 0, len(layout)), layout))
}

// referencePrefixes holds the id prefixes of the objects that the fields of standard objects refer
// to.
var referencePrefixes = []struct{ in, prefix string }{
	{"OwnerId", "005"}, {"ById", "005"}, {"AccountId", "001"}, {"ParentId", "001"},
	{"ContactId", "003"},
	{"ReportsToId", "003"}, {"MasterRecordId", "003"}, {"WhoId", "003"}, {"OpportunityId", "006"},
	{"CampaignId", "701"}, {"RecordTypeId", "012"}, {"Pricebook2Id", "01s"}, {"CaseId", "500"},
	{"LeadId", "00Q"},
}

func referenceRule(name string) rule {
	r := rule{null: nullShare}
	prefix := customPrefix
	for _, known := range referencePrefixes {
		if strings.HasSuffix(name, known.in) {
			prefix = known.prefix
			break
		}
	}
	if prefix == "005" || prefix == "012" {
		r.null = 0
	}
	if name == "MasterRecordId" || strings.HasPrefix(name, "Converted") {
		r.null = 0.95 // set by a merge and by a conversion
	}
	r.fixed = name == "CreatedById"
	r.make = func(g *Generator, _ *savedRecord) string { return g.reference(prefix) }
	return r
}

func booleanRule(name string) rule {
	share := 0.5
	if strings.HasPrefix(name, "Is") || strings.Contains(name, "OptedOut") {
		share = 0.1
	}
	return rule{make: func(g *Generator, _ *savedRecord) string {
		return strconv.FormatBool(g.chance(share))
	}}
}

func wholeNumber(g *Generator, name string) string {
	switch {
	case strings.Contains(name, "Year"):
		return strconv.Itoa(2020 + g.random.IntN(8))
	case strings.Contains(name, "Employees"):
		return strconv.Itoa((1 + g.random.IntN(500)) * pick(g.random, []int{1, 1, 10, 100}))
	}
	return strconv.Itoa(g.random.IntN(100))
}

// doubleRule returns the rule for a currency, a percentage (80.0 is 80 %), a coordinate or a
// number.
func doubleRule(name string) rule {
	scale, decimals, lowest := 1000.0, 0, 0.0
	switch {
	case strings.Contains(name, "Latitude"):
		scale, decimals, lowest = 180, 7, -90
	case strings.Contains(name, "Longitude"):
		scale, decimals, lowest = 360, 7, -180
	case strings.Contains(name, "Probability"), strings.Contains(name, "Percent"):
		scale = 101
	case strings.Contains(name, "Revenue"):
		scale = 5e7 // large enough for Java's exponent form
	case containsAny(name, "Amount", "Price", "Total", "Cost", "Budget"):
		scale, decimals = 250_000, 2
	case containsAny(name, "Score", "Rate", "Index", "Discount"):
		scale, decimals, lowest = 60, 3, -10
	}
	unit := math.Pow10(decimals)
	return rule{null: nullShare, make: func(g *Generator, _ *savedRecord) string {
		return double(math.Round((lowest+g.random.Float64()*scale)*unit) / unit)
	}}
}

// double formats a number as Java, and therefore Salesforce, does: with at least one decimal, and
// with an exponent from 1e7 on and below 1e-3.
func double(v float64) string {
	size := max(v, -v)
	if size != 0 && (size < 1e-3 || size >= 1e7) {
		text := strconv.FormatFloat(v, 'E', -1, 64)
		mantissa, exponent, _ := strings.Cut(text, "E")
		number, _ := strconv.Atoi(exponent)
		return withDecimal(mantissa) + "E" + strconv.Itoa(number)
	}
	return withDecimal(strconv.FormatFloat(v, 'f', -1, 64))
}

func withDecimal(number string) string {
	if strings.Contains(number, ".") {
		return number
	}
	return number + ".0"
}

// timeRule returns the rule for a date or time: around the record's creation, or decades before it
// for a birth date.
func timeRule(f wsdl.Field) rule {
	from, days := -30, 365
	switch {
	case strings.HasPrefix(f.Name, "Birth"):
		from, days = -80*365, 60*365
	case strings.HasPrefix(f.Name, "Last"), strings.HasPrefix(f.Name, "First"):
		from, days = -365, 365
	}
	null := nullShare
	if strings.HasPrefix(f.Name, "Converted") {
		null = 0.95
	}
	layout := map[string]string{"date": "2006-01-02", "dateTime": "", "time": "15:04:05.000Z"}[f.Type]
	return rule{null: null, make: func(g *Generator, s *savedRecord) string {
		offset := time.Duration(g.random.Int64N(int64(days) * int64(24*time.Hour)))
		at := s.created.AddDate(0, 0, from).Add(offset)
		if layout == "" {
			return dateTime(at.Truncate(time.Second))
		}
		return at.Format(layout)
	}}
}

func randomBase64(g *Generator, _ *savedRecord) string {
	var bytes []byte
	for range 4 + g.random.IntN(40) {
		bytes = binary.LittleEndian.AppendUint64(bytes, g.random.Uint64())
	}
	return base64.StdEncoding.EncodeToString(bytes[g.random.IntN(8):])
}

func containsAny(name string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
