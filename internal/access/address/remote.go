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
	// fetchTimeout is how long a list may take to be fetched, all of it.
	fetchTimeout = 30 * time.Second
	// copyTimeout is how long a copy may take to be read or kept.
	copyTimeout  = 10 * time.Second
	maxRedirects = 3
	// firstRetry is how long to wait after a failure. The wait doubles from one to the next, up to the refresh.
	firstRetry = time.Minute
	// maxAge is how old a list may be without a warning, unless three refreshes take longer.
	maxAge = 3 * 24 * time.Hour
)

// remote keeps up to date a list that is at a URL.
type remote struct {
	list    *list
	origin  string
	client  *http.Client
	copies  Copies
	refresh time.Duration
	// unread and unkept say that the copy could not be read or kept the last time.
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
	remote := &remote{list: l, origin: origin, client: carefully(c.Client), copies: c.Copies, refresh: c.Refresh}
	r.watch = append(r.watch, remote.run)
	return nil
}

// checkURL tells whether a list can be fetched from a URL safely, and gives it as it may be logged: without its query,
// which may hold a secret.
func checkURL(text string) (name string, err error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return "", errors.New("a list's URL is not of the form https://host/path")
	case u.User != nil:
		return "", fmt.Errorf("the URL of the list at %s holds a password, which would be stored: leave it out", u.Host)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "", fmt.Errorf("the list at %s is fetched over http://, where anybody on the way can change it: "+
			"use https:// (only a loopback host may do without)", u.Host)
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("the list at %s is fetched over %s://: use https://", u.Host, u.Scheme)
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath(), nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// carefully is a client that cannot be kept waiting, nor led away from https, unless it has rules of its own.
func carefully(given *http.Client) *http.Client {
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
		if r.renew(ctx) {
			retry = firstRetry
		} else {
			wait = min(retry, r.refresh)
			retry = r.nextRetry(retry)
		}
		pause(ctx, wait)
	}
}

// nextRetry is twice as long, except that a list is tried every minute until it is loaded: as long as it is not, nobody
// can be told from anybody.
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

// pause waits, but not beyond the end of the context.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// renew fetches the list and puts it to use, and tells whether it is as it should be, with its copy kept.
func (r *remote) renew(ctx context.Context) bool {
	content, err := r.fetch(ctx)
	var prefixes []netip.Prefix
	if err == nil {
		prefixes, err = parsePublished(content)
	}
	if ctx.Err() != nil { // that is no fault of the list
		return false
	}
	r.list.settle(err)
	if err != nil {
		return false
	}
	now := time.Now()
	r.list.take(prefixes, now)
	return r.keepCopy(ctx, content, now)
}

// fetch is the list as it is at its URL now.
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
		return "", fmt.Errorf("fetch address list: the answer has status %d, not 200", response.StatusCode)
	}
	content, err := readList(response.Body)
	if err != nil {
		return "", fmt.Errorf("fetch address list: %w", withoutURL(err))
	}
	return content, nil
}

// withoutURL is the error without the URL that net/http puts before it: a query may hold a secret.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
