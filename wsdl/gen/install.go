package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// install writes files, by their path in dir, and removes the generated packages in dir that are
// not among them. It returns the names of those. It does not touch files whose content is
// unchanged, and neither replaces nor removes a file that this program has not generated.
func install(dir string, files map[string][]byte) (removed []string, err error) {
	paths := slices.Sorted(maps.Keys(files))
	for _, path := range paths {
		if err := checkGenerated(filepath.Join(dir, path)); err != nil {
			return nil, err
		}
	}
	stale, err := stalePackages(dir, files)
	if err != nil {
		return nil, err
	}
	if err := replace(dir, paths, files); err != nil {
		return nil, err
	}
	for _, name := range stale {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return stale, nil
}

// replace writes all changed files into a temporary folder in dir before it renames the first of
// them into place. The list is renamed after the packages that it imports.
func replace(dir string, paths []string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	stage, err := os.MkdirTemp(dir, ".gen-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	var changed []string
	for _, path := range paths {
		if old, err := os.ReadFile(filepath.Join(dir, path)); err == nil &&
			bytes.Equal(old, files[path]) {
			continue
		}
		changed = append(changed, path)
		if err := os.MkdirAll(filepath.Dir(filepath.Join(stage, path)), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(stage, path), files[path], 0o644); err != nil {
			return err
		}
	}
	isList := func(path string) bool { return filepath.Dir(path) == "." }
	packages := slices.DeleteFunc(slices.Clone(changed), isList)
	lists := slices.DeleteFunc(changed, func(path string) bool { return !isList(path) })
	for _, path := range slices.Concat(packages, lists) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(stage, path), filepath.Join(dir, path)); err != nil {
			return err
		}
	}
	return nil
}

// checkGenerated returns an error if there is a file at path that this program has not generated.
func checkGenerated(path string) error {
	generated, err := isGenerated(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !generated {
		return fmt.Errorf("%s is not a generated file: move it, or rename the WSDL whose package "+
			"has its name", path)
	}
	return nil
}

func isGenerated(path string) (bool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	return bytes.HasPrefix(data, []byte(headerStart)) || bytes.HasPrefix(data, []byte(schemaStart)), nil
}

// stalePackages returns the folders in dir that hold generated files only and are not among files.
func stalePackages(dir string, files map[string][]byte) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var stale []string
	for _, entry := range entries {
		name := entry.Name()
		if _, wanted := files[filepath.Join(name, name+".go")]; wanted || !entry.IsDir() {
			continue
		}
		generated, err := isGeneratedFolder(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if generated {
			stale = append(stale, name)
		}
	}
	return stale, nil
}

// isGeneratedFolder reports whether a folder has files, all of them generated. An empty one is left
// alone.
func isGeneratedFolder(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() {
			return false, nil
		}
		if generated, err := isGenerated(filepath.Join(dir, entry.Name())); !generated || err != nil {
			return false, err
		}
	}
	return len(entries) > 0, nil
}
