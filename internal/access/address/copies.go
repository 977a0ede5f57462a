package address

import (
	"context"
	"time"
)

// loadCopy puts the copy that was kept of the list to use, unless the list is loaded.
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
		err = r.takeCopy(content, at)
	}
	if err != nil && !r.unread {
		r.list.in.log.Warn("copy of address list not loaded", "list", r.list.name, "error", err)
	}
	r.unread = err != nil
}

// takeCopy trusts a copy no more than what is fetched.
func (r *remote) takeCopy(content string, at time.Time) error {
	prefixes, err := parsePublished(content)
	if err != nil {
		return err
	}
	r.list.take(prefixes, at)
	return nil
}

// keepCopy keeps a good copy of the list, and tells whether it could. Without a place for it there is nothing to do.
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
		r.list.in.log.Warn("copy of address list not kept, a restart without network would lack it",
			"list", r.list.name, "error", err)
	}
	r.unkept = err != nil
	return err == nil
}
