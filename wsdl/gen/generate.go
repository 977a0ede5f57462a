package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"ackbox/wsdl"
)

// source is one WSDL with the names in its package.
type source struct {
	*wsdl.Definition
	digest string   // SHA-256 of the file's text, in hex
	pkg    string   // the name of the package
	record string   // the Go type of the record
	names  []string // the Go names of Fields, in their order
}

// field returns the field of that Go name, and whether there is one.
func (s *source) field(goName string) (wsdl.Field, bool) {
	i := slices.Index(s.names, goName)
	if i < 0 {
		return wsdl.Field{}, false
	}
	return s.Fields[i], true
}

// generate writes the packages of the WSDLs in wsdlDir into outDir, and warnings and a line per
// package to log. It replaces only what it has generated before. If it returns an error, outDir is
// unchanged.
func generate(ctx context.Context, wsdlDir, outDir string, log io.Writer) error {
	sources, err := readSources(os.DirFS(wsdlDir), log)
	if err != nil {
		return err
	}
	if err := errors.Join(checkPackages(sources), checkKinds(sources)); err != nil {
		return err
	}
	files, err := makeFiles(ctx, sources)
	if err != nil {
		return err
	}
	removed, err := install(outDir, files)
	if err != nil {
		return fmt.Errorf("write packages: %w", err)
	}
	for _, s := range sources {
		report(log, s)
	}
	for _, name := range removed {
		fmt.Fprintf(log, "sobject/%s: removed, because it has no WSDL\n", name)
	}
	return nil
}

func report(log io.Writer, s *source) {
	for _, f := range s.Fields {
		if f.Kind() != f.Type {
			fmt.Fprintf(log, "%s:%d: field %s has the unknown type %+q; it is treated as a string\n",
				s.File, f.Line, f.Name, f.Type)
		}
	}
	fmt.Fprintf(log, "sobject/%s: %s with %d fields, from %s\n", s.pkg, s.Object, len(s.Fields),
		s.File)
}

// readSources parses all WSDLs in a folder and returns them sorted by package. It writes to log
// which other files it leaves out, and why. Its error includes every invalid WSDL.
func readSources(folder fs.FS, log io.Writer) ([]*source, error) {
	names, leftOut, err := wsdl.Find(folder)
	for _, why := range leftOut {
		fmt.Fprintf(log, "left out: %v\n", why)
	}
	broken := []error{err}
	var sources []*source
	for _, name := range names {
		s, err := readSource(folder, name)
		sources, broken = append(sources, s), append(broken, err)
	}
	if err := errors.Join(broken...); err != nil {
		return nil, err
	}
	slices.SortStableFunc(sources, func(a, b *source) int { return cmp.Compare(a.pkg, b.pkg) })
	return sources, nil
}

func readSource(folder fs.FS, name string) (*source, error) {
	data, err := fs.ReadFile(folder, name)
	if err != nil {
		return nil, fmt.Errorf("read WSDL: %w", err)
	}
	return newSource(name, data)
}

// newSource returns the WSDL in a file of a name that [wsdl.Find] has returned.
func newSource(name string, data []byte) (*source, error) {
	definition, err := wsdl.Parse(name, data)
	if err != nil {
		return nil, err
	}
	text, err := wsdl.Text(data)
	if err != nil {
		return nil, err
	}
	pkg := packageName(definition.File)
	if pkg == "" {
		return nil, &wsdl.Error{File: definition.File,
			Problem: "the file's name has no ASCII letter or digit to name a package by; " +
				"rename the file after its object"}
	}
	digest := sha256.Sum256(text)
	return &source{
		Definition: definition,
		digest:     hex.EncodeToString(digest[:]),
		pkg:        pkg,
		record:     recordName(definition.Object),
		names:      fieldNames(definition.Fields),
	}, nil
}

// checkPackages returns an error if two files would make the same package.
func checkPackages(sources []*source) error {
	for i := 1; i < len(sources); i++ {
		if a, b := sources[i-1], sources[i]; a.pkg == b.pkg {
			return fmt.Errorf("%s and %s would both make the package %s; rename one of them", a.File, b.File,
				a.pkg)
		}
	}
	return nil
}

// checkKinds returns an error if two WSDLs of one object disagree on the type of a field: the
// decoder joins their fields.
func checkKinds(sources []*source) error {
	type declared struct {
		wsdl.Field
		file string
	}
	fields := map[[2]string]declared{}
	for _, s := range sources {
		for _, f := range s.Fields {
			name := [2]string{s.Object, f.Name}
			first, ok := fields[name]
			if !ok {
				fields[name] = declared{f, s.File}
				continue
			}
			if first.Kind() != f.Kind() {
				return &wsdl.Error{File: s.File, Line: f.Line, Problem: fmt.Sprintf(
					"the field %s.%s has the type %s here and %s in %s:%d; "+
						"download both again or remove the older one",
					s.Object, f.Name, f.Type, first.Type, first.file, first.Line)}
			}
		}
	}
	return nil
}

// makeFiles returns the content of all files by their path in the folder of the packages.
func makeFiles(ctx context.Context, sources []*source) (map[string][]byte, error) {
	tmp, err := os.MkdirTemp("", "ackbox-gen-")
	if err != nil {
		return nil, fmt.Errorf("make temporary folder: %w", err)
	}
	defer os.RemoveAll(tmp)
	version, err := gowsdlVersion(ctx)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, s := range sources {
		written, err := runGowsdl(ctx, s, tmp)
		if err != nil {
			return nil, fmt.Errorf("run gowsdl for %s: %w", s.File, err)
		}
		code, err := makePackage(s, written, version)
		if err != nil {
			return nil, err
		}
		files[filepath.Join(s.pkg, s.pkg+".go")] = code
		if files[filepath.Join(s.pkg, s.pkg+".schema.json")], err = renderSchema(s, sources); err != nil {
			return nil, fmt.Errorf("write JSON Schema for %s: %w", s.File, err)
		}
	}
	files["sobject.go"], err = renderList(sources)
	return files, err
}

// makePackage returns the file of one package, made from the code that gowsdl has written.
func makePackage(s *source, written []byte, version string) ([]byte, error) {
	types, err := correct(written, s)
	if err != nil {
		return nil, fmt.Errorf("correct gowsdl's output for %s: %w", s.File, err)
	}
	code, err := renderPackage(s, types, version)
	if err != nil {
		return nil, fmt.Errorf("write code for %s: %w", s.File, err)
	}
	return code, nil
}
