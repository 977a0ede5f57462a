//go:build !windows

package store

import (
	"errors"
	"os"
)

// syncFolder writes the names of the files in a folder to disk.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
