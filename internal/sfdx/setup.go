// Package sfdx writes a Salesforce DX project that makes an org send the records of one object to ackbox: the
// outbound message, a record-triggered Flow that sends it, a permission set for the user it is sent as, the manifest,
// and a how-to with the commands that deploy them. It knows the published rules of the metadata and talks to no org.
package sfdx

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// defaultAPIVersion is the Metadata API version of a project that names none.
const defaultAPIVersion = "65.0"

// Trigger says which saves of a record send a message. Its values are those of RecordTriggerType in the Metadata API.
// A deleted record never sends one: a flow can do so only after a save.
type Trigger string

// The triggers of a flow that runs after a save.
const (
	OnCreate         Trigger = "Create"
	OnUpdate         Trigger = "Update"
	OnCreateOrUpdate Trigger = "CreateAndUpdate"
)

// Project is what the written files are made of. [Files] and [Write] check it.
type Project struct {
	// Object is the API name of the object, such as "Lead" or "acme__Sample__c".
	Object string
	// Fields are the API names of the fields to send. Id is always sent, named or not.
	Fields []string
	// Required are those of Fields that the org requires or that are master-detail relationships: the permission set
	// must not name them. Some standard ones are known without.
	Required []string
	// URL is where Salesforce posts to, the source's token included.
	URL string
	// User is the username that the message is sent as: what it may read is what is sent.
	User string
	// Name is the API name of the outbound message, of the flow and of the permission set;
	// "ackbox_" and the object without its suffix when empty, such as "ackbox_Lead".
	Name string
	// Description is shown in Setup, at most 255 characters; one that says what this is for when empty.
	Description string
	// On says which saves send; [OnCreateOrUpdate] when empty.
	On Trigger
	// APIVersion is a Metadata API version such as "65.0", which it is when empty.
	APIVersion string
}

// Error says which setting of a [Project] is wrong, and what to do about it.
type Error struct {
	// Setting is the setting's name in lower case with hyphens, such as "api-version".
	Setting string
	// Problem goes on where the setting's name begins a sentence, without the full stop: "is missing: …".
	Problem string
}

// Error gives setting and problem: "url is missing: …".
func (e *Error) Error() string { return e.Setting + " " + e.Problem }

// ErrNotEmpty is the error of [Write] for a folder that has something in it.
var ErrNotEmpty = errors.New("the folder is not empty")

// Files makes the project's files, by slash-separated path. The same project gives the same bytes. Its error is an
// [*Error].
func Files(p Project) (map[string][]byte, error) {
	p = p.withDefaults()
	if err := p.check(); err != nil {
		return nil, err
	}
	return map[string][]byte{
		p.workflowPath():      encodeXML(newWorkflow(p)),
		p.flowPath():          encodeXML(newFlow(p)),
		p.permissionSetPath(): encodeXML(newPermissionSet(p)),
		manifestPath:          encodeXML(newManifest(p)),
		"sfdx-project.json":   encodeJSON(newSfdxProject(p)),
		".gitignore":          []byte(gitignore),
		"README.md":           howTo(p),
	}, nil
}

// Write makes dir and the project's files in it, readable by their owner only because the URL is a secret. It gives
// their paths, sorted. A folder with something in it is [ErrNotEmpty] unless force is set: then files of the same name
// are replaced and all others stay. A wrong project is an [*Error], and nothing is written.
func Write(dir string, p Project, force bool) ([]string, error) {
	files, err := Files(p)
	if err != nil {
		return nil, err
	}
	if err := checkEmpty(dir); err != nil && (!force || !errors.Is(err, ErrNotEmpty)) {
		return nil, err
	}
	paths := slices.Sorted(maps.Keys(files))
	for i, name := range paths {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := writeFile(path, files[name]); err != nil {
			return nil, err
		}
		paths[i] = path
	}
	return paths, nil
}

func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read folder: %w", err)
	case len(entries) > 0:
		return fmt.Errorf("%s: %w", dir, ErrNotEmpty)
	}
	return nil
}

func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil { // a file that was there keeps its mode
		return fmt.Errorf("protect file: %w", err)
	}
	return nil
}
