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

// presetSalesforce is the name of Salesforce's published list in a list of address ranges.
const presetSalesforce = "salesforce"

// salesforceList is the URL of the addresses from which Hyperforce sends requests, among others. An
// address on it proves that a request comes from Salesforce, not from which organization. The list
// changes, and all of it must be allowed, whatever the region
// (https://help.salesforce.com/s/articleView?id=000394078).
const salesforceList = "https://ip-ranges.salesforce.com/ip-ranges.json"

const (
	// defaultRefresh is how often a list is fetched again, unless Refresh is set.
	defaultRefresh = 6 * time.Hour
	// minRefresh protects publishers from a mistake in the unit.
	minRefresh = time.Second
)

// Place is the position of an address relative to the ranges.
type Place int

// The places.
const (
	Outside Place = iota // in no range, or the invalid address
	Inside               // in a range
	Unknown              // in no known range, but a list has never been loaded
)

var placeNames = [...]string{Outside: "outside", Inside: "inside", Unknown: "unknown"}

// String returns outside, inside or unknown.
func (p Place) String() string { return placeNames[p] }

// RangesConfig determines which addresses are inside.
type RangesConfig struct {
	// From has addresses, CIDR ranges, and lists: an https:// URL, a file, or salesforce for the
	// list that Salesforce publishes. A list at a URL is JSON in Salesforce's format; a file may
	// have a range on each line instead. A file whose name could be something else must be given
	// with its folder, such as ./salesforce.
	From []string
	// Refresh is how often a URL is fetched again, at least 1 second; 0 is 6 hours.
	Refresh time.Duration
	// Copies stores the last good copy of each URL's list for a restart without network. It may be
	// nil.
	Copies Copies
	Log    *slog.Logger // slog.Default() if nil
	// Client fetches the lists. If its Timeout is zero, it is 30 seconds. If its CheckRedirect is
	// nil, at most 3 redirects are followed, only to https. Client may be nil.
	Client *http.Client
}

// Copies stores the last good copies of lists, each under the URL from which it was fetched.
type Copies interface {
	// AddressList returns the copy and when it was fetched, or "" if there is none.
	AddressList(ctx context.Context, origin string) (content string, fetchedAt time.Time, err error)
	// KeepAddressList stores a copy in place of the one before.
	KeepAddressList(ctx context.Context, origin, content string, fetchedAt time.Time) error
}

// Ranges holds the addresses from which messages may come. It is safe for concurrent use.
type Ranges struct {
	log   *slog.Logger
	fixed []netip.Prefix
	lists []*list
	// watch has a function for each list that keeps it up to date.
	watch []func(ctx context.Context)

	mu    sync.Mutex // guards the lists
	known atomic.Pointer[known]
}

// known is what addresses are looked up in. It is replaced, never modified.
type known struct {
	spans   spans
	missing bool // a list has never been loaded
}

// NewRanges checks the configuration and reads the lists in files. Lists at URLs are fetched by
// [Ranges.Run]; until then an address may be [Unknown]. An error means that the configuration is
// wrong.
func NewRanges(c RangesConfig) (*Ranges, error) {
	if len(c.From) == 0 {
		return nil, errors.New("address ranges: none is given, so no address could be inside: " +
			"give ranges or salesforce")
	}
	if c.Refresh == 0 {
		c.Refresh = defaultRefresh
	}
	if c.Refresh < minRefresh {
		return nil, fmt.Errorf("address ranges: a refresh every %s is too often: "+
			"give a duration such as 6h", c.Refresh)
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

// add adds a range or list of the configuration.
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
		return fmt.Errorf("%w, nor a readable file, an https:// URL or %s: %w",
			notPrefix, presetSalesforce, err)
	}
	return err
}

// rebuild replaces what is known by all ranges that were given and loaded.
func (r *Ranges) rebuild() {
	prefixes, missing := slices.Clone(r.fixed), false
	for _, l := range r.lists {
		prefixes = append(prefixes, l.prefixes...)
		missing = missing || !l.loaded()
	}
	r.known.Store(&known{newSpans(prefixes), missing})
}

// Run loads the lists and keeps them up to date until the context ends, and then returns nil. It
// must not be called again before it has returned.
func (r *Ranges) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	for _, watch := range r.watch {
		watching.Go(func() { watch(ctx) })
	}
	<-ctx.Done()
	watching.Wait()
	return nil
}

// Check returns the place of an address. An IPv4-mapped IPv6 address is treated as IPv4, and zones
// are ignored.
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

// Warnings returns a sentence for each list that is missing, old or unusable. Anyone may read them:
// they contain no file name, and no URL except Salesforce's.
func (r *Ranges) Warnings(now time.Time) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var warnings []string
	for _, l := range r.lists {
		warnings = append(warnings, l.warnings(now)...)
	}
	return warnings
}
