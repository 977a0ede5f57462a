package sfdx_test

import (
	"strings"
	"testing"

	"ackbox/internal/sfdx"

	"github.com/google/go-cmp/cmp"
)

func TestThePermissionSetNamesOnlyPermissibleFields(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		object, fields, required string
		want, objects            []string
	}{
		"system and required fields": {
			object: "Lead", fields: "Id Name LastName Company Status OwnerId CreatedDate SystemModstamp " +
				"IsConverted Email",
			want: []string{"Lead.Email"}, objects: []string{"Lead"},
		},
		"address of a lead": {
			object: "Lead", fields: "Street City StateCode Country Latitude",
			want: []string{"Lead.Address"}, objects: []string{"Lead"},
		},
		"addresses of an account": {
			object: "Account", objects: []string{"Account"},
			fields: "BillingCity BillingStateCode ShippingCountryCode PersonMailingCity Rank__pc " +
				"ParentId Name",
			want: []string{"Account.BillingAddress", "Account.ParentId", "Account.ShippingAddress"},
		},
		"words that end like an address": {
			object: "Property", fields: "City RegistrationCountry", objects: []string{"Property"},
			want: []string{"Property.City", "Property.RegistrationCountry"},
		},
		"what belongs to an account": {
			object: "Opportunity", fields: "Amount StageName CloseDate IsWon",
			want: []string{"Opportunity.Amount"}, objects: []string{"Account", "Opportunity"},
		},
		"custom fields": {
			object: "acme__Sample__c", objects: []string{"acme__Sample__c"}, required: "acme__Parent__c",
			fields: "Name acme__B__c acme__A__c acme__Parent__c acme__At__Latitude__s acme__At__City__s",
			want: []string{"acme__Sample__c.acme__A__c", "acme__Sample__c.acme__At__c",
				"acme__Sample__c.acme__B__c"},
		},
		"an object without permissions": {object: "Task", fields: "Subject Status",
			want: []string{"Task.Subject"}},
		"no fields to name": {object: "Lead", fields: "Id LastName",
			objects: []string{"Lead"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			project := lead()
			project.Object, project.Fields, project.Required = c.object, strings.Fields(c.fields),
				strings.Fields(c.required)
			set := read(t, permissionSet(t, project))
			if diff := cmp.Diff(c.want, set.texts("fieldPermissions", "field")); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.objects, set.texts("objectPermissions", "object")); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
			for _, may := range [][]string{
				{"fieldPermissions", "editable"}, {"objectPermissions", "allowEdit"},
				{"objectPermissions", "viewAllRecords"},
			} {
				if got := set.texts(may...); strings.Contains(strings.Join(got, " "), "true") {
					t.Errorf("%v: got %v, want reading only", may, got)
				}
			}
		})
	}
}

func permissionSet(tb testing.TB, p sfdx.Project) []byte {
	tb.Helper()
	for path, data := range files(tb, p) {
		if strings.HasPrefix(path, "force-app/main/default/permissionsets/") {
			return data
		}
	}
	tb.Fatalf("no permission set among the files of %s", p.Object)
	return nil
}

func TestTheREADMENamesTheFieldsThatThePermissionSetDoesNot(t *testing.T) {
	t.Parallel()
	text := string(files(t, lead())["README.md"])
	want := "The permission\nset therefore omits CreatedDate, LastName, Status."
	if !strings.Contains(text, want) {
		t.Errorf("got no %q in:\n%s", want, text)
	}
	project := lead()
	project.Fields = []string{"Email"}
	text = string(files(t, project)["README.md"])
	if strings.Contains(text, "therefore omits") || strings.Contains(text, "\n\n\n") {
		t.Errorf("got a paragraph about no fields, or an empty one:\n%s", text)
	}
}
