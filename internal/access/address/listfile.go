package address

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"
)

// pollInterval is how often a file is checked for changes.
const pollInterval = 5 * time.Second

// listFile keeps a list from a file up to date.
type listFile struct {
	list *list
	path string
	// seen is the state of the file when it was last read; nil if that failed.
	seen os.FileInfo
}

// addFile reads a list from a file and adds it.
func (r *Ranges) addFile(path string) error {
	f := &listFile{path: path}
	prefixes, err := f.read()
	if err != nil {
		return fmt.Errorf("read file %q: %w", path, err)
	}
	f.list = &list{in: r, name: path, title: "a file of address ranges"}
	r.lists = append(r.lists, f.list)
	f.list.replace(prefixes, time.Now())
	r.watch = append(r.watch, f.run)
	return nil
}

// run rereads the file whenever it has changed, until the context ends.
func (f *listFile) run(ctx context.Context) {
	for pause(ctx, pollInterval); ctx.Err() == nil; pause(ctx, pollInterval) {
		if f.unchanged() {
			continue
		}
		prefixes, err := f.read()
		f.list.setCondition(err)
		if err == nil {
			f.list.replace(prefixes, time.Now())
		}
	}
}

// unchanged reports whether the file is the one that was read. It is false if the last read failed,
// so that the file is read again.
func (f *listFile) unchanged() bool {
	now, err := os.Stat(f.path)
	return err == nil && f.seen != nil && os.SameFile(now, f.seen) &&
		now.Size() == f.seen.Size() && now.ModTime().Equal(f.seen.ModTime())
}

// read returns the list in the file. It calls Stat before it reads, so that a change between the
// two is detected later.
func (f *listFile) read() ([]netip.Prefix, error) {
	f.seen = nil
	seen, err := os.Stat(f.path)
	if err != nil {
		return nil, err
	}
	if !seen.Mode().IsRegular() { // reading a pipe would block until somebody writes to it
		return nil, errors.New("not a regular file")
	}
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := readList(file)
	if err != nil {
		return nil, err
	}
	prefixes, err := parseFile(content)
	if err == nil {
		f.seen = seen
	}
	return prefixes, err
}
