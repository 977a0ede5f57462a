package sfdx

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
)

// The structs below write what we need of each metadata type, their fields in the order of the type's xsd:sequence in
// the metadata WSDL: a deployment reads elements in that order. The types are described in the Metadata API Developer
// Guide (meta_workflow.htm, meta_visual_workflow.htm, meta_permissionset.htm); the tests hold each order.

type workflow struct {
	XMLName          xml.Name          `xml:"http://soap.sforce.com/2006/04/metadata Workflow"`
	OutboundMessages []outboundMessage `xml:"outboundMessages"`
}

type outboundMessage struct {
	FullName           string   `xml:"fullName"`
	APIVersion         string   `xml:"apiVersion"`
	Description        string   `xml:"description"`
	EndpointURL        string   `xml:"endpointUrl"`
	Fields             []string `xml:"fields"`
	IncludeSessionID   bool     `xml:"includeSessionId"`
	IntegrationUser    string   `xml:"integrationUser"`
	Name               string   `xml:"name"`
	Protected          bool     `xml:"protected"`
	UseDeadLetterQueue bool     `xml:"useDeadLetterQueue"`
}

// newWorkflow asks for no session id: since February 2026 none is sent, whatever is asked for (Salesforce Help
// 005232763). The dead letter queue needs a permission that few orgs have, so it is off.
func newWorkflow(p Project) workflow {
	return workflow{OutboundMessages: []outboundMessage{{
		FullName: p.Name, APIVersion: p.APIVersion, Description: p.Description, EndpointURL: p.URL, Fields: p.sent(),
		IntegrationUser: p.User, Name: p.Name,
	}}}
}

type flow struct {
	XMLName               xml.Name        `xml:"http://soap.sforce.com/2006/04/metadata Flow"`
	ActionCalls           flowActionCall  `xml:"actionCalls"`
	APIVersion            string          `xml:"apiVersion"`
	Description           string          `xml:"description"`
	Environments          string          `xml:"environments"`
	InterviewLabel        string          `xml:"interviewLabel"`
	Label                 string          `xml:"label"`
	ProcessMetadataValues []metadataValue `xml:"processMetadataValues"`
	ProcessType           string          `xml:"processType"`
	Start                 flowStart       `xml:"start"`
	Status                string          `xml:"status"`
}

type flowActionCall struct {
	Name                 string `xml:"name"`
	Label                string `xml:"label"`
	LocationX            int    `xml:"locationX"`
	LocationY            int    `xml:"locationY"`
	ActionName           string `xml:"actionName"`
	ActionType           string `xml:"actionType"`
	FlowTransactionModel string `xml:"flowTransactionModel"`
	NameSegment          string `xml:"nameSegment"`
}

type metadataValue struct {
	Name  string `xml:"name"`
	Value string `xml:"value>stringValue"`
}

type flowStart struct {
	LocationX         int     `xml:"locationX"`
	LocationY         int     `xml:"locationY"`
	Connector         string  `xml:"connector>targetReference"`
	Object            string  `xml:"object"`
	RecordTriggerType Trigger `xml:"recordTriggerType"`
	TriggerType       string  `xml:"triggerType"`
}

// flowAction is the name of the flow's only element.
const flowAction = "Send_outbound_message"

// newFlow makes a flow that is inactive until somebody activates it, which Draft is called in the metadata: nothing is
// sent before, and a production org takes an active one only if it is set to (meta_visual_workflow.htm). The action
// belongs to the transaction of the save: a save that is rolled back sends nothing. The places are those of a fresh
// canvas in Flow Builder.
func newFlow(p Project) flow {
	message := p.Object + "." + p.Name
	return flow{
		ActionCalls: flowActionCall{
			Name: flowAction, Label: "Send outbound message", LocationX: 176, LocationY: 287,
			ActionName: message, ActionType: "outboundMessage", FlowTransactionModel: "CurrentTransaction",
			NameSegment: message,
		},
		APIVersion: p.APIVersion, Description: p.Description, Environments: "Default",
		InterviewLabel: p.Name + " {!$Flow.CurrentDateTime}", Label: p.Name,
		ProcessMetadataValues: []metadataValue{
			{"BuilderType", "LightningFlowBuilder"}, {"CanvasMode", "AUTO_LAYOUT_CANVAS"},
			{"OriginBuilderType", "LightningFlowBuilder"},
		},
		ProcessType: "AutoLaunchedFlow",
		Start: flowStart{
			LocationX: 50, Connector: flowAction, Object: p.Object, RecordTriggerType: p.On,
			TriggerType: "RecordAfterSave",
		},
		Status: "Draft",
	}
}

type manifest struct {
	XMLName xml.Name       `xml:"http://soap.sforce.com/2006/04/metadata Package"`
	Types   []manifestType `xml:"types"`
	Version string         `xml:"version"`
}

type manifestType struct {
	Members string `xml:"members"`
	Name    string `xml:"name"`
}

// newManifest names the whole Workflow of the object and not the outbound message alone: the sf command does not find
// the parts of a workflow file (github.com/forcedotcom/cli issue 2563).
func newManifest(p Project) manifest {
	return manifest{
		Types:   []manifestType{{p.Name, "Flow"}, {p.Name, "PermissionSet"}, {p.Object, "Workflow"}},
		Version: p.APIVersion,
	}
}

// sfdxProject is sfdx-project.json (Salesforce DX Developer Guide, "Salesforce DX Project Configuration").
type sfdxProject struct {
	PackageDirectories []packageDirectory `json:"packageDirectories"`
	Name               string             `json:"name"`
	Namespace          string             `json:"namespace"`
	LoginURL           string             `json:"sfdcLoginUrl"`
	SourceAPIVersion   string             `json:"sourceApiVersion"`
}

type packageDirectory struct {
	Path    string `json:"path"`
	Default bool   `json:"default"`
}

func newSfdxProject(p Project) sfdxProject {
	return sfdxProject{
		PackageDirectories: []packageDirectory{{"force-app", true}}, Name: p.Name,
		LoginURL: "https://login.salesforce.com", SourceAPIVersion: p.APIVersion,
	}
}

// encodeXML writes a file as the sf command does: indented by four spaces, a line end at the end.
func encodeXML(v any) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	encoder := xml.NewEncoder(&b)
	encoder.Indent("", "    ")
	must(encoder.Encode(v))
	b.WriteByte('\n')
	return b.Bytes()
}

func encodeJSON(v any) []byte {
	data, err := json.MarshalIndent(v, "", "    ")
	must(err)
	return append(data, '\n')
}

// must is for encoders of our own structs into memory, which fail for wrong struct tags only.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
