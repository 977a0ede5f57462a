// Package secret keeps what a destination must not show, such as the URL of a webhook: as a
// reference to where it is, or encrypted. It knows nothing of databases and of destinations.
package secret

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// The beginnings of references. Any other text is a secret itself.
const (
	environment = "env:"
	file        = "file:"
)

// maxFile bounds a file that holds a secret, so that a reference to a wrong one is noticed.
const maxFile = 64 << 10

// ErrMissing means that a variable or a file that a reference names is not there, or is empty.
var ErrMissing = errors.New("secret not found")

// IsReference reports whether a text is env:NAME or file:PATH, which say where a secret is.
func IsReference(text string) bool {
	return strings.HasPrefix(text, environment) || strings.HasPrefix(text, file)
}

// Resolve returns the secret that a text refers to, or the text itself if it is no reference. White
// space around the content of a variable or a file is left out. The errors name the variable or the
// file, and never a secret. They are [ErrMissing] if there is none.
func Resolve(text string) (string, error) {
	if name, found := strings.CutPrefix(text, environment); found {
		return resolved("the variable "+name, os.Getenv(name), "set it for this process")
	}
	path, found := strings.CutPrefix(text, file)
	if !found {
		return text, nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrMissing, err) // it names the path
	case !info.Mode().IsRegular() || info.Size() > maxFile:
		return "", fmt.Errorf("%w: %s is not a file of at most 64 KiB", ErrMissing, path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMissing, err)
	}
	return resolved("the file "+path, string(content), "write the secret to it")
}

func resolved(place, content, advice string) (string, error) {
	if content = strings.TrimSpace(content); content == "" {
		return "", fmt.Errorf("%w: %s is empty or not there: %s", ErrMissing, place, advice)
	}
	return content, nil
}

// Shown returns a text that says where a secret is: the reference, or that it is encrypted.
func Shown(text string) string {
	if IsReference(text) {
		return text
	}
	return "(encrypted)"
}
