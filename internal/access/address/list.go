package address

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// condition says how the last try to load a list went.
type condition int

const (
	sound       condition = iota
	unreachable           // it could not be fetched or read
	unusable              // what is there may not be put to use
)

// list is one that others publish, as far as it is known here. Its fields are guarded by the mutex of its ranges.
type list struct {
	in *Ranges
	// name is for the log; title, in the words of a sentence's subject, is for everybody.
	name, title string
	// maxAge is how old it may become before that is worth a warning; 0 for one that does not age.
	maxAge time.Duration

	prefixes  []netip.Prefix // sorted, each once; none until it is loaded
	at        time.Time      // when they were fetched
	condition condition
}

// loaded tells whether the list has ever been loaded: a list without any prefix is not put to use.
func (l *list) loaded() bool { return len(l.prefixes) > 0 }

// take puts the list's prefixes to use that were fetched at a time, and logs what they change.
func (l *list) take(prefixes []netip.Prefix, at time.Time) {
	l.in.mu.Lock()
	added, removed := difference(l.prefixes, prefixes)
	l.prefixes, l.at = prefixes, at
	l.in.rebuild()
	l.in.mu.Unlock()
	if added > 0 || removed > 0 {
		l.in.log.Info("address list changed", "list", l.name,
			"prefixes", len(prefixes), "added", added, "removed", removed, "fetched_at", at)
	}
}

// difference counts what is only in one of two sorted lists.
func difference(before, after []netip.Prefix) (added, removed int) {
	for len(before) > 0 && len(after) > 0 {
		switch c := before[0].Compare(after[0]); {
		case c < 0:
			removed, before = removed+1, before[1:]
		case c > 0:
			added, after = added+1, after[1:]
		default:
			before, after = before[1:], after[1:]
		}
	}
	return added + len(after), removed + len(before)
}

// settle notes how a try to load the list went, and logs it when that differs from the try before.
func (l *list) settle(err error) {
	l.in.mu.Lock()
	before, now, loaded := l.condition, conditionOf(err), l.loaded()
	l.condition = now
	l.in.mu.Unlock()
	switch {
	case before == now:
	case now == sound:
		l.in.log.Info("address list is well again", "list", l.name)
	case !loaded:
		l.in.log.Warn("address list not loaded, and it never was: whether an address is on it is not known",
			"list", l.name, "error", err)
	default:
		l.in.log.Warn("address list not loaded, what was known of it stays in use", "list", l.name, "error", err)
	}
}

func conditionOf(err error) condition {
	switch {
	case err == nil:
		return sound
	case errors.Is(err, errUnusable):
		return unusable
	}
	return unreachable
}

// warnings are what is to be said of the list to everybody.
func (l *list) warnings(now time.Time) (warnings []string) {
	age := now.Sub(l.at)
	switch {
	case !l.loaded() && l.condition == unusable:
		return []string{l.title + " is unusable and has never been loaded: whether an address is on it is not known"}
	case !l.loaded():
		return []string{l.title + " has never been loaded: whether an address is on it is not known"}
	case l.condition == unusable:
		warnings = append(warnings, l.title+" has become unusable: its last good copy stays in use")
	case l.condition == unreachable && l.maxAge == 0:
		warnings = append(warnings, l.title+" cannot be read any more: its last good copy stays in use")
	}
	if l.maxAge > 0 && age > l.maxAge {
		warnings = append(warnings, fmt.Sprintf("%s was last fetched %d days ago", l.title, age/(24*time.Hour)))
	}
	return warnings
}
