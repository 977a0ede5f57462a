package sfdx_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"ackbox/internal/sfdx"

	"github.com/google/go-cmp/cmp"
)

const metadataNS = "http://soap.sforce.com/2006/04/metadata"

// published is a metadata type. elements are in the order of its xsd:sequence, those of its base
// types first; required are those without minOccurs="0".
type published struct {
	elements, required string
	types              map[string]string // the types of the elements that have elements
}

// node is the sequence of FlowNode, preceded by those of its base types FlowElement and
// FlowBaseElement.
const node = "processMetadataValues description name elementSubtype group label locationX " +
	"locationY "

// publishedTypes are the types that we write, from the metadata WSDL (Setup > API > Generate
// Metadata WSDL: Flow and PermissionSet of 2026, WorkflowOutboundMessage of an older one that
// matches workflows retrieved from orgs) and the Metadata API Developer Guide: meta_workflow.htm,
// meta_visual_workflow.htm, meta_permissionset.htm. Package is a file and not in the WSDL: see
// "Constructing a Project Manifest" in the same guide. members come before name.
var publishedTypes = map[string]published{
	"Workflow": {
		elements: "fullName alerts fieldUpdates flowActions knowledgePublishes outboundMessages " +
			"rules send tasks",
		types: map[string]string{"outboundMessages": "WorkflowOutboundMessage"},
	},
	"WorkflowOutboundMessage": {
		elements: "fullName apiVersion description endpointUrl fields includeSessionId " +
			"integrationUser name protected useDeadLetterQueue",
		required: "apiVersion endpointUrl includeSessionId integrationUser name protected",
	},
	"Flow": {
		elements: "fullName actionCalls apexPluginCalls apiVersion areMetricsLoggedToDataCloud " +
			"assignments choices collectionFilterCriteria collectionProcessors constants customErrors " +
			"customProperties dataSpace decisions description dynamicChoiceSets environments exitRules " +
			"experiments formulas groups interviewLabel isAdditionalPermissionRequiredToRun isOverridable " +
			"isTemplate label loops migratedFromWorkflowRuleName orchestratedStages overriddenFlow " +
			"processMetadataValues processType recordCreates recordDeletes recordLookups recordRollbacks " +
			"recordUpdates runInMode screens sourceTemplate stages start startElementReference status " +
			"steps subflows textTemplates timeZoneSidKey transforms triggerOrder variables waits",
		required: "label",
		types: map[string]string{
			"actionCalls": "FlowActionCall", "processMetadataValues": "FlowMetadataValue",
			"start": "FlowStart",
		},
	},
	"FlowActionCall": {
		elements: node + "actionCallPaths actionName actionType connector dataTypeMappings " +
			"faultConnector flowTransactionModel inputParameters isWaitUntilCompleted nameSegment offset " +
			"offsetUnit outputParameters storeOutputAutomatically timeoutConnector timeoutPathUsage " +
			"versionString",
		// The guide requires more than the WSDL.
		required: "name label locationX locationY actionName actionType",
	},
	"FlowStart": {
		elements: node + "activation activationTemplate capabilityTypes conditionLogic conditions " +
			"connector dataGraph dataTypeMappings doesRequireRecordChangedToMeetCriteria entryType " +
			"eventName eventType fanOutAction filterFormula filterLogic filters flowRunAsUser form " +
			"individualObjectRelatedField inputs isAsync object objectContainer " +
			"prioritizedContactPointsList publishSegment recordTriggerType schedule scheduledPaths segment " +
			"sendMsgToOneContactPtPerIndv triggerType triggeringDataGraph triggeringDataModelObjectPath " +
			"versionString",
		// Those that a record-triggered flow needs.
		required: "locationX locationY connector object recordTriggerType triggerType",
		types:    map[string]string{"connector": "FlowConnector"},
	},
	"FlowConnector": {elements: "processMetadataValues isGoTo targetReference",
		required: "targetReference"},
	"FlowMetadataValue": {elements: "name value", required: "name",
		types: map[string]string{"value": "FlowValue"}},
	// FlowElementReferenceOrValue; these are its common elements.
	"FlowValue": {elements: "booleanValue elementReference numberValue stringValue"},
	"PermissionSet": {
		elements: "fullName agentAccesses applicationVisibilities classAccesses " +
			"customMetadataTypeAccesses customPermissions customSettingAccesses description " +
			"emailRoutingAddressAccesses externalCredentialPrincipalAccesses externalDataSourceAccesses " +
			"fieldPermissions flowAccesses genComputingSummaryDefAccesses hasActivationRequired label " +
			"license objectPermissions pageAccesses recordTypeVisibilities servicePresenceStatusAccesses " +
			"tabSettings userPermissions",
		required: "label",
		types: map[string]string{
			"fieldPermissions":  "PermissionSetFieldPermissions",
			"objectPermissions": "PermissionSetObjectPermissions",
		},
	},
	"PermissionSetFieldPermissions": {elements: "editable field readable", required: "editable field"},
	"PermissionSetObjectPermissions": {
		elements: "allowCreate allowDelete allowEdit allowRead modifyAllRecords object viewAllFields " +
			"viewAllRecords",
		required: "allowCreate allowDelete allowEdit allowRead modifyAllRecords object viewAllRecords",
	},
	"Package": {
		elements: "fullName types version", required: "types version",
		types: map[string]string{"types": "PackageTypeMembers"},
	},
	"PackageTypeMembers": {elements: "members name", required: "members name"},
}

// element is an element of a written file.
type element struct {
	name     xml.Name
	text     string
	children []*element
}

func read(tb testing.TB, data []byte) *element {
	tb.Helper()
	root := &element{}
	open := []*element{root}
	for d := xml.NewDecoder(bytes.NewReader(data)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root.children[0]
		}
		if err != nil {
			tb.Fatal(err)
		}
		last := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			child := &element{name: token.Name}
			last.children = append(last.children, child)
			open = append(open, child)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			last.text += string(token)
		}
	}
}

// texts returns the texts of all elements at that path below e.
func (e *element) texts(names ...string) (texts []string) {
	if len(names) == 0 {
		return []string{e.text}
	}
	for _, child := range e.children {
		if child.name.Local == names[0] {
			texts = append(texts, child.texts(names[1:]...)...)
		}
	}
	return texts
}

// checkOrder checks an element against its published type, and its children against theirs.
func checkOrder(tb testing.TB, e *element, typeName string) {
	tb.Helper()
	kind, ok := publishedTypes[typeName]
	if !ok {
		tb.Fatalf("no published type %s", typeName)
	}
	order, at := strings.Fields(kind.elements), 0
	var names []string
	for _, child := range e.children {
		name := child.name.Local
		names = append(names, name)
		i := slices.Index(order, name)
		if i < at || child.name.Space != metadataNS {
			tb.Errorf("%s: %s is unknown or comes too late, after %v", typeName, name, names)
		}
		at = i
		if below := kind.types[name]; below != "" {
			checkOrder(tb, child, below)
		} else if len(child.children) > 0 || child.text == "" {
			tb.Errorf("%s: got %s with %d elements and the text %q, want text", typeName, name,
				len(child.children), child.text)
		}
	}
	for _, name := range strings.Fields(kind.required) {
		if !slices.Contains(names, name) {
			tb.Errorf("%s: got %v, want %s among them", typeName, names, name)
		}
	}
}

func TestEveryFileHasThePublishedElementsInThePublishedOrder(t *testing.T) {
	t.Parallel()
	for _, project := range []sfdx.Project{lead(), sample()} {
		checked := 0
		for name, data := range files(t, project) {
			if path.Ext(name) != ".xml" {
				continue
			}
			checked++
			if !bytes.HasPrefix(data, []byte(xml.Header)) || !bytes.HasSuffix(data, []byte(">\n")) {
				t.Errorf("%s: want an XML declaration and a final line end:\n%s", name, data)
			}
			root := read(t, data)
			checkOrder(t, root, root.name.Local)
			if root.name.Space != metadataNS {
				t.Errorf("%s: got the namespace %q, want %q", name, root.name.Space, metadataNS)
			}
		}
		if checked != 4 {
			t.Errorf("%s: checked %d files, want 4", project.Object, checked)
		}
	}
}

func TestTheFilesReferToEachOther(t *testing.T) {
	t.Parallel()
	const base = "force-app/main/default/"
	all := files(t, sample())
	flow := read(t, all[base+"flows/Sample_out.flow-meta.xml"])
	workflow := read(t, all[base+"workflows/acme__Sample__c.workflow-meta.xml"])
	manifest := read(t, all["manifest/package.xml"])
	for what, c := range map[string]struct{ got, want []string }{
		"message":     {workflow.texts("outboundMessages", "fullName"), []string{"Sample_out"}},
		"action":      {flow.texts("actionCalls", "actionName"), []string{"acme__Sample__c.Sample_out"}},
		"action type": {flow.texts("actionCalls", "actionType"), []string{"outboundMessage"}},
		"connector": {flow.texts("start", "connector", "targetReference"),
			flow.texts("actionCalls", "name")},
		"object":  {flow.texts("start", "object"), []string{"acme__Sample__c"}},
		"trigger": {flow.texts("start", "recordTriggerType"), []string{"Update"}},
		"status":  {flow.texts("status"), []string{"Draft"}},
		"types":   {manifest.texts("types", "name"), []string{"Flow", "PermissionSet", "Workflow"}},
		"members": {manifest.texts("types", "members"),
			[]string{"Sample_out", "Sample_out", "acme__Sample__c"}},
		"version":    {manifest.texts("version"), []string{"66.0"}},
		"session id": {workflow.texts("outboundMessages", "includeSessionId"), []string{"false"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}
