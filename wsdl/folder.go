package wsdl

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// embedPattern is the pattern of the go:embed line: names that do not begin with a dot and contain
// one. It matches no folder of this package, and at least its Go files: go:embed requires a match.
const embedPattern = "[^.]*.*"

// ownFolders are the folders of this package.
var ownFolders = []string{"gen", "testdata", "wsdltest"}

// Find returns the sorted names of the WSDLs in a folder: the files whose content begins as the
// WSDL of an outbound message, and those whose names end with .wsdl in any case, whatever their
// content. For each other file that may have been meant to be one, leftOut says why it is not.
// Hidden files that are no WSDLs are ignored, as are the Go files and folders of this package.
//
// The error joins an [*Error] for each file that go:embed would reject: in the folder of this
// package, the compiler would stop at it.
func Find(folder fs.FS) (names []string, leftOut []*Error, err error) {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return nil, nil, fmt.Errorf("list WSDLs: %w", err)
	}
	var broken []error
	for i, entry := range entries {
		name := entry.Name()
		if err := checkEmbeddable(entry, entries[:i]); err != nil {
			broken = append(broken, err)
			continue
		}
		if isOwn(entry) {
			continue
		}
		data, why := read(folder, entry)
		isWSDL := strings.EqualFold(path.Ext(name), ".wsdl") || isOutbound(data)
		switch {
		case why != nil && isEmbedded(name):
			broken = append(broken, why)
		case isWSDL && isEmbedded(name):
			names = append(names, name)
		case isWSDL:
			leftOut = append(leftOut, &Error{File: name, Problem: "the name of a WSDL must not begin " +
				"with a dot and must have an extension; rename the file after its object, such as lead.wsdl"})
		case !strings.HasPrefix(name, "."):
			leftOut = append(leftOut, cmp.Or(why, whyNot(name, data)))
		}
	}
	return names, leftOut, errors.Join(broken...)
}

// isEmbedded reports whether go:embed takes a file of that name, or stops the compiler at it.
func isEmbedded(name string) bool {
	matched, err := path.Match(embedPattern, name)
	return matched && err == nil
}

func isOwn(entry fs.DirEntry) bool {
	if entry.IsDir() {
		return slices.Contains(ownFolders, entry.Name())
	}
	return path.Ext(entry.Name()) == ".go"
}

func read(folder fs.FS, entry fs.DirEntry) ([]byte, *Error) {
	if !entry.Type().IsRegular() {
		return nil, &Error{File: entry.Name(),
			Problem: "this is not a file; put the WSDLs themselves into this folder"}
	}
	data, err := fs.ReadFile(folder, entry.Name())
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	if err != nil {
		return nil, &Error{File: entry.Name(), Problem: fmt.Sprintf("the file cannot be read: %v", err)}
	}
	return data, nil
}

// isOutbound reports whether data has the root element of an outbound message's WSDL.
func isOutbound(data []byte) bool {
	text, err := Text(data)
	if err != nil {
		return false
	}
	for d := newDecoder(text); ; {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if start, ok := token.(xml.StartElement); ok {
			none := map[string]string{}
			return checkRoot(newElement(start, &element{prefixes: none}, 0)) == nil
		}
	}
}

// whyNot returns what [Parse] says about a file that is not a WSDL.
func whyNot(name string, data []byte) *Error {
	_, err := Parse(name, data)
	why, _ := errors.AsType[*Error](err)
	return why
}

// checkEmbeddable returns an error if go:embed would reject a file for its name or kind, or the go
// command for its name among those before.
func checkEmbeddable(entry fs.DirEntry, before []fs.DirEntry) error {
	name := entry.Name()
	if !isEmbedded(name) {
		return nil
	}
	if problem := nameProblem(name); problem != "" {
		return &Error{File: name, Problem: problem + ": rename the file after its object, such as lead.wsdl"}
	}
	if !entry.Type().IsRegular() {
		return &Error{File: name, Problem: "this is not a file: put the WSDLs themselves into this folder"}
	}
	for _, other := range before {
		if strings.EqualFold(other.Name(), name) {
			return fmt.Errorf("%s and %s differ only in upper and lower case: rename one of them", other.Name(),
				name)
		}
	}
	return nil
}

var reservedByWindows = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[1-9]|lpt[1-9])\.`)

// nameProblem returns why the go command takes no file of that name, or "": the rules of
// CheckFilePath in golang.org/x/mod/module, and those against names that look like a flag or like a
// file of cgo's.
func nameProblem(name string) string {
	for i, r := range name {
		isLetter := unicode.IsLetter(r) || r >= '0' && r <= '9' || r == '_'
		switch {
		case !isLetter && i == 0:
			return "the file's name does not begin with a letter, a digit or an underscore"
		case !isLetter && !strings.ContainsRune("!#$%&()+,-.=@[]^{}~ ", r):
			return fmt.Sprintf("the file's name contains %+q", r)
		}
	}
	switch {
	case strings.HasSuffix(name, "."):
		return "the file's name ends with a dot"
	case strings.HasPrefix(name, "_cgo_"):
		return "the file's name begins with _cgo_"
	case reservedByWindows.MatchString(name):
		return "the file's name is reserved on Windows"
	}
	return ""
}
