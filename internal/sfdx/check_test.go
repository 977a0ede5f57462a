package sfdx_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"ackbox/internal/sfdx"

	"github.com/google/go-cmp/cmp"
)

func TestInvalidSettingsAreErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(p *sfdx.Project)
		setting string
	}{
		"no object":                 {func(p *sfdx.Project) { p.Object = "" }, "object"},
		"object with a path":        {func(p *sfdx.Project) { p.Object = "../Lead" }, "object"},
		"object of another kind":    {func(p *sfdx.Project) { p.Object = "Order_Event__e" }, "object"},
		"object with two prefixes":  {func(p *sfdx.Project) { p.Object = "a__b__d__c" }, "object"},
		"object, invalid part":      {func(p *sfdx.Project) { p.Object = "acme__1__c" }, "object"},
		"name with a space":         {func(p *sfdx.Project) { p.Name = "my message" }, "name"},
		"name that begins with _":   {func(p *sfdx.Project) { p.Name = "_message" }, "name"},
		"name with two underscores": {func(p *sfdx.Project) { p.Name = "acme__message" }, "name"},
		"name that ends in _":       {func(p *sfdx.Project) { p.Name = "message_" }, "name"},
		"long name":                 {func(p *sfdx.Project) { p.Name = strings.Repeat("m", 81) }, "name"},
		"no URL":                    {func(p *sfdx.Project) { p.URL = "" }, "url"},
		"URL without a scheme":      {func(p *sfdx.Project) { p.URL = "inbox.example.com/outbound/" + secret }, "url"},
		"URL of another scheme":     {func(p *sfdx.Project) { p.URL = "ftp://inbox.example.com/" + secret }, "url"},
		"URL without a host":        {func(p *sfdx.Project) { p.URL = "https:///outbound/" + secret }, "url"},
		"URL that does not parse":   {func(p *sfdx.Project) { p.URL = "https://h/%zz" + secret }, "url"},
		"URL with a fragment":       {func(p *sfdx.Project) { p.URL = "https://h.example/#" + secret }, "url"},
		"low port":                  {func(p *sfdx.Project) { p.URL = "https://h.example:81/" + secret }, "url"},
		"port 1023":                 {func(p *sfdx.Project) { p.URL = "http://h.example:1023/" + secret }, "url"},
		"port too high":             {func(p *sfdx.Project) { p.URL = "https://h.example:65536/" + secret }, "url"},
		"https on port 80":          {func(p *sfdx.Project) { p.URL = "https://h.example:80/" + secret }, "url"},
		"http on port 443":          {func(p *sfdx.Project) { p.URL = "http://h.example:443/" + secret }, "url"},
		"no user":                   {func(p *sfdx.Project) { p.User = "" }, "user"},
		"user that is no address":   {func(p *sfdx.Project) { p.User = "integration" }, "user"},
		"user for a shell":          {func(p *sfdx.Project) { p.User = "$(reboot)@example.com" }, "user"},
		"long user":                 {func(p *sfdx.Project) { p.User = strings.Repeat("u", 80) + "@example.com" }, "user"},
		"no fields":                 {func(p *sfdx.Project) { p.Fields = nil }, "field"},
		"field of a parent":         {func(p *sfdx.Project) { p.Fields = []string{"Owner.Name"} }, "field"},
		"field with a dash":         {func(p *sfdx.Project) { p.Fields = []string{"Last-Name"} }, "field"},
		"relationship":              {func(p *sfdx.Project) { p.Fields = []string{"Parent__r"} }, "field"},
		"field, invalid end":        {func(p *sfdx.Project) { p.Fields = []string{"Amount___c"} }, "field"},
		"standard field with __":    {func(p *sfdx.Project) { p.Fields = []string{"Last__Name"} }, "field"},
		"field named twice":         {func(p *sfdx.Project) { p.Fields = []string{"Email", "EMail"} }, "field"},
		"part of a field of a part": {func(p *sfdx.Project) { p.Fields = []string{"a__b__d__City__s"} }, "field"},
		"id in lower case":          {func(p *sfdx.Project) { p.Fields = []string{"id"} }, "field"},
		"required and not sent":     {func(p *sfdx.Project) { p.Required = []string{"Phone"} }, "required"},
		"delete":                    {func(p *sfdx.Project) { p.On = "Delete" }, "on"},
		"version of another form":   {func(p *sfdx.Project) { p.APIVersion = "65" }, "api-version"},
		"old version":               {func(p *sfdx.Project) { p.APIVersion = "59.0" }, "api-version"},
		"long description":          {func(p *sfdx.Project) { p.Description = strings.Repeat("ü", 256) }, "description"},
		"description of two lines":  {func(p *sfdx.Project) { p.Description = "a\nb" }, "description"},
		"description not in UTF-8":  {func(p *sfdx.Project) { p.Description = "a\xff" }, "description"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			project := lead()
			c.change(&project)
			_, err := sfdx.Files(project)
			problem, ok := errors.AsType[*sfdx.Error](err)
			if !ok || problem.Setting != c.setting || !strings.HasPrefix(err.Error(), c.setting+" ") {
				t.Fatalf("got the error %v, want one of %s", err, c.setting)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error contains the token: %v", err)
			}
		})
	}
}

func TestAllowedSettings(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(p *sfdx.Project){
		"http on port 80":   func(p *sfdx.Project) { p.URL = "http://h.example:80/" },
		"https on port 443": func(p *sfdx.Project) { p.URL = "https://h.example:443/" },
		"port 1024":         func(p *sfdx.Project) { p.URL = "https://h.example:1024/" },
		"port 65535":        func(p *sfdx.Project) { p.URL = "http://h.example:65535/" },
		"address":           func(p *sfdx.Project) { p.URL = "http://[2001:db8::1]:8080/" },
		"article":           func(p *sfdx.Project) { p.Object = "Knowledge__kav" },
		"custom object":     func(p *sfdx.Project) { p.Object = "Sample__c" },
		"longest name":      func(p *sfdx.Project) { p.Name = strings.Repeat("m", 80) },
		"person account":    func(p *sfdx.Project) { p.Fields = []string{"acme__Rank__pc"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			project := lead()
			change(&project)
			files(t, project)
		})
	}
}

func TestDefaultName(t *testing.T) {
	t.Parallel()
	for object, want := range map[string]string{
		"Lead": "ackbox_Lead", "Sample__c": "ackbox_Sample",
		"acme__Big_Sample__c": "ackbox_acme_Big_Sample",
	} {
		project := lead()
		project.Object = object
		path := "force-app/main/default/flows/" + want + ".flow-meta.xml"
		if got := files(t, project); got[path] == nil {
			t.Errorf("%s: got %v, want %s", object, slices.Sorted(maps.Keys(got)), path)
		}
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	const unreachable, plain, other = "cannot reach", "unencrypted", "/outbound/TOKEN"
	for url, want := range map[string][]string{
		"https://inbox.example.com/outbound/t":      nil,
		"https://inbox.example.com/in/outbound/t":   nil,
		"https://8.8.8.8/outbound/t":                nil,
		"https://inbox.example.com/":                {other},
		"http://inbox.example.com/outbound/t":       {plain},
		"http://localhost:8080/outbound/t":          {unreachable, plain},
		"https://inbox/outbound/t":                  {unreachable},
		"https://inbox.local/outbound/t":            {unreachable},
		"https://127.0.0.1:8443/outbound/t":         {unreachable},
		"https://[::1]:8443/outbound/t":             {unreachable},
		"https://[::ffff:10.0.0.1]:8443/outbound/t": {unreachable},
		"https://192.168.1.2:8443/outbound/t":       {unreachable},
		"https://169.254.1.2:8443/outbound/t":       {unreachable},
	} {
		var got []string
		for _, warning := range (sfdx.Project{URL: url}).Warnings() {
			for _, part := range []string{unreachable, plain, other} {
				if strings.Contains(warning, part) {
					got = append(got, part)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", url, diff)
		}
	}
}
