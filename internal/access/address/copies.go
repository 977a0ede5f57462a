package address

import (
	"context"
	"time"
)

// loadCopy puts the stored copy of the list to use, unless the list is loaded already.
func (r *remote) loadCopy(ctx context.Context) {
	if r.copies == nil || r.loaded() {
		return
	}
	reading, cancel := context.WithTimeout(ctx, copyTimeout)
	defer cancel()
	content, at, err := r.copies.AddressList(reading, r.origin)
	if ctx.Err() != nil || err == nil && content == "" {
		return
	}
	if err == nil {
		err = r.useCopy(content, at)
	}
	if err != nil && !r.unread {
		r.list.in.log.Warn("copy of address list not loaded", "list", r.list.name, "error", err)
	}
	r.unread = err != nil
}

// useCopy puts a copy to use. It makes the same checks as for a list that was fetched.
func (r *remote) useCopy(content string, at time.Time) error {
	prefixes, err := parsePublished(content)
	if err != nil {
		return err
	}
	r.list.replace(prefixes, at)
	return nil
}

// keepCopy stores a copy of the list and reports whether it succeeded. It succeeds if there is no
// place for copies.
func (r *remote) keepCopy(ctx context.Context, content string, at time.Time) bool {
	if r.copies == nil {
		return true
	}
	keeping, cancel := context.WithTimeout(ctx, copyTimeout)
	defer cancel()
	err := r.copies.KeepAddressList(keeping, r.origin, content, at)
	if ctx.Err() != nil {
		return false
	}
	if err != nil && !r.unkept {
		r.list.in.log.Warn("copy of address list not stored, a restart without network would not have it",
			"list", r.list.name, "error", err)
	}
	r.unkept = err != nil
	return err == nil
}
