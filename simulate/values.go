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

// rule is how the values of one field are made.
type rule struct {
	make func(g *Generator, l *living) string
	// null is how often, between 0 and 1, there is no value.
	null float64
	// system is a field that the platform writes at every save; fixed is one that stays as it was at first.
	system, fixed bool
}

// often is how many of the fields that may be empty are: a third, as in records that people keep.
const often = 0.33

// ruleFor finds the rule of a field: by its name first, then by its type.
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
		return rule{make: func(g *Generator, _ *living) string { return wholeNumber(g, f.Name) }, null: often}
	case "double":
		return doubleRule(f.Name)
	case "date", "dateTime", "time":
		return timeRule(f)
	case "base64Binary":
		return rule{make: drawBase64, null: often}
	}
	return stringRule(object, f.Name)
}

// systemRules are the fields that every record has, with the types that they must have for it.
var systemRules = map[string]struct {
	of string
	rule
}{
	"CreatedDate": {"dateTime", rule{fixed: true, make: func(_ *Generator, l *living) string {
		return l.stamp // asked for at the creation only
	}}},
	"LastModifiedDate": {"dateTime", rule{system: true, make: modified}},
	"SystemModstamp":   {"dateTime", rule{system: true, make: modified}},
	"IsDeleted": {"boolean", rule{fixed: true, make: func(*Generator, *living) string {
		return "false"
	}}},
}

func modified(_ *Generator, l *living) string { return l.stamp }

// dateTime writes UTC with three decimals, which is how all of Salesforce's times look.
func dateTime(t time.Time) string {
	const layout = "2006-01-02T15:04:05.000Z"
	return string(t.UTC().AppendFormat(make([]byte, 0, len(layout)), layout))
}

// referencePrefixes are what the fields of standard objects point at.
var referencePrefixes = []struct{ in, prefix string }{
	{"OwnerId", "005"}, {"ById", "005"}, {"AccountId", "001"}, {"ParentId", "001"}, {"ContactId", "003"},
	{"ReportsToId", "003"}, {"MasterRecordId", "003"}, {"WhoId", "003"}, {"OpportunityId", "006"},
	{"CampaignId", "701"}, {"RecordTypeId", "012"}, {"Pricebook2Id", "01s"}, {"CaseId", "500"}, {"LeadId", "00Q"},
}

func referenceRule(name string) rule {
	r := rule{null: often}
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
	r.make = func(g *Generator, _ *living) string { return g.reference(prefix) }
	return r
}

func booleanRule(name string) rule {
	share := 0.5
	if strings.HasPrefix(name, "Is") || strings.Contains(name, "OptedOut") {
		share = 0.1
	}
	return rule{make: func(g *Generator, _ *living) string { return strconv.FormatBool(g.chance(share)) }}
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

// doubleRule makes currencies, percents (80.0 is 80 %), coordinates and numbers.
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
		scale = 5e7 // some in Java's exponent form
	case containsAny(name, "Amount", "Price", "Total", "Cost", "Budget"):
		scale, decimals = 250_000, 2
	case containsAny(name, "Score", "Rate", "Index", "Discount"):
		scale, decimals, lowest = 60, 3, -10
	}
	unit := math.Pow10(decimals)
	return rule{null: often, make: func(g *Generator, _ *living) string {
		return double(math.Round((lowest+g.random.Float64()*scale)*unit) / unit)
	}}
}

// double writes a number as Java does, from which Salesforce's come: at least one decimal, and an exponent from ten
// millions on and below a thousandth.
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

// timeRule makes dates around the record's creation, times of birth apart.
func timeRule(f wsdl.Field) rule {
	from, days := -30, 365
	switch {
	case strings.HasPrefix(f.Name, "Birth"):
		from, days = -80*365, 60*365
	case strings.HasPrefix(f.Name, "Last"), strings.HasPrefix(f.Name, "First"):
		from, days = -365, 365
	}
	null := often
	if strings.HasPrefix(f.Name, "Converted") {
		null = 0.95
	}
	layout := map[string]string{"date": "2006-01-02", "dateTime": "", "time": "15:04:05.000Z"}[f.Type]
	return rule{null: null, make: func(g *Generator, l *living) string {
		at := l.created.AddDate(0, 0, from).Add(time.Duration(g.random.Int64N(int64(days) * int64(24*time.Hour))))
		if layout == "" {
			return dateTime(at.Truncate(time.Second))
		}
		return at.Format(layout)
	}}
}

func drawBase64(g *Generator, _ *living) string {
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
