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

// Lists at URLs over time, on a network that is made up. The clock of these tests stands until all wait for it.

const (
	neverLoaded = "a list of address ranges has never been loaded: whether an address is on it is not known"
	badNow      = "a list of address ranges has become unusable: its last good copy stays in use"
)

func TestListIsFetchedAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		start, p := time.Now(), &publisher{list: listOf("203.0.113.0/24", "192.0.2.0/24")}
		r := watch(t, address.RangesConfig{From: []string{listURL}, Client: &http.Client{Transport: p}}, &log)
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
		if diff := cmp.Diff([]time.Duration{0, 6 * time.Hour, 12 * time.Hour}, p.fetches(start)); diff != "" {
			t.Errorf("fetches (-want +got):\n%s", diff)
		}
		if log.count("level=INFO", "prefixes=3 added=2 removed=1") != 1 || log.count("address list") != 2 {
			t.Errorf("want each change logged once, got:\n%s", &log)
		}
	})
}

// What is wrong with a new copy leaves the old one in use, as a whole, and is logged once with its cause.
func TestUnusableListKeepsTheOldOne(t *testing.T) {
	t.Parallel()
	for want, content := range unusable {
		t.Run(want[:min(len(want), 40)], func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log journal
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
					t.Errorf("want the good copy kept, got %.100v", got)
				}
				if log.count("level=WARN") != 1 || log.count(strings.ReplaceAll(want, `"`, `\"`)) != 1 {
					t.Errorf("want one warning with %q, got:\n%.2000s", want, &log)
				}
				p.publish(listOf("203.0.113.0/24"))
				advance(6 * time.Hour)
				requirePlace(t, r, "203.0.113.9", address.Inside)
				requireWarnings(t, r)
				if log.count("level=INFO", "well again") != 1 {
					t.Errorf("want the end of it logged once, got:\n%.2000s", &log)
				}
			})
		})
	}
}

func TestUnusableListWithoutAnOldOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &publisher{list: listOf("0.0.0.0/0")}
		r := watch(t, address.RangesConfig{From: []string{listURL}, Client: &http.Client{Transport: p}}, nil)
		synctest.Wait()
		requirePlace(t, r, "203.0.113.9", address.Unknown)
		requireWarnings(t, r, "a list of address ranges is unusable and has never been loaded: "+
			"whether an address is on it is not known")
	})
}

// The waits grow from a minute to the refresh, and one failure or a hundred are logged alike.
func TestFailedFetchIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
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
			t.Errorf("after a good fetch the first wait is a minute again (-want +got):\n%s", diff)
		}
		if log.count("level=WARN", "made up") != 2 || log.count("well again") != 1 {
			t.Errorf("want each change of state logged once, got:\n%s", &log)
		}
	})
}

// While it is not known who is inside, the wait does not grow.
func TestListThatWasNeverLoadedIsTriedEveryMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
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

// One list that is missing leaves open what is on it, whatever is known of another.
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

func TestWarningsOfAnOldList(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for _, test := range []struct {
		name        string
		refresh     time.Duration
		well, stale time.Duration
		want        string
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
				advance(test.well)
				requireWarnings(t, r)
				advance(test.stale - test.well)
				requireWarnings(t, r, "a list of address ranges was last fetched "+test.want+" ago")
				requirePlace(t, r, "203.0.113.9", address.Inside)
				requirePlace(t, r, "198.51.100.9", address.Outside)
			})
		})
	}
}

// Neither the log nor a warning shows the query of a URL: it may hold a secret.
func TestQueryOfAURLIsNotShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
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

// Neither does a server that never answers hold anything up, nor one that sends a byte now and then.
func TestFetchThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		var fetches int
		hangs := network(func(r *http.Request) (*http.Response, error) {
			fetches++
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		r := watch(t, address.RangesConfig{From: []string{listURL}, Client: &http.Client{Transport: hangs}}, &log)
		advance(29 * time.Second)
		if log.count("level=WARN") != 0 || fetches != 1 {
			t.Errorf("want it to wait for 30 s, got %d fetches:\n%s", fetches, &log)
		}
		advance(2 * time.Second)
		if log.count("level=WARN", "exceeded") != 1 {
			t.Errorf("want it to give up, got:\n%s", &log)
		}
		advance(time.Minute)
		if fetches != 2 {
			t.Errorf("got %d fetches, want another", fetches)
		}
		requirePlace(t, r, "203.0.113.9", address.Unknown)
	})
}

// The context ends in the middle of a fetch: that is no fault of the list's, and Run comes back at once.
func TestRunEndsDuringAFetch(t *testing.T) {
	t.Parallel()
	var log journal
	synctest.Test(t, func(t *testing.T) {
		hangs := network(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		watch(t, address.RangesConfig{From: []string{listURL}, Client: &http.Client{Transport: hangs}}, &log)
		synctest.Wait()
	})
	if log.String() != "" {
		t.Errorf("want nothing logged, got:\n%s", &log)
	}
}

func TestCheckWhileAListChanges(t *testing.T) {
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
