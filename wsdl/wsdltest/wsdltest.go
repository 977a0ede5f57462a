// Package wsdltest makes outbound-message WSDLs for tests.
package wsdltest

import (
	"fmt"
	"strings"
)

// WSDL returns a WSDL of the form that Setup offers. Each field is an API name, a space and a type
// with its prefix, such as "Amount xsd:double" or "OwnerId ent:ID".
func WSDL(object string, fields ...string) string {
	var elements strings.Builder
	for _, field := range fields {
		name, kind, _ := strings.Cut(field, " ")
		fmt.Fprintf(&elements, "%24s<element name=%q nillable=\"true\" minOccurs=\"0\" type=%q/>\n", "",
			name, kind)
	}
	return strings.NewReplacer("{object}", object, "{fields}", elements.String(),
		"{schema}", `xmlns="http://www.w3.org/2001/XMLSchema"`).Replace(skeleton)
}

// FirstFieldLine is the line of the first field in the text that [WSDL] returns.
const FirstFieldLine = 38

const skeleton = `<?xml version="1.0" encoding="UTF-8"?>
<!-- An outbound message of {object}, made up for a test -->
<definitions targetNamespace="http://soap.sforce.com/2005/09/outbound"
             xmlns="http://schemas.xmlsoap.org/wsdl/"
             xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
             xmlns:tns="http://soap.sforce.com/2005/09/outbound"
             xmlns:xsd="http://www.w3.org/2001/XMLSchema"
             xmlns:ent="urn:enterprise.soap.sforce.com"
             xmlns:ens="urn:sobject.enterprise.soap.sforce.com">
    <types>

        <schema elementFormDefault="qualified" {schema} targetNamespace="urn:enterprise.soap.sforce.com">
            <simpleType name="ID">
                <restriction base="xsd:string"><length value="18"/></restriction>
            </simpleType>
        </schema>

        <schema elementFormDefault="qualified" {schema} targetNamespace="urn:sobject.enterprise.soap.sforce.com">
            <import namespace="urn:enterprise.soap.sforce.com" />
            <complexType name="sObject">
                <sequence>
                    <element name="fieldsToNull" type="xsd:string" nillable="true" minOccurs="0" maxOccurs="unbounded"/>
                    <element name="Id" type="ent:ID" nillable="true" />
                </sequence>
            </complexType>
            <complexType name="AggregateResult">
                <complexContent>
                    <extension base="ens:sObject">
                        <sequence><any namespace="##targetNamespace" minOccurs="0" processContents="lax"/></sequence>
                    </extension>
                </complexContent>
            </complexType>

            <complexType name="{object}">
                <complexContent>
                    <extension base="ens:sObject">
                        <sequence>
{fields}                        </sequence>
                    </extension>
                </complexContent>
            </complexType>
        </schema>

        <schema elementFormDefault="qualified" {schema} targetNamespace="http://soap.sforce.com/2005/09/outbound">
            <import namespace="urn:enterprise.soap.sforce.com" />
            <import namespace="urn:sobject.enterprise.soap.sforce.com" />
            <element name="notifications">
                <complexType>
                    <sequence>
                        <element name="OrganizationId" type="ent:ID" />
                        <element name="ActionId" type="ent:ID" />
                        <element name="SessionId" type="xsd:string" nillable="true" />
                        <element name="EnterpriseUrl" type="xsd:string" />
                        <element name="PartnerUrl" type="xsd:string" />
                        <element name="Notification" maxOccurs="100" type="tns:{object}Notification" />
                    </sequence>
                </complexType>
            </element>
            <complexType name="{object}Notification">
                <sequence>
                    <element name="Id" type="ent:ID" />
                    <element name="sObject" type="ens:{object}" />
                </sequence>
            </complexType>
            <element name="notificationsResponse">
                <complexType>
                    <sequence><element name="Ack" type="xsd:boolean" /></sequence>
                </complexType>
            </element>
        </schema>
    </types>

    <message name="notificationsRequest"><part element="tns:notifications" name="request"/></message>
    <message name="notificationsResponse"><part element="tns:notificationsResponse" name="response"/></message>

    <portType name="NotificationPort">
        <operation name="notifications">
            <input message="tns:notificationsRequest"/>
            <output message="tns:notificationsResponse"/>
        </operation>
    </portType>

    <binding name="NotificationBinding" type="tns:NotificationPort">
        <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
        <operation name="notifications">
            <soap:operation soapAction=""/>
            <input><soap:body use="literal"/></input>
            <output><soap:body use="literal"/></output>
        </operation>
    </binding>

    <service name="NotificationService">
        <port binding="tns:NotificationBinding" name="Notification">
            <soap:address location="https://ackbox.example.com/outbound/TOKEN"/>
        </port>
    </service>
</definitions>
`
