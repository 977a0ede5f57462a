package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"ackbox/soap"
)

// ofOrganization returns a message with an element, in XML, in place of its OrganizationId.
func ofOrganization(said string) []byte {
	return []byte(strings.Replace(string(one("0002")), element(organization), said, 1))
}

// element returns the OrganizationId element.
func element(id string) string { return "<OrganizationId>" + id + "</OrganizationId>" }

// strangeOrganizations are the ways in which a stranger may try to pass for the organization that
// may post.
var strangeOrganizations = map[string]string{
	"plainly":                 element(stranger),
	"in other letters":        element(strings.ToLower(organization)),
	"with more behind it":     element(organization + "X"),
	"with less":               element(organization[:14]),
	"with white space":        element(" " + organization + " "),
	"with a NUL reference":    element(organization + "&#0;"),
	"by a reference":          element("&#x30;0DS1000000ZZZZMAA"),
	"both, its own first":     element(stranger) + element(organization),
	"both, its own last":      element(organization) + element(stranger),
	"both, in one":            element(stranger + "<x>" + organization + "</x>"),
	"with a comment":          element(stranger + "<!--" + organization + "-->"),
	"in a comment instead":    "<!--" + element(organization) + "-->",
	"in another namespace":    `<OrganizationId xmlns="urn:x">` + organization + "</OrganizationId>",
	"as an attribute":         `<OrganizationId id="` + organization + `">` + stranger + "</OrganizationId>",
	"as nil":                  `<OrganizationId xsi:nil="true"/>`,
	"not at all":              "",
	"with a name that starts": "<OrganizationIds>" + organization + "</OrganizationIds>",
}

func TestStrangersOrganizationsAreRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		in := install(t, "DATABASE_URL="+database)
		in.add("crm", "--org", organization[:15])
		in.add("full", "--org", organization)
		s := in.serve()
		s.ready()
		for _, source := range []string{"crm", "full"} {
			requireAck(t, post(t, s.url(source), one("0001")))
			requireAck(t, post(t, s.url(source), ofOrganization(element(organization[:15]))))
			for name, said := range strangeOrganizations {
				got := post(t, s.url(source), ofOrganization(said))
				if got.status != http.StatusForbidden && got.status != http.StatusBadRequest {
					t.Errorf("%s: got %+v, want a refusal", name, got)
					continue
				}
				checkFault(t, got, got.status, soap.FaultClient)
			}
		}
		if got := s.export(); len(got) != 4 {
			t.Errorf("got %d notifications, want the 4 of the organization", len(got))
		}
	})
}
