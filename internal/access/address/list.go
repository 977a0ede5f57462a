package address

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// condition is the outcome of the last attempt to load a list.
type condition int

const (
	good        condition = iota
	unreachable           // it could not be fetched or read
	unusable              // its content failed a check
)

// list holds the known content of a list from a file or URL. Its fields are guarded by the mutex of
// its ranges.
type list struct {
	in *Ranges
	// name is for the log. title is the subject of a warning's sentence, which anyone may read.
	name, title string
	// maxAge is the age from which Warnings mentions it; 0 is no limit.
	maxAge time.Duration

	prefixes  []netip.Prefix // sorted, without duplicates; empty until it is loaded
	at        time.Time      // when the prefixes were fetched
	condition condition
}

// loaded reports whether the list has ever been loaded. An empty list is never put to use.
func (l *list) loaded() bool { return len(l.prefixes) > 0 }

// replace replaces the prefixes by those fetched at a time, and logs the number of changes.
func (l *list) replace(prefixes []netip.Prefix, at time.Time) {
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

// difference returns how many prefixes are in only one of two sorted lists.
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

// setCondition records the outcome of an attempt to load the list, and logs it if it differs from
// the one before.
func (l *list) setCondition(err error) {
	l.in.mu.Lock()
	before, now, loaded := l.condition, conditionOf(err), l.loaded()
	l.condition = now
	l.in.mu.Unlock()
	switch {
	case before == now:
	case now == good:
		l.in.log.Info("address list loaded again", "list", l.name)
	case !loaded:
		l.in.log.Warn("address list not loaded, its addresses are not known yet",
			"list", l.name, "error", err)
	default:
		l.in.log.Warn("address list not loaded, its last good copy remains in use",
			"list", l.name, "error", err)
	}
}

func conditionOf(err error) condition {
	switch {
	case err == nil:
		return good
	case errors.Is(err, errUnusable):
		return unusable
	}
	return unreachable
}

// warnings returns what [Ranges.Warnings] says about the list.
func (l *list) warnings(now time.Time) (warnings []string) {
	const unknown = "it is not known which addresses are on it"
	age := now.Sub(l.at)
	switch {
	case !l.loaded() && l.condition == unusable:
		return []string{l.title + " is unusable and has never been loaded: " + unknown}
	case !l.loaded():
		return []string{l.title + " has never been loaded: " + unknown}
	case l.condition == unusable:
		warnings = append(warnings, l.title+" has become unusable: its last good copy remains in use")
	case l.condition == unreachable && l.maxAge == 0:
		warnings = append(warnings, l.title+" can no longer be read: its last good copy remains in use")
	}
	if l.maxAge > 0 && age > l.maxAge {
		days := age / (24 * time.Hour)
		warnings = append(warnings, fmt.Sprintf("%s was last fetched %d days ago", l.title, days))
	}
	return warnings
}
