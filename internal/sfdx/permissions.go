package sfdx

import (
	"encoding/xml"
	"slices"
	"strings"
)

type permissionSet struct {
	XMLName               xml.Name           `xml:"http://soap.sforce.com/2006/04/metadata PermissionSet"`
	Description           string             `xml:"description"`
	FieldPermissions      []fieldPermission  `xml:"fieldPermissions"`
	HasActivationRequired bool               `xml:"hasActivationRequired"`
	Label                 string             `xml:"label"`
	ObjectPermissions     []objectPermission `xml:"objectPermissions"`
}

type fieldPermission struct {
	Editable bool   `xml:"editable"`
	Field    string `xml:"field"`
	Readable bool   `xml:"readable"`
}

type objectPermission struct {
	AllowCreate      bool   `xml:"allowCreate"`
	AllowDelete      bool   `xml:"allowDelete"`
	AllowEdit        bool   `xml:"allowEdit"`
	AllowRead        bool   `xml:"allowRead"`
	ModifyAllRecords bool   `xml:"modifyAllRecords"`
	Object           string `xml:"object"`
	ViewAllRecords   bool   `xml:"viewAllRecords"`
}

// newPermissionSet lets its holder read the object and the fields, and nothing else.
func newPermissionSet(p Project) permissionSet {
	set := permissionSet{
		Description: "Read access for the user that " + p.Object + " records are sent to ackbox as.", Label: p.Name,
	}
	for _, field := range p.permitted() {
		set.FieldPermissions = append(set.FieldPermissions, fieldPermission{Field: p.Object + "." + field, Readable: true})
	}
	for _, object := range p.readable() {
		set.ObjectPermissions = append(set.ObjectPermissions, objectPermission{AllowRead: true, Object: object})
	}
	return set
}

// readable are the objects to read, sorted: a deployment refuses "Read Contracts" without "Read Accounts", and so for
// the others that belong to an account. The three that come after have no object permissions of their own.
func (p Project) readable() []string {
	switch p.Object {
	case "Contact", "Contract", "Opportunity", "Order":
		return []string{"Account", p.Object}
	case "Event", "Task", "User":
		return nil
	}
	return []string{p.Object}
}

// permitted are the names that the permission set gives, sorted, without the object.
func (p Project) permitted() []string {
	var names []string
	for _, field := range p.sent() {
		if name := p.permission(field); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// unpermitted are the chosen fields that the permission set does not give.
func (p Project) unpermitted() []string {
	return slices.DeleteFunc(p.sent(), func(field string) bool { return field == "Id" || p.permission(field) != "" })
}

// permission is the name under which a permission set gives a field: its own, or that of the compound field that it is
// a part of; "" for one that a permission set must not name. A deployment fails at a required field ("You cannot deploy
// to a required field"), a master-detail relationship among them, and at a system field: none has field-level security.
// We know of no published list of these standard fields. Ours is a careful guess from what the objects require and fill
// in by themselves, and from a profile retrieved from an org: of an account's standard fields it has BillingAddress and
// not BillingCity, it has ParentId, and neither Name, OwnerId nor any of the system's.
func (p Project) permission(field string) string {
	if slices.Contains(p.Required, field) || slices.Contains(systemFields, field) ||
		slices.Contains(requiredFields[p.Object], field) {
		return ""
	}
	base, suffix, _ := cutSuffix(field)
	switch suffix {
	case "s": // a part of a custom address or location: Place__Street__s of Place__c
		if compound, _, ok := cutSuffix(base); ok {
			return compound + "__c"
		}
		return ""
	case "pc": // a contact's field on a person account: given with the contact's
		return ""
	}
	return p.compound(field)
}

// systemFields are those of every object, and the parts of Name, which is required wherever it is.
var systemFields = []string{
	"Id", "IsDeleted", "CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate", "SystemModstamp",
	"LastActivityDate", "LastReferencedDate", "LastViewedDate", "OwnerId", "RecordTypeId", "CurrencyIsoCode",
	"MasterRecordId", "PhotoUrl", "Name", "FirstName", "LastName", "MiddleName", "Salutation", "Suffix",
}

// requiredFields are those that an object requires or fills in by itself.
var requiredFields = map[string][]string{
	"Case":     {"CaseNumber", "IsClosed", "IsEscalated", "Status"},
	"Contract": {"AccountId", "ContractNumber", "Status", "StatusCode"},
	"Event":    {"ActivityDate", "ActivityDateTime", "DurationInMinutes", "EndDateTime", "StartDateTime"},
	"Lead": {"Company", "ConvertedAccountId", "ConvertedContactId", "ConvertedDate", "ConvertedOpportunityId",
		"IsConverted", "IsUnreadByOwner", "Status"},
	"Opportunity": {"CloseDate", "Fiscal", "FiscalQuarter", "FiscalYear", "ForecastCategory", "ForecastCategoryName",
		"HasOpportunityLineItem", "IsClosed", "IsWon", "StageName"},
	"Order": {"AccountId", "EffectiveDate", "OrderNumber", "Status", "StatusCode"},
	"Task":  {"IsClosed", "IsHighPriority", "Priority", "Status"},
}

var (
	addresses    = []string{"Billing", "Shipping", "Mailing", "Other"}
	addressParts = []string{
		"Street", "City", "State", "StateCode", "PostalCode", "Country", "CountryCode", "Latitude", "Longitude",
		"GeocodeAccuracy",
	}
)

// compound is the address that a standard field is a part of, or the field itself. An outbound message has only the
// parts and a permission set only the whole: Account.BillingCity is given as Account.BillingAddress. A lead's address
// has no prefix. Those of a person account are the contact's.
func (p Project) compound(field string) string {
	for _, part := range addressParts {
		prefix, ok := strings.CutSuffix(field, part)
		switch {
		case !ok:
		case slices.Contains(addresses, prefix), prefix == "" && p.Object == "Lead":
			return prefix + "Address"
		case slices.Contains(addresses, strings.TrimPrefix(prefix, "Person")):
			return ""
		}
	}
	return field
}
