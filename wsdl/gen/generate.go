package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"ackbox/wsdl"
)

// source is one WSDL with the names in its package.
type source struct {
	*wsdl.Definition
	digest string   // SHA-256 of the file, in hex
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
	sources, err := readSources(wsdlDir)
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

// readSources parses all WSDLs and returns them sorted by package. Its error includes every invalid
// one.
func readSources(wsdlDir string) ([]*source, error) {
	paths, err := filepath.Glob(filepath.Join(wsdlDir, "*.wsdl"))
	if err != nil {
		return nil, fmt.Errorf("list WSDLs: %w", err)
	}
	var sources []*source
	var broken []error
	for _, path := range paths {
		s, err := readSource(path)
		sources, broken = append(sources, s), append(broken, err)
	}
	if err := errors.Join(broken...); err != nil {
		return nil, err
	}
	slices.SortStableFunc(sources, func(a, b *source) int { return cmp.Compare(a.pkg, b.pkg) })
	return sources, nil
}

func readSource(path string) (*source, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read WSDL: %w", err)
	}
	definition, err := wsdl.Parse(path, data)
	if err != nil {
		return nil, err
	}
	pkg := packageName(definition.File)
	if pkg == "" {
		return nil, &wsdl.Error{File: definition.File,
			Problem: "the file's name has no ASCII letter or digit to name a package by; " +
				"rename the file after its object"}
	}
	digest := sha256.Sum256(data)
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
		types, err := correct(written, s)
		if err != nil {
			return nil, fmt.Errorf("correct gowsdl's output for %s: %w", s.File, err)
		}
		code, err := renderPackage(s, types, version)
		if err != nil {
			return nil, fmt.Errorf("write code for %s: %w", s.File, err)
		}
		files[filepath.Join(s.pkg, s.pkg+".go")] = code
	}
	files["sobject.go"], err = renderList(sources)
	return files, err
}
