package soap_test

import (
	"fmt"
	"strings"
)

// envelope returns a message with the given Notification elements, in the form that Salesforce
// sends.
func envelope(notifications ...string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" ` +
		`xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>00D5g00000ABCDEEA4</OrganizationId>
   <ActionId>04k5g000000TestAAA</ActionId>
   <SessionId xsi:nil="true"/>
   <EnterpriseUrl>https://example.my.salesforce.com/services/Soap/c/61.0/00D5g00000ABCDE</EnterpriseUrl>
   <PartnerUrl>https://example.my.salesforce.com/services/Soap/u/61.0/00D5g00000ABCDE</PartnerUrl>
` + strings.Join(notifications, "") + `  </notifications>
 </soapenv:Body>
</soapenv:Envelope>`
}

// notification returns a Notification of a Lead with the given fields, each a complete element.
func notification(id string, fields ...string) string {
	return fmt.Sprintf(`   <Notification>
    <Id>%s</Id>
    <sObject xsi:type="sf:Lead" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
     <sf:Id>00Q5g000001LeadEAG</sf:Id>
     %s
    </sObject>
   </Notification>
`, id, strings.Join(fields, "\n     "))
}

const bareNotification = "   <Notification>\n    <Id>04l5g000000NoRecAA</Id>\n   </Notification>\n"

// many returns n notifications.
func many(n int) []string {
	batch := make([]string, n)
	for i := range batch {
		batch[i] = notification(fmt.Sprintf("04l5g00000%08d", i), "<sf:Company>Acme</sf:Company>")
	}
	return batch
}

// nested returns a field with nested elements, the innermost at a depth. The Envelope is at depth
// 1.
func nested(depth int) string {
	n := depth - 5 // sObject is at 5
	return strings.Repeat("<sf:a>", n) + strings.Repeat("</sf:a>", n)
}

// seedBodies returns bodies that exercise every rule. Decode accepts some and rejects others.
func seedBodies() [][]byte {
	plain := envelope(notification("04l1", "<sf:Company>Acme</sf:Company>"))
	replace := func(old, replacement string) string { return strings.Replace(plain, old, replacement, 1) }
	field := func(xml string) string { return replace("<sf:Company>Acme</sf:Company>", xml) }
	bodies := []string{
		plain, envelope(bareNotification), envelope(many(3)...), envelope(many(101)...), envelope(),
		"", " ", "<", "<a/>",
		"\ufeff" + plain, "\n " + plain, "\ufeff\n" + plain, "x" + plain, plain + "x", plain + plain,
		plain + "<!-- c -->\n",
		"<!-- c -->" + plain, plain[:len(plain)/2], plain[:len(plain)-1], plain + "<![CDATA[x]]>",
		plain + "\x00",
		replace("UTF-8", "utf-8"), replace("UTF-8", "ISO-8859-1"), replace(`version="1.0"`, `version="1.1"`),
		replace("?>", ` standalone="yes"?>`), replace("?>", ` standalone="maybe"?>`), replace("?>", ` x="1"?>`),
		replace("<soapenv:Env", "<!DOCTYPE a><soapenv:Env"), replace("<soapenv:Env", "<?php?><soapenv:Env"),
		replace("<soapenv:Body>", "<soapenv:Header><a>text</a></soapenv:Header><soapenv:Body>"),
		replace("</soapenv:Body>", "</soapenv:Body><soapenv:Header/>"),
		replace("</soapenv:Body>", "</soapenv:Body><soapenv:Body/>"),
		replace("<soapenv:Body>", "<soapenv:Body>text"), replace("<soapenv:Body>", "<soapenv:Body><a/>"),
		replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"),
		replace("2005/09/outbound", "2006/04/metadata"), replace("<ActionId>", "<ActionId>x</ActionId><ActionId>"),
		replace("<ActionId>", "<ActionId><b/>"), replace("<SessionId xsi:nil=\"true\"/>", ""),
		replace("<OrganizationId>00D5g00000ABCDEEA4</OrganizationId>", ""), replace("00D5g00000ABCDEEA4", " "),
		replace("00D5g00000ABCDEEA4", "<![CDATA[00D]]><!-- c -->x&amp;y"), replace("04l1", ""),
		replace("<Id>04l1</Id>", ""),
		replace("04k5g000000TestAAA", strings.Repeat("x", 255)), replace("04k5g000000TestAAA", strings.Repeat("ü", 128)),
		replace(`"sf:Lead"`, `"sf:`+strings.Repeat("x", 255)+`"`), replace(`"sf:Lead"`, `"`+strings.Repeat("x", 256)+`"`),
		replace("00Q5g000001LeadEAG", strings.Repeat("x", 255)), replace("00Q5g000001LeadEAG", strings.Repeat("&quot;", 256)),
		replace("04l1", strings.Repeat("x", 255)), replace("04l1", strings.Repeat("x", 256)),
		replace("</Notification>", "<sObject/></Notification>"),
		replace("</Notification>", "<Other>1</Other></Notification>"),
		replace("</Notification>", "text</Notification>"), replace(`xsi:type="sf:Lead"`, `xsi:type="no:Lead"`),
		replace(`xsi:type="sf:Lead"`, `xsi:type=" sf:Lead&#10;"`), replace(`xsi:type="sf:Lead"`, ""),
		replace(`xsi:type="sf:Lead"`, `xsi:type="a:b:c"`), replace(`xsi:type="sf:Lead"`, `xsi:type="Lead"`),
		replace(`xsi:type="sf:Lead"`, `xsi:nil="true"`), replace(`xmlns:sf=`, `xmlns:sf="" xmlns:sg=`),
		replace(`xmlns:sf=`, `xmlns:xml="urn:x" xmlns:sf=`), replace(`xmlns:sf=`, `xmlns:xmlns="urn:x" xmlns:sf=`),
		replace(`xmlns:sf=`, `a="1" a="2" xmlns:sf=`),
		replace(`xmlns:sf=`, `xmlns:s2="urn:x" xmlns:s3="urn:x" s2:a="" s3:a="" xmlns:sf=`),
		replace(`xmlns:sf=`, `a="1"b="2" xmlns:sf=`), replace(`xmlns:sf=`, `a='&lt;' b="<" xmlns:sf=`),
		field("<sf:A>a &lt;&gt;&amp;&quot;&apos; &#13;&#xA;&#9;\r\n\r\t\"\\ é \U0001F600</sf:A>"),
		field("<sf:A>&nbsp;</sf:A>"),
		field("<sf:A>&#0;</sf:A>"), field("<sf:A>&#xD800;</sf:A>"),
		field("<sf:A>&#x110000;</sf:A>"), field("<sf:A>&#;</sf:A>"),
		field("<sf:A>&lt</sf:A>"), field("<sf:A>a & b</sf:A>"), field("<sf:A>]]></sf:A>"),
		field("<sf:A>a]]b]></sf:A>"),
		field("<sf:A><![CDATA[<&]]]]>></sf:A>"), field("<sf:A><![CDATA[ ]]>"),
		field("<sf:A>\xff</sf:A>"), field("<sf:A>\x01</sf:A>"),
		field("<sf:A>\uffff</sf:A>"), field("<sf:A>a<!-- c -->b</sf:A>"), field("<sf:A><!-- a -- b --></sf:A>"),
		field("<sf:A><!-- \x01 --></sf:A>"), field("<sf:A><?pi?></sf:A>"),
		field("<sf:A/>"), field("<sf:A></sf:A>"), field("<sf:A> </sf:A>"),
		field(`<sf:A xsi:nil="true"/>`), field(`<sf:A xsi:nil=" 1 "> <!-- c --></sf:A>`),
		field(`<sf:A xsi:nil="true">x</sf:A>`),
		field(`<sf:A xsi:nil="false"/>`),
		field("<sf:A>1</sf:A><sf:B>2</sf:B><sf:A>3</sf:A><sf:A xsi:nil='true'/>"),
		field("<sf:A> <sf:B>1</sf:B> text <sf:B>2</sf:B>more<sf:C/></sf:A>"),
		field("loose text"), field("<sf:A>t<sf:B/></sf:A>"),
		field("<A>no prefix</A>"), field("<sf:É>1</sf:É>"),
		field("<sf:a:b/>"), field("<sf:/>"), field("<:a/>"), field("<sf:1/>"),
		field("<un:bound/>"), field("<sf:A></sf:B>"), field("<sf:A></sf:A >"),
		field("< sf:A/>"), field("</sf:A>"), field("<sf:A"),
		field(nested(32)), field(nested(33)), field("<sf:A" + strings.Repeat(` a="1"`, 70) + "/>"),
		field("<sf:A " + distinct("a%d='1' ", 70) + "/>"),
		field("<sf:A " + distinct("xmlns:p%d='urn:x' ", 64) + "/>"),
		field(strings.Repeat("<sf:A/>", 10_001)), field(`<sf:A xml:lang="en">x</sf:A>`),
		field(`<x xmlns="" a="1"/>`),
	}
	all := make([][]byte, len(bodies))
	for i, body := range bodies {
		all[i] = []byte(body)
	}
	return all
}

// distinct returns the format with each of 0 to n-1, concatenated.
func distinct(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}
