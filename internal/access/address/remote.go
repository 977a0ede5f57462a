package address

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

const (
	// fetchTimeout limits a fetch, including the body.
	fetchTimeout = 30 * time.Second
	// copyTimeout limits reading or storing a copy.
	copyTimeout  = 10 * time.Second
	maxRedirects = 3
	// firstRetry is the wait after a failure. It doubles with each failure, up to the refresh.
	firstRetry = time.Minute
	// maxAge is how old a list may be without a warning, unless three refreshes are longer.
	maxAge = 3 * 24 * time.Hour
)

// remote keeps a list at a URL up to date.
type remote struct {
	list    *list
	origin  string
	client  *http.Client
	copies  Copies
	refresh time.Duration
	// unread and unkept are whether the last attempt to read or store the copy failed.
	unread, unkept bool
}

// addURL adds a list at a URL.
func (r *Ranges) addURL(c RangesConfig, origin string) error {
	name, err := checkURL(origin)
	if err != nil {
		return err
	}
	l := &list{in: r, name: name, title: "a list of address ranges", maxAge: max(maxAge, 3*c.Refresh)}
	if origin == salesforceList {
		l.title = "the list of address ranges at " + salesforceList
	}
	r.lists = append(r.lists, l)
	remote := &remote{
		list: l, origin: origin, client: withDefaults(c.Client), copies: c.Copies, refresh: c.Refresh,
	}
	r.watch = append(r.watch, remote.run)
	return nil
}

// checkURL returns an error if a list cannot be fetched safely from a URL. The name is the URL for
// the log: without its query, which may contain a secret.
func checkURL(text string) (name string, err error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return "", errors.New("the URL of a list must have the form https://host/path")
	case u.User != nil:
		return "", fmt.Errorf("the URL of the list at %s contains credentials, which would be stored: "+
			"remove them", u.Host)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "", fmt.Errorf("the list at %s would be fetched over http://, so anyone on the network "+
			"could change it: use https:// (http:// is allowed for loopback hosts only)", u.Host)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("the list at %s cannot be fetched over %s://: use https://",
			u.Host, u.Scheme)
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath(), nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// withDefaults returns a copy of a client, which may be nil, with a timeout and a redirect policy
// unless it has its own.
func withDefaults(given *http.Client) *http.Client {
	client := &http.Client{}
	if given != nil {
		*client = *given
	}
	if client.Timeout == 0 {
		client.Timeout = fetchTimeout
	}
	if client.CheckRedirect == nil {
		client.CheckRedirect = checkRedirect
	}
	return client
}

func checkRedirect(to *http.Request, via []*http.Request) error {
	switch {
	case to.URL.Scheme != "https":
		return fmt.Errorf("redirected to %s over %s, not https", to.URL.Host, to.URL.Scheme)
	case len(via) > maxRedirects:
		return fmt.Errorf("redirected more than %d times", maxRedirects)
	}
	return nil
}

// run keeps the list up to date until the context ends.
func (r *remote) run(ctx context.Context) {
	retry := firstRetry
	for ctx.Err() == nil {
		r.loadCopy(ctx)
		wait := r.refresh
		if r.update(ctx) {
			retry = firstRetry
		} else {
			wait = min(retry, r.refresh)
			retry = r.nextRetry(retry)
		}
		pause(ctx, wait)
	}
}

// nextRetry returns the wait after the next failure. It does not grow while the list is not loaded,
// because it is not known then which addresses are on it.
func (r *remote) nextRetry(retry time.Duration) time.Duration {
	if !r.loaded() {
		return firstRetry
	}
	return min(2*retry, r.refresh)
}

func (r *remote) loaded() bool {
	r.list.in.mu.Lock()
	defer r.list.in.mu.Unlock()
	return r.list.loaded()
}

// pause waits for a duration or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// update fetches the list and puts it to use. It reports whether that and storing a copy succeeded.
func (r *remote) update(ctx context.Context) bool {
	content, err := r.fetch(ctx)
	var prefixes []netip.Prefix
	if err == nil {
		prefixes, err = parsePublished(content)
	}
	if ctx.Err() != nil { // not a failure of the list
		return false
	}
	r.list.setCondition(err)
	if err != nil {
		return false
	}
	now := time.Now()
	r.list.replace(prefixes, now)
	return r.keepCopy(ctx, content, now)
}

// fetch returns the current content of the URL.
func (r *remote) fetch(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.origin, nil)
	if err != nil {
		return "", fmt.Errorf("fetch address list: %w", withoutURL(err))
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "ackbox")
	response, err := r.client.Do(request)
	if err != nil {
		return "", fmt.Errorf("fetch address list: %w", withoutURL(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("fetch address list: the answer has status %d, not 200",
			response.StatusCode)
	}
	content, err := readList(response.Body)
	if err != nil {
		return "", fmt.Errorf("fetch address list: %w", withoutURL(err))
	}
	return content, nil
}

// withoutURL returns an error without the URL that net/http adds: its query may contain a secret.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
