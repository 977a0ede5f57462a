package simulate

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"ackbox/soap"
	"ackbox/wsdl"
)

// DefaultOrganizationID is the organization of all simulated messages, unless another is chosen, so that one entry in
// an allow-list is enough.
const DefaultOrganizationID = "00DS10000004acKMAQ"

// apiVersions are those that a definition may have been made with: it keeps the version it had, so all of them come.
var apiVersions = []string{"8.0", "18.0", "29.0", "41.0", "47.0", "52.0", "58.0", "61.0", "64.0", "65.0", "66.0"}

// GeneratorOptions say whose messages a [Generator] makes. The zero value is ready for use.
type GeneratorOptions struct {
	// Seed makes the same messages again, their times included; 0 makes others each time.
	Seed uint64
	// OrganizationID is 18 characters; [DefaultOrganizationID] when empty.
	OrganizationID string
	// ActionID is the definition's; when empty, one that depends on organization and object only.
	ActionID string
	// Host is the organization's; when empty, one that fits the API version.
	Host string
	// APIVersion is such as "65.0"; when empty, an old or a new one is drawn.
	APIVersion string
	// Session is what stands in SessionId.
	Session SessionForm
	// Records is how many records are alive, so that their changes can be sent: 200 when 0.
	Records int
	// Changes is how many notifications, between 0 and 1, are of a record that was sent before and has changed.
	Changes float64
	// Now is the time of creations and changes: by default the real one, or with a Seed one that depends on it only.
	Now func() time.Time
}

// Generator makes messages of one outbound message definition: records with plausible values, which change over time.
// It is not safe for use by several goroutines.
type Generator struct {
	options       GeneratorOptions
	object        string
	random        *rand.Rand
	plan          []fieldPlan
	notifications ids
	records       ids
	others        map[string]*ids // references, by prefix
	alive         []*living
}

// living is a record of the organization: what it is now.
type living struct {
	now      *Record
	person   person
	created  time.Time
	modified time.Time
	stamp    string // modified as text
}

// fieldPlan is how the values of a field are made.
type fieldPlan struct {
	name string
	rule rule
}

// NewGenerator makes a Generator for the object and the fields of a WSDL.
func NewGenerator(definition *wsdl.Definition, o GeneratorOptions) (*Generator, error) {
	if !wsdl.IsName(definition.Object) {
		return nil, fmt.Errorf("the object %q is no API name, name one such as Lead", definition.Object)
	}
	plan, err := planFields(definition)
	if err != nil {
		return nil, err
	}
	seeded := o.Seed != 0
	if !seeded {
		o.Seed = randomSeed()
	}
	g := &Generator{
		object: definition.Object,
		plan:   plan,
		// Another object has other ids by the same seed.
		random: newRandom(o.Seed, hashOf(definition.Object)),
		others: map[string]*ids{},
	}
	g.options = g.defaults(o, seeded)
	if len(g.options.OrganizationID) < 15 {
		return nil, errors.New("the organization id must have 18 characters, see Company Information in Setup")
	}
	instance := g.options.OrganizationID[3:5] + "0"
	g.notifications = newIDs(g.random, prefixNotification, instance)
	g.records = newIDs(g.random, recordPrefix(g.object), instance)
	return g, nil
}

// planFields gives the fields in the order in which Salesforce sends them: by code point, Id first, which is apart.
func planFields(definition *wsdl.Definition) ([]fieldPlan, error) {
	var plan []fieldPlan
	for _, f := range definition.Fields {
		if f.Name == "Id" {
			continue
		}
		if !wsdl.IsName(f.Name) {
			return nil, fmt.Errorf("the field %q of %s is no API name, check the WSDL", f.Name, definition.Object)
		}
		plan = append(plan, fieldPlan{name: f.Name, rule: ruleFor(definition.Object, f)})
	}
	slices.SortFunc(plan, func(a, b fieldPlan) int { return strings.Compare(a.name, b.name) })
	return plan, nil
}

func (g *Generator) defaults(o GeneratorOptions, seeded bool) GeneratorOptions {
	if o.OrganizationID == "" {
		o.OrganizationID = DefaultOrganizationID
	}
	if o.ActionID == "" && len(o.OrganizationID) >= 15 {
		o.ActionID = actionID(o.OrganizationID, g.object)
	}
	if o.APIVersion == "" {
		o.APIVersion = pick(g.random, apiVersions)
	}
	if o.Host == "" {
		o.Host = hostFor(o.APIVersion)
	}
	if o.Records <= 0 {
		o.Records = 200
	}
	switch {
	case o.Now != nil:
	case seeded:
		o.Now = steadyClock(time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC))
	default:
		o.Now = time.Now
	}
	return o
}

// steadyClock gives a time that goes on by 200 ms whenever somebody looks.
func steadyClock(now time.Time) func() time.Time {
	return func() time.Time {
		now = now.Add(200 * time.Millisecond)
		return now
	}
}

// actionID is the same for one object of one organization, as a definition keeps its id.
func actionID(organization, object string) string {
	serial := hashOf(first15(organization)+object) % (62 * 62 * 62 * 62)
	s := ids{prefix: prefixAction + organization[3:5] + "0", serial: serial}
	return s.next()
}

func hashOf(text string) uint64 {
	hash := fnv.New64a()
	hash.Write([]byte(text))
	return hash.Sum64()
}

// hostFor gives a host in the form of its time: instances at first, domains of one's own today.
func hostFor(version string) string {
	switch {
	case len(version) < len("18.0"):
		return "na1-api.salesforce.com"
	case version < "47.0":
		return "na14.salesforce.com"
	case version < "58.0":
		return "example--dev.cs21.my.salesforce.com"
	}
	return "example.my.salesforce.com"
}

// Definition gives what all messages of the generator share: a Message without notifications.
func (g *Generator) Definition() Message {
	o := &g.options
	return Message{
		OrganizationID: o.OrganizationID, ActionID: o.ActionID,
		Host: o.Host, APIVersion: o.APIVersion, Session: o.Session,
	}
}

// Message makes a message of so many notifications, at most [soap.MaxNotifications], with ids that no other has.
func (g *Generator) Message(notifications int) *Message {
	m := g.Definition()
	m.Notifications = make([]Notification, 0, notifications)
	for range min(max(notifications, 1), soap.MaxNotifications) {
		id, record := g.notification()
		m.Notifications = append(m.Notifications, Notification{ID: id, Record: record.now})
	}
	return &m
}

// notification makes the next notification: of a new record, or of one that changed.
func (g *Generator) notification() (id string, of *living) {
	id = g.notifications.next()
	if len(g.alive) > 0 && g.chance(g.options.Changes) {
		of = pick(g.random, g.alive)
		g.change(of)
		return id, of
	}
	of = g.create()
	if len(g.alive) < g.options.Records {
		g.alive = append(g.alive, of)
	} else {
		g.alive[g.random.IntN(len(g.alive))] = of
	}
	return id, of
}

func (g *Generator) chance(of float64) bool { return of > 0 && g.random.Float64() < of }

// create makes a record that is new.
func (g *Generator) create() *living {
	now := g.options.Now().UTC().Truncate(time.Second)
	l := &living{person: drawPerson(g.random), created: now, modified: now, stamp: dateTime(now)}
	l.now = &Record{Object: g.object, ID: g.records.next(), Fields: make([]Field, len(g.plan))}
	for i := range g.plan {
		l.now.Fields[i] = Field{Name: g.plan[i].name, Value: g.value(&g.plan[i].rule, l)}
	}
	return l
}

// value draws a value of a field; "" is null.
func (g *Generator) value(r *rule, l *living) string {
	if g.chance(r.null) {
		return ""
	}
	return r.make(g, l)
}

// Changed gives a newer state of a record: one to three fields changed, a later LastModifiedDate.
func (g *Generator) Changed(r *Record) *Record {
	l := &living{now: r, person: drawPerson(g.random)}
	l.modified, _ = time.Parse(time.RFC3339, r.field("LastModifiedDate"))
	var err error
	if l.created, err = time.Parse(time.RFC3339, r.field("CreatedDate")); err != nil {
		l.created = g.options.Now().UTC() // the WSDL does not have it
	}
	g.change(l)
	return l.now
}

// field gives a field's value, "" when it is null or not there.
func (r *Record) field(name string) string {
	for i := range r.Fields {
		if r.Fields[i].Name == name {
			return r.Fields[i].Value
		}
	}
	return ""
}

// change edits a record: somebody saved it a second later or more.
func (g *Generator) change(l *living) {
	now := g.options.Now().UTC().Truncate(time.Second)
	if !now.After(l.modified) {
		now = l.modified.Add(time.Second)
	}
	l.modified, l.stamp = now, dateTime(now)
	next := *l.now
	next.Fields = slices.Clone(next.Fields)
	g.editSome(&next, l)
	for i := range g.plan {
		if g.plan[i].rule.system {
			next.Fields[i].Value = g.value(&g.plan[i].rule, l)
		}
	}
	l.now = &next
}

// editSome gives one to three fields of a record another value, where there are fields that users edit.
func (g *Generator) editSome(r *Record, l *living) {
	const tries = 50 // many fields may be of the system, or draw what they have
	for left, try := 1+g.random.IntN(3), 0; left > 0 && try < tries && len(g.plan) > 0; try++ {
		i := g.random.IntN(len(g.plan))
		if g.plan[i].rule.system || g.plan[i].rule.fixed {
			continue
		}
		if value := g.value(&g.plan[i].rule, l); value != l.now.Fields[i].Value {
			r.Fields[i].Value = value
			left--
		}
	}
}

// reference gives the id of some other record.
func (g *Generator) reference(prefix string) string {
	s := g.others[prefix]
	if s == nil {
		made := newIDs(g.random, prefix, g.options.OrganizationID[3:5]+"0")
		s = &made
		g.others[prefix] = s
	}
	return s.next()
}
