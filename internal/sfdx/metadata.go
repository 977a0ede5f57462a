package sfdx

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
)

// The structs below hold the elements that we need of each metadata type, in the order of the
// type's xsd:sequence in the metadata WSDL, which a deployment requires. The Metadata API Developer
// Guide describes the types (meta_workflow.htm, meta_visual_workflow.htm, meta_permissionset.htm).
// The tests check each order.

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

// newWorkflow returns the outbound message. It requests no session id: since February 2026 none is
// sent, even if requested (Salesforce Help 005232763). It does not use the dead letter queue, for
// which few orgs have the permission.
func newWorkflow(p Project) workflow {
	return workflow{OutboundMessages: []outboundMessage{{
		FullName: p.Name, APIVersion: p.APIVersion, Description: p.Description, EndpointURL: p.URL,
		Fields:          p.sent(),
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

// newFlow returns the flow. Its status is Draft: nothing is sent before somebody activates it. A
// production org accepts the deployment of an active flow only if it is configured to
// (meta_visual_workflow.htm). The action belongs to the transaction of the save, so that a save
// that is rolled back sends nothing. The locations are those of a new canvas in Flow Builder.
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

// newManifest returns the manifest. It names the whole Workflow of the object, not the outbound
// message only, because the sf command does not find the parts of a workflow file
// (github.com/forcedotcom/cli issue 2563).
func newManifest(p Project) manifest {
	return manifest{
		Types:   []manifestType{{p.Name, "Flow"}, {p.Name, "PermissionSet"}, {p.Object, "Workflow"}},
		Version: p.APIVersion,
	}
}

// sfdxProject is sfdx-project.json (Salesforce DX Developer Guide, "Salesforce DX Project
// Configuration").
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

// encodeXML returns v as XML in the format of the sf command: indented by four spaces, with a line
// end at the end.
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

// must panics on an error of encoding our own structs into memory, which only invalid struct tags
// can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
