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

// newPermissionSet returns a permission set that allows reading the object and the fields, and
// nothing else.
func newPermissionSet(p Project) permissionSet {
	set := permissionSet{
		Description: "Read access for the user as whom " + p.Object + " records are sent to ackbox.",
		Label:       p.Name,
	}
	for _, field := range p.permitted() {
		set.FieldPermissions = append(set.FieldPermissions,
			fieldPermission{Field: p.Object + "." + field, Readable: true})
	}
	for _, object := range p.readable() {
		set.ObjectPermissions = append(set.ObjectPermissions,
			objectPermission{AllowRead: true, Object: object})
	}
	return set
}

// readable returns the objects that the permission set allows reading, sorted. A deployment rejects
// "Read Contracts" without "Read Accounts", as it does for the other objects that belong to an
// account. Event, Task and User have no object permissions.
func (p Project) readable() []string {
	switch p.Object {
	case "Contact", "Contract", "Opportunity", "Order":
		return []string{"Account", p.Object}
	case "Event", "Task", "User":
		return nil
	}
	return []string{p.Object}
}

// permitted returns the names of the fields in the permission set, sorted, without the object.
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

// unpermitted returns the chosen fields that are not in the permission set.
func (p Project) unpermitted() []string {
	return slices.DeleteFunc(p.sent(), func(field string) bool {
		return field == "Id" || p.permission(field) != ""
	})
}

// permission returns the name of a field in a permission set: its own, or that of the compound
// field that it is a part of; "" if a permission set must not name it. A deployment fails at a
// required field ("You cannot deploy to a required field"), including a master-detail relationship,
// and at a system field, because neither has field-level security. There is no published list of
// these standard fields that we know of. Ours is inferred from the fields that the objects require
// or set themselves, and from a profile that was retrieved from an org: of an account's standard
// fields, it has BillingAddress but not BillingCity, it has ParentId, and neither Name, OwnerId nor
// any system field.
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
	case "pc": // a contact's field on a person account: permitted with the contact's
		return ""
	}
	return p.compound(field)
}

// systemFields are the system fields of all objects, and Name and its parts, which are required in
// every object.
var systemFields = []string{
	"Id", "IsDeleted", "CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate",
	"SystemModstamp", "LastActivityDate", "LastReferencedDate", "LastViewedDate", "OwnerId",
	"RecordTypeId", "CurrencyIsoCode", "MasterRecordId", "PhotoUrl", "Name", "FirstName", "LastName",
	"MiddleName", "Salutation", "Suffix",
}

// requiredFields are the fields that each object requires or sets itself.
var requiredFields = map[string][]string{
	"Case":     {"CaseNumber", "IsClosed", "IsEscalated", "Status"},
	"Contract": {"AccountId", "ContractNumber", "Status", "StatusCode"},
	"Event": {
		"ActivityDate", "ActivityDateTime", "DurationInMinutes", "EndDateTime", "StartDateTime",
	},
	"Lead": {
		"Company", "ConvertedAccountId", "ConvertedContactId", "ConvertedDate",
		"ConvertedOpportunityId", "IsConverted", "IsUnreadByOwner", "Status",
	},
	"Opportunity": {
		"CloseDate", "Fiscal", "FiscalQuarter", "FiscalYear", "ForecastCategory",
		"ForecastCategoryName", "HasOpportunityLineItem", "IsClosed", "IsWon", "StageName",
	},
	"Order": {"AccountId", "EffectiveDate", "OrderNumber", "Status", "StatusCode"},
	"Task":  {"IsClosed", "IsHighPriority", "Priority", "Status"},
}

var (
	addresses    = []string{"Billing", "Shipping", "Mailing", "Other"}
	addressParts = []string{
		"Street", "City", "State", "StateCode", "PostalCode", "Country", "CountryCode", "Latitude",
		"Longitude", "GeocodeAccuracy",
	}
)

// compound returns the address field that a standard field is a part of, or the field itself. An
// outbound message has only the parts and a permission set only the compound field:
// Account.BillingAddress includes Account.BillingCity. A lead's address has no prefix. It returns
// "" for the addresses of a person account, which are the contact's.
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
