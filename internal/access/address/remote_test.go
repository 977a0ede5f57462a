package address_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/internal/access/address"
)

// Tests of lists at URLs over time, on a fake network with synctest's clock.

const (
	neverLoaded = "a list of address ranges has never been loaded: " +
		"it is not known which addresses are on it"
	badNow = "a list of address ranges has become unusable: its last good copy remains in use"
)

// config returns the configuration of ranges from the list at listURL.
func config(network http.RoundTripper) address.RangesConfig {
	return address.RangesConfig{From: []string{listURL}, Client: &http.Client{Transport: network}}
}

func TestListIsFetchedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		start, p := time.Now(), &publisher{list: listOf("203.0.113.0/24", "192.0.2.0/24")}
		r := watch(t, config(p), &log)
		synctest.Wait()
		requirePlace(t, r, "203.0.113.9", address.Inside)
		requirePlace(t, r, "198.51.100.9", address.Outside)
		p.publish(listOf("203.0.113.0/24", "198.51.100.0/25", "198.51.100.128/25"))
		advance(6 * time.Hour)
		requirePlace(t, r, "203.0.113.9", address.Inside)
		requirePlace(t, r, "198.51.100.9", address.Inside)
		requirePlace(t, r, "192.0.2.9", address.Outside)
		advance(6 * time.Hour)
		requireWarnings(t, r)
		want := []time.Duration{0, 6 * time.Hour, 12 * time.Hour}
		if diff := cmp.Diff(want, p.fetches(start)); diff != "" {
			t.Errorf("fetches (-want +got):\n%s", diff)
		}
		if log.count("level=INFO", "prefixes=3 added=2 removed=1") != 1 ||
			log.count("address list") != 2 {
			t.Errorf("want one log entry for each change, got:\n%s", &log)
		}
	})
}

// The old copy remains in use as a whole, and the cause is logged once.
func TestUnusableListKeepsTheOldOne(t *testing.T) {
	t.Parallel()
	for want, content := range unusable {
		t.Run(want[:min(len(want), 40)], func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log logBuffer
				kept := &copies{kept: map[string]keptCopy{}}
				p := &publisher{list: listOf("192.0.2.0/24")}
				r := watch(t, address.RangesConfig{
					From: []string{listURL}, Client: &http.Client{Transport: p}, Copies: kept,
				}, &log)
				synctest.Wait()
				good := kept.of(listURL)
				p.publish(content)
				advance(24 * time.Hour)
				requirePlace(t, r, "192.0.2.9", address.Inside)
				requirePlace(t, r, "203.0.113.9", address.Outside)
				requireWarnings(t, r, badNow)
				if got := kept.of(listURL); got != good {
					t.Errorf("want the good copy, got %.100v", got)
				}
				if log.count("level=WARN") != 1 || log.count(strings.ReplaceAll(want, `"`, `\"`)) != 1 {
					t.Errorf("want one warning with %q, got:\n%.2000s", want, &log)
				}
				p.publish(listOf("203.0.113.0/24"))
				advance(6 * time.Hour)
				requirePlace(t, r, "203.0.113.9", address.Inside)
				requireWarnings(t, r)
				if log.count("level=INFO", "loaded again") != 1 {
					t.Errorf("want one log entry of the recovery, got:\n%.2000s", &log)
				}
			})
		})
	}
}

func TestUnusableListWithoutGoodCopy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{list: listOf("0.0.0.0/0")}
		r := watch(t, config(p), nil)
		synctest.Wait()
		requirePlace(t, r, "203.0.113.9", address.Unknown)
		requireWarnings(t, r, "a list of address ranges is unusable and has never been loaded: "+
			"it is not known which addresses are on it")
	})
}

// The wait grows from a minute to the refresh. Consecutive failures are logged once.
func TestFailedFetchIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		p := &publisher{list: listOf("203.0.113.0/24")}
		r := watch(t, address.RangesConfig{
			From: []string{listURL}, Client: &http.Client{Transport: p}, Refresh: 5 * time.Minute,
		}, &log)
		synctest.Wait()
		start := time.Now()
		p.publish("")
		advance(22*time.Minute + time.Second)
		m := time.Minute
		want := []time.Duration{0, 5 * m, 6 * m, 8 * m, 12 * m, 17 * m, 22 * m}
		if diff := cmp.Diff(want, p.fetches(start)); diff != "" {
			t.Errorf("fetches (-want +got):\n%s", diff)
		}
		requirePlace(t, r, "203.0.113.9", address.Inside)
		requireWarnings(t, r)
		p.publish(listOf("203.0.113.0/24"))
		advance(5 * time.Minute)
		p.publish("")
		advance(6 * time.Minute)
		if diff := cmp.Diff(33*m, p.fetches(start)[len(want)+2]); diff != "" {
			t.Errorf("wait after a success and a failure (-want +got):\n%s", diff)
		}
		if log.count("level=WARN", "test error") != 2 || log.count("loaded again") != 1 {
			t.Errorf("want one log entry for each change of condition, got:\n%s", &log)
		}
	})
}

// The wait does not grow while it is not known which addresses are inside.
func TestListIsFetchedEveryMinuteUntilLoaded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		start, p := time.Now(), &publisher{}
		r := watch(t, address.RangesConfig{
			From: []string{listURL, "192.0.2.0/24"}, Client: &http.Client{Transport: p},
		}, &log)
		advance(3*time.Minute + time.Second)
		requirePlace(t, r, "203.0.113.9", address.Unknown)
		requirePlace(t, r, "192.0.2.9", address.Inside)
		requireWarnings(t, r, neverLoaded)
		m := time.Minute
		if diff := cmp.Diff([]time.Duration{0, m, 2 * m, 3 * m}, p.fetches(start)); diff != "" {
			t.Errorf("fetches (-want +got):\n%s", diff)
		}
		if log.count("level=WARN") != 1 {
			t.Errorf("want one warning, got:\n%s", &log)
		}
		p.publish(listOf("203.0.113.0/24"))
		advance(time.Minute)
		requirePlace(t, r, "203.0.113.9", address.Inside)
		requirePlace(t, r, "198.51.100.9", address.Outside)
		requireWarnings(t, r)
	})
}

// An address is unknown while one list is missing, even if another is loaded.
func TestOneOfTwoListsIsMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		other := "https://other.example.com/"
		r := watch(t, address.RangesConfig{
			From: []string{listURL, other},
			Client: &http.Client{Transport: network(func(r *http.Request) (*http.Response, error) {
				if r.URL.String() == other {
					return answer(http.StatusNotFound, "")
				}
				return answer(http.StatusOK, listOf("203.0.113.0/24"))
			})},
		}, nil)
		synctest.Wait()
		requirePlace(t, r, "203.0.113.9", address.Inside)
		requirePlace(t, r, "198.51.100.9", address.Unknown)
	})
}

func TestWarningsOfOldList(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for _, test := range []struct {
		name         string
		refresh      time.Duration
		fresh, stale time.Duration
		want         string
	}{
		{"three days", 0, 3*day - time.Hour, 3*day + time.Hour, "3 days"},
		{"three refreshes", 2 * day, 6*day - time.Hour, 6*day + time.Hour, "6 days"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &publisher{list: listOf("203.0.113.0/24")}
				r := watch(t, address.RangesConfig{
					From: []string{listURL}, Client: &http.Client{Transport: p}, Refresh: test.refresh,
				}, nil)
				synctest.Wait()
				p.publish("")
				advance(test.fresh)
				requireWarnings(t, r)
				advance(test.stale - test.fresh)
				requireWarnings(t, r, "a list of address ranges was last fetched "+test.want+" ago")
				requirePlace(t, r, "203.0.113.9", address.Inside)
				requirePlace(t, r, "198.51.100.9", address.Outside)
			})
		})
	}
}

// The query of a URL may contain a secret.
func TestQueryOfURLIsNotLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		kept := &copies{kept: map[string]keptCopy{}}
		p := &publisher{}
		r := watch(t, address.RangesConfig{
			From: []string{listURL + "?key=hunter2"}, Client: &http.Client{Transport: p}, Copies: kept,
		}, &log)
		synctest.Wait()
		p.publish("{")
		advance(time.Minute)
		kept.fail(errTest)
		p.publish(listOf("203.0.113.0/24"))
		advance(time.Minute)
		requirePlace(t, r, "203.0.113.9", address.Inside)
		if log.count(listURL) < 3 || log.count("hunter2") > 0 {
			t.Errorf("want the URL without its query, got:\n%s", &log)
		}
	})
}

// A server may never answer. The fetch is canceled after its timeout and retried.
func TestFetchThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		var fetches int
		hangs := network(func(r *http.Request) (*http.Response, error) {
			fetches++
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		r := watch(t, config(hangs), &log)
		advance(29 * time.Second)
		if log.count("level=WARN") != 0 || fetches != 1 {
			t.Errorf("want one fetch and no warning before 30 s, got %d fetches:\n%s", fetches, &log)
		}
		advance(2 * time.Second)
		if log.count("level=WARN", "exceeded") != 1 {
			t.Errorf("want a timeout, got:\n%s", &log)
		}
		advance(time.Minute)
		if fetches != 2 {
			t.Errorf("got %d fetches, want 2", fetches)
		}
		requirePlace(t, r, "203.0.113.9", address.Unknown)
	})
}

// A fetch that is interrupted by the end of the context is not a failure of the list.
func TestRunEndsDuringAFetch(t *testing.T) {
	t.Parallel()
	var log logBuffer
	synctest.Test(t, func(t *testing.T) {
		hangs := network(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		watch(t, config(hangs), &log)
		synctest.Wait()
	})
	if log.String() != "" {
		t.Errorf("want no log entry, got:\n%s", &log)
	}
}

func TestCheckWhileListChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{list: listOf("203.0.113.0/24")}
		r := watch(t, address.RangesConfig{
			From: []string{listURL}, Client: &http.Client{Transport: p}, Refresh: time.Second,
		}, nil)
		synctest.Wait()
		go func() {
			for i := range 100 {
				p.publish(listOf("203.0.113.0/24", netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String()))
				<-time.After(time.Second)
			}
		}()
		for range 100 {
			requirePlace(t, r, "203.0.113.9", address.Inside)
			requireWarnings(t, r)
			<-time.After(time.Second)
		}
	})
}
