package address

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// presetSalesforce stands for the list that Salesforce publishes in a list of address ranges.
const presetSalesforce = "salesforce"

// salesforceList has the addresses that requests of Hyperforce come from, among others: it proves a cloud of
// Salesforce's, not an organization. It changes, and all of it is to be allowed, whatever the region
// (https://help.salesforce.com/s/articleView?id=000394078).
const salesforceList = "https://ip-ranges.salesforce.com/ip-ranges.json"

const (
	// defaultRefresh is how often a list is fetched anew unless it is set.
	defaultRefresh = 6 * time.Hour
	// minRefresh keeps a slip of the unit from wearing out whoever publishes a list.
	minRefresh = time.Second
)

// Place says where an address is, seen from the ranges.
type Place int

// The places.
const (
	Outside Place = iota // in no range, or no address at all
	Inside
	Unknown // in no range that is known, but a list has never been loaded
)

var placeNames = [...]string{Outside: "outside", Inside: "inside", Unknown: "unknown"}

// String is the place in a word.
func (p Place) String() string { return placeNames[p] }

// RangesConfig says which addresses are inside.
type RangesConfig struct {
	// From are addresses and CIDR ranges, which are taken as they are; and lists that others publish: an https:// URL, a
	// file, or [presetSalesforce]. A list at a URL is JSON in Salesforce's form; one in a file may also have a range on
	// each line. A file whose name reads as something else is given with its folder, such as ./salesforce.
	From []string
	// Refresh is how often a URL is fetched anew, a second at least; 6 hours when 0.
	Refresh time.Duration
	// Copies keep the last good copy of each URL's list, so that a restart without network goes on with it. May be nil.
	Copies Copies
	Log    *slog.Logger // slog.Default when nil
	// Client fetches the lists. Unless it has rules of its own, it waits 30 seconds and follows 3 redirects, to https.
	Client *http.Client
}

// Copies is where the last good copies of lists are kept, each under the URL that it comes from.
type Copies interface {
	// AddressList is the copy and when it was fetched; "" when there is none.
	AddressList(ctx context.Context, origin string) (content string, fetchedAt time.Time, err error)
	// KeepAddressList puts a copy in the place of the one before.
	KeepAddressList(ctx context.Context, origin, content string, fetchedAt time.Time) error
}

// Ranges are the addresses that messages may come from. They are safe for concurrent use.
type Ranges struct {
	log   *slog.Logger
	fixed []netip.Prefix
	lists []*list
	// watch are what keeps the lists up to date.
	watch []func(ctx context.Context)

	mu    sync.Mutex // held while a list changes
	known atomic.Pointer[known]
}

// known is what an address is looked up in; it is replaced, never changed.
type known struct {
	spans spans
	// missing says that a list has never been loaded.
	missing bool
}

// NewRanges checks the settings, and reads the lists that are files. Those at URLs are fetched by [Ranges.Run]; until
// then an address may be [Unknown]. An error is one of the settings.
func NewRanges(c RangesConfig) (*Ranges, error) {
	if len(c.From) == 0 {
		return nil, errors.New("address ranges: none is given, so that nobody would be inside: " +
			"give ranges, or salesforce")
	}
	if c.Refresh == 0 {
		c.Refresh = defaultRefresh
	}
	if c.Refresh < minRefresh {
		return nil, fmt.Errorf("address ranges: a refresh every %s is too often: give a duration such as 6h", c.Refresh)
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	r := &Ranges{log: c.Log}
	for _, from := range c.From {
		if err := r.add(c, from); err != nil {
			return nil, fmt.Errorf("address ranges: %w", err)
		}
	}
	r.rebuild()
	return r, nil
}

// add takes one of the settings' ranges or lists.
func (r *Ranges) add(c RangesConfig, from string) error {
	if from == presetSalesforce {
		return r.addURL(c, salesforceList)
	}
	if strings.Contains(from, "://") {
		return r.addURL(c, from)
	}
	prefix, notPrefix := parsePrefix(from)
	if notPrefix == nil {
		r.fixed = append(r.fixed, prefix)
		return nil
	}
	err := r.addFile(from)
	if err != nil && !errors.Is(err, errUnusable) {
		return fmt.Errorf("%w, and no file that can be read, nor an https:// URL, nor %s: %w",
			notPrefix, presetSalesforce, err)
	}
	return err
}

// rebuild makes what is known anew of all that was given and loaded.
func (r *Ranges) rebuild() {
	prefixes, missing := slices.Clone(r.fixed), false
	for _, l := range r.lists {
		prefixes = append(prefixes, l.prefixes...)
		missing = missing || !l.loaded()
	}
	r.known.Store(&known{newSpans(prefixes), missing})
}

// Run loads the lists and keeps them up to date until the context ends; then it returns nil. It runs once at a time.
func (r *Ranges) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	for _, watch := range r.watch {
		watching.Go(func() { watch(ctx) })
	}
	<-ctx.Done()
	watching.Wait()
	return nil
}

// Check tells where an address is. An IPv4 address in IPv6's form is the same as without, and a zone does not count.
func (r *Ranges) Check(addr netip.Addr) Place {
	known := r.known.Load()
	switch {
	case !addr.IsValid():
		return Outside
	case known.spans.contains(addr.Unmap().WithZone("")):
		return Inside
	case known.missing:
		return Unknown
	}
	return Outside
}

// Warnings are sentences for the operator about lists that are missing, old or unusable. They name nothing that only an
// operator may know: neither a file nor a URL but Salesforce's.
func (r *Ranges) Warnings(now time.Time) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var warnings []string
	for _, l := range r.lists {
		warnings = append(warnings, l.warnings(now)...)
	}
	return warnings
}
