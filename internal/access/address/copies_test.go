package address_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/internal/access/address"
)

func TestGoodListIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		content, kept := listOf("203.0.113.0/24"), &copies{kept: map[string]keptCopy{}}
		watch(t, address.RangesConfig{
			From: []string{listURL}, Client: &http.Client{Transport: &publisher{list: content}}, Copies: kept,
		}, nil)
		advance(6*time.Hour + time.Second)
		want := keptCopy{content, time.Now().Add(-time.Second)}
		if diff := cmp.Diff(want, kept.of(listURL)); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
	})
}

// A restart without network goes on with the copy, which is as old as it is.
func TestRestartWithoutNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &copies{kept: map[string]keptCopy{
			listURL: {listOf("203.0.113.0/24"), time.Now().Add(-4 * 24 * time.Hour)},
		}}
		r := watch(t, address.RangesConfig{
			From: []string{listURL}, Client: &http.Client{Transport: &publisher{}}, Copies: kept,
		}, nil)
		synctest.Wait()
		requirePlace(t, r, "203.0.113.9", address.Inside)
		requirePlace(t, r, "198.51.100.9", address.Outside)
		requireWarnings(t, r, "a list of address ranges was last fetched 4 days ago")
	})
}

// The copy is there before the first fetch has come back, which may take its time.
func TestCopyIsLoadedBeforeTheFirstFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kept := &copies{kept: map[string]keptCopy{listURL: {listOf("203.0.113.0/24"), time.Now()}}}
		slow := network(func(*http.Request) (*http.Response, error) {
			<-time.After(10 * time.Second)
			return answer(http.StatusOK, listOf("198.51.100.0/24"))
		})
		r := watch(t, address.RangesConfig{
			From: []string{listURL}, Client: &http.Client{Transport: slow}, Copies: kept,
		}, nil)
		synctest.Wait()
		requirePlace(t, r, "203.0.113.9", address.Inside)
		advance(10 * time.Second)
		requirePlace(t, r, "203.0.113.9", address.Outside)
		requirePlace(t, r, "198.51.100.9", address.Inside)
	})
}

// Whoever can write to the database opens no door by it that a published list could not.
func TestUnusableCopyIsNotLoaded(t *testing.T) {
	t.Parallel()
	for want, content := range unusable {
		t.Run(want[:min(len(want), 40)], func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log journal
				kept := &copies{kept: map[string]keptCopy{listURL: {content, time.Now()}}}
				p := &publisher{}
				r := watch(t, address.RangesConfig{
					From: []string{listURL}, Client: &http.Client{Transport: p}, Copies: kept,
				}, &log)
				advance(5 * time.Minute)
				requirePlace(t, r, "203.0.113.9", address.Unknown)
				if log.count("copy of address list not loaded") != 1 {
					t.Errorf("want it logged once, got:\n%.2000s", &log)
				}
				p.publish(listOf("198.51.100.0/24"))
				advance(time.Minute)
				requirePlace(t, r, "203.0.113.9", address.Outside)
			})
		})
	}
}

// The database and the network are down at the start; the database comes back first.
func TestCopyThatCannotBeReadIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		kept := &copies{kept: map[string]keptCopy{listURL: {listOf("203.0.113.0/24"), time.Now()}}}
		kept.fail(errTest)
		r := watch(t, address.RangesConfig{
			From: []string{listURL}, Client: &http.Client{Transport: &publisher{}}, Copies: kept,
		}, &log)
		advance(10*time.Minute + time.Second)
		requirePlace(t, r, "203.0.113.9", address.Unknown)
		if log.count("level=WARN") != 2 {
			t.Errorf("want each fault logged once, got:\n%s", &log)
		}
		kept.fail(nil)
		advance(time.Minute)
		requirePlace(t, r, "203.0.113.9", address.Inside)
		requireWarnings(t, r)
	})
}

// The list is in use though its copy cannot be kept, and that is tried again before the next refresh.
func TestCopyThatCannotBeKeptIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		kept := &copies{kept: map[string]keptCopy{}}
		kept.fail(errTest)
		content := listOf("203.0.113.0/24")
		r := watch(t, address.RangesConfig{
			From: []string{listURL}, Client: &http.Client{Transport: &publisher{list: content}}, Copies: kept,
		}, &log)
		advance(2 * time.Minute)
		requirePlace(t, r, "203.0.113.9", address.Inside)
		requireWarnings(t, r)
		if log.count("copy of address list not kept") != 1 {
			t.Errorf("want it logged once, got:\n%s", &log)
		}
		kept.fail(nil)
		advance(5 * time.Minute)
		if got := kept.of(listURL).Content; got != content {
			t.Errorf("got %q kept, want %q", got, content)
		}
	})
}
