package secret

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// ReadKeyFile reads keys from a file, in the form that [ParseKeys] takes. The error is
// [fs.ErrNotExist] if there is no such file.
func ReadKeyFile(path string) (*Keys, error) {
	content, err := Resolve(file + path)
	if err != nil {
		return nil, err
	}
	keys, err := ParseKeys(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// MakeKeyFile reads keys from a file, after it has made the file with a new key if there is none.
// The key is on disk, with permissions 0600, before it is used. Of several processes that make it
// at the same time, one succeeds.
func MakeKeyFile(path string) (keys *Keys, made bool, err error) {
	keys, err = ReadKeyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, false, err
	}
	err = writeKeyFile(path)
	if made = err == nil; err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, false, fmt.Errorf("make key file: %w", err)
	}
	keys, err = ReadKeyFile(path)
	return keys, made, err
}

// writeKeyFile writes a new key to a file that must not exist. The file gets its name when it is
// complete.
func writeKeyFile(path string) error {
	raw := make([]byte, keySize)
	_, _ = rand.Read(raw)                                                 // it never fails
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // with permissions 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // its other name stays
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(raw) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder writes the names of the files in a folder to disk. Windows cannot be asked to.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
