package address

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"
)

// lookEvery is how often a file is looked at.
const lookEvery = 5 * time.Second

// listFile keeps up to date a list that is in a file.
type listFile struct {
	list *list
	path string
	// seen is the file when it was last read; nil when that failed.
	seen os.FileInfo
}

// addFile adds a list in a file, and reads it.
func (r *Ranges) addFile(path string) error {
	f := &listFile{path: path}
	prefixes, err := f.read()
	if err != nil {
		return fmt.Errorf("read file %q: %w", path, err)
	}
	f.list = &list{in: r, name: path, title: "a file of address ranges"}
	r.lists = append(r.lists, f.list)
	f.list.take(prefixes, time.Now())
	r.watch = append(r.watch, f.run)
	return nil
}

// run reads the file anew when it has changed, until the context ends.
func (f *listFile) run(ctx context.Context) {
	for pause(ctx, lookEvery); ctx.Err() == nil; pause(ctx, lookEvery) {
		if f.unchanged() {
			continue
		}
		prefixes, err := f.read()
		f.list.settle(err)
		if err == nil {
			f.list.take(prefixes, time.Now())
		}
	}
}

// unchanged tells whether the file is the one that was read. One that could not be read is worth another try.
func (f *listFile) unchanged() bool {
	now, err := os.Stat(f.path)
	return err == nil && f.seen != nil &&
		os.SameFile(now, f.seen) && now.Size() == f.seen.Size() && now.ModTime().Equal(f.seen.ModTime())
}

// read is the list in the file. It is looked at before it is read, so that a change between the two is seen later.
func (f *listFile) read() ([]netip.Prefix, error) {
	f.seen = nil
	seen, err := os.Stat(f.path)
	if err != nil {
		return nil, err
	}
	if !seen.Mode().IsRegular() { // reading a pipe would wait for whoever writes to it
		return nil, errors.New("it is no regular file")
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
