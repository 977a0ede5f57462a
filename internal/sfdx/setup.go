// Package sfdx writes a Salesforce DX project that makes an org send the records of one object to
// ackbox: the outbound message, a record-triggered Flow that sends it, a permission set for the
// user it is sent as, the manifest, and a README with the commands that deploy them. It knows the
// published rules of the metadata and connects to no org.
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

// defaultAPIVersion is the Metadata API version of a project without one.
const defaultAPIVersion = "65.0"

// Trigger is the kind of saves that send a message. Its values are those of RecordTriggerType in
// the Metadata API. The deletion of a record never sends one, because a flow can do so only after a
// save.
type Trigger string

// The triggers of a flow that runs after a save.
const (
	OnCreate         Trigger = "Create"
	OnUpdate         Trigger = "Update"
	OnCreateOrUpdate Trigger = "CreateAndUpdate"
)

// Project holds the settings of a project. [Files] and [Write] check them.
type Project struct {
	// Object is the API name of the object, such as "Lead" or "acme__Sample__c".
	Object string
	// Fields are the API names of the fields to send. Id is always sent.
	Fields []string
	// Required are those of Fields that are required in the org or are master-detail relationships,
	// which the permission set must not name. Some required standard fields are known and need not
	// be listed.
	Required []string
	// URL is the URL that Salesforce posts to, which contains the source's token.
	URL string
	// User is the username of the user to send as. Only what that user may read is sent.
	User string
	// Name is the API name of the outbound message, the flow and the permission set; when empty,
	// "ackbox_" followed by the object without its suffix, such as "ackbox_Lead".
	Name string
	// Description is shown in Setup and has at most 255 characters; when empty, it says what is
	// sent to ackbox.
	Description string
	// On is which saves send; [OnCreateOrUpdate] when empty.
	On Trigger
	// APIVersion is a Metadata API version; "65.0" when empty.
	APIVersion string
}

// Error describes which setting of a [Project] is invalid, and what to do about it.
type Error struct {
	// Setting is the setting's name in lower case with hyphens, such as "api-version".
	Setting string
	// Problem continues a sentence that begins with the setting's name, without the full stop: "is
	// missing: …".
	Problem string
}

// Error returns setting and problem: "url is missing: …".
func (e *Error) Error() string { return e.Setting + " " + e.Problem }

// ErrNotEmpty is the error of [Write] for a folder that is not empty.
var ErrNotEmpty = errors.New("the folder is not empty")

// Files returns the project's files by slash-separated path. The result depends on p only. Each
// error is an [*Error].
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

// Write writes the project's files into dir, which it creates, and returns their paths, sorted.
// Only the owner can read the files, because the URL is a secret. If dir is not empty, Write
// returns [ErrNotEmpty] unless force is set, in which case it replaces files of the same name and
// leaves all others. If the project is invalid, it returns an [*Error] and writes nothing.
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
		return fmt.Errorf("create folder: %w", err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil { // an existing file keeps its mode otherwise
		return fmt.Errorf("protect file: %w", err)
	}
	return nil
}
