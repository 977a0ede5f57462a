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

// DefaultOrganizationID is the organization of all simulated messages unless another is chosen, so
// that one entry in an allow-list is enough.
const DefaultOrganizationID = "00DS10000004acKMAQ"

// apiVersions are API versions of outbound message definitions. A definition keeps the version it
// was created with, so old ones are in use too.
var apiVersions = []string{
	"8.0", "18.0", "29.0", "41.0", "47.0", "52.0", "58.0", "61.0", "64.0", "65.0", "66.0",
}

// GeneratorOptions holds the options of a [Generator]. The zero value is ready for use.
type GeneratorOptions struct {
	// Seed makes messages reproducible, their times included; with 0 they differ each time.
	Seed uint64
	// OrganizationID has 18 characters; [DefaultOrganizationID] when empty.
	OrganizationID string
	// ActionID is the id of the definition; when empty, one derived from organization and object.
	ActionID string
	// Host is the organization's host; when empty, one that was usual at the time of the API
	// version.
	Host string
	// APIVersion is a version such as "65.0"; when empty, an old or new one at random.
	APIVersion string
	// Session is the form of SessionId.
	Session SessionForm
	// Records is the number of existing records, whose changes can be sent; 200 when 0.
	Records int
	// Changes is the probability, 0 to 1, that a notification is of a record that was sent before
	// and has changed.
	Changes float64
	// Pool is a number of records that exist when the first message is made. When it is not 0, each
	// notification is about a change of one of them, whatever Records and Changes are.
	Pool int
	// Now returns the time of creations and changes; when nil, the current time, or with a Seed a
	// fixed time that advances with each call.
	Now func() time.Time
}

// Generator generates messages of one outbound message definition, with records of plausible values
// that change over time. It is not safe for concurrent use.
type Generator struct {
	options       GeneratorOptions
	object        string
	random        *rand.Rand
	plan          []fieldPlan
	notifications ids
	records       ids
	others        map[string]*ids // of referenced records, by prefix
	existing      []*savedRecord
	pool          *pool // nil without one
}

// savedRecord is an existing record of the organization.
type savedRecord struct {
	latest   *Record
	person   person
	created  time.Time
	modified time.Time
	stamp    string // modified as text
}

// fieldPlan is a field with the rule for its values.
type fieldPlan struct {
	name string
	rule rule
}

// NewGenerator returns a Generator for the object and the fields of a WSDL.
func NewGenerator(definition *wsdl.Definition, o GeneratorOptions) (*Generator, error) {
	if !wsdl.IsName(definition.Object) {
		return nil, fmt.Errorf("the object %q is not an API name; give one such as Lead",
			definition.Object)
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
		// With the same seed, another object has other ids.
		random: newRandom(o.Seed, hashOf(definition.Object)),
		others: map[string]*ids{},
	}
	g.options = g.defaults(o, seeded)
	if len(g.options.OrganizationID) < 15 {
		return nil, errors.New("the organization id must have 18 characters; " +
			"see Company Information in Setup")
	}
	instance := g.options.OrganizationID[3:5] + "0"
	g.notifications = newIDs(g.random, prefixNotification, instance)
	g.records = newIDs(g.random, recordPrefix(g.object), instance)
	if o.Pool > 0 {
		g.pool = newPool(g.random, g.records, o.Pool, g.options.Now())
	}
	return g, nil
}

// planFields returns the fields except Id in the order in which Salesforce sends them: by code
// point.
func planFields(definition *wsdl.Definition) ([]fieldPlan, error) {
	var plan []fieldPlan
	for _, f := range definition.Fields {
		if f.Name == "Id" {
			continue
		}
		if !wsdl.IsName(f.Name) {
			return nil, fmt.Errorf("the field %q of %s is not an API name; check the WSDL", f.Name,
				definition.Object)
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
		o.Now = stepClock(time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC))
	default:
		o.Now = time.Now
	}
	return o
}

// stepClock returns a clock that advances by 200 ms with each call.
func stepClock(now time.Time) func() time.Time {
	return func() time.Time {
		now = now.Add(200 * time.Millisecond)
		return now
	}
}

// actionID returns the same id for the same organization and object, as a definition keeps its id.
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

// hostFor returns a host of the form that was usual at the time of an API version: an instance at
// first, My Domain today.
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

// Definition returns what all messages of the generator share, as a Message without notifications.
func (g *Generator) Definition() Message {
	o := &g.options
	return Message{
		OrganizationID: o.OrganizationID, ActionID: o.ActionID,
		Host: o.Host, APIVersion: o.APIVersion, Session: o.Session,
	}
}

// Message returns a new message of that many notifications, 1 to [soap.MaxNotifications], each with
// a new id.
func (g *Generator) Message(notifications int) *Message {
	m := g.Definition()
	m.Notifications = make([]Notification, 0, notifications)
	for range min(max(notifications, 1), soap.MaxNotifications) {
		id, record := g.notification()
		m.Notifications = append(m.Notifications, Notification{ID: id, Record: record.latest})
	}
	return &m
}

// notification returns the next notification: of a new record, or of an existing one that has
// changed.
func (g *Generator) notification() (id string, of *savedRecord) {
	id = g.notifications.next()
	if g.pool != nil {
		return id, g.changeOne(g.pool)
	}
	if len(g.existing) > 0 && g.chance(g.options.Changes) {
		of = pick(g.random, g.existing)
		g.change(of)
		return id, of
	}
	of = g.create()
	if len(g.existing) < g.options.Records {
		g.existing = append(g.existing, of)
	} else {
		g.existing[g.random.IntN(len(g.existing))] = of
	}
	return id, of
}

func (g *Generator) chance(of float64) bool { return of > 0 && g.random.Float64() < of }

// create returns a new record.
func (g *Generator) create() *savedRecord {
	return g.createAt(g.records.next(), g.options.Now())
}

func (g *Generator) createAt(id string, now time.Time) *savedRecord {
	now = now.UTC().Truncate(time.Second)
	s := &savedRecord{
		person: randomPerson(g.random), created: now, modified: now, stamp: dateTime(now),
	}
	s.latest = &Record{Object: g.object, ID: id, Fields: make([]Field, len(g.plan))}
	for i := range g.plan {
		s.latest.Fields[i] = Field{Name: g.plan[i].name, Value: g.value(&g.plan[i].rule, s)}
	}
	return s
}

// value returns a random value of a field; "" is null.
func (g *Generator) value(r *rule, s *savedRecord) string {
	if g.chance(r.null) {
		return ""
	}
	return r.make(g, s)
}

// Changed returns a newer state of a record, with one to three fields changed and a later
// LastModifiedDate.
func (g *Generator) Changed(r *Record) *Record {
	s := &savedRecord{latest: r, person: randomPerson(g.random)}
	s.modified, _ = time.Parse(time.RFC3339, r.field("LastModifiedDate"))
	var err error
	if s.created, err = time.Parse(time.RFC3339, r.field("CreatedDate")); err != nil {
		s.created = g.options.Now().UTC() // the WSDL does not have it
	}
	g.change(s)
	return s.latest
}

// field returns a field's value, or "" if it is null or missing.
func (r *Record) field(name string) string {
	for i := range r.Fields {
		if r.Fields[i].Name == name {
			return r.Fields[i].Value
		}
	}
	return ""
}

// change changes a record as a save at least one second later would.
func (g *Generator) change(s *savedRecord) {
	now := g.options.Now().UTC().Truncate(time.Second)
	if !now.After(s.modified) {
		now = s.modified.Add(time.Second)
	}
	s.modified, s.stamp = now, dateTime(now)
	next := *s.latest
	next.Fields = slices.Clone(next.Fields)
	g.editSome(&next, s)
	for i := range g.plan {
		if g.plan[i].rule.system {
			next.Fields[i].Value = g.value(&g.plan[i].rule, s)
		}
	}
	s.latest = &next
}

// editSome changes the values of one to three of the fields that users edit.
func (g *Generator) editSome(r *Record, s *savedRecord) {
	const tries = 50 // many fields may be system fields, or get the value that they have
	for left, try := 1+g.random.IntN(3), 0; left > 0 && try < tries && len(g.plan) > 0; try++ {
		i := g.random.IntN(len(g.plan))
		if g.plan[i].rule.system || g.plan[i].rule.fixed {
			continue
		}
		if value := g.value(&g.plan[i].rule, s); value != s.latest.Fields[i].Value {
			r.Fields[i].Value = value
			left--
		}
	}
}

// reference returns the id of another record.
func (g *Generator) reference(prefix string) string {
	s := g.others[prefix]
	if s == nil {
		made := newIDs(g.random, prefix, g.options.OrganizationID[3:5]+"0")
		s = &made
		g.others[prefix] = s
	}
	return s.next()
}
