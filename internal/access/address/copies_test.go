package address_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/internal/access/address"
)

func TestCopyIsStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		content, kept := listOf("203.0.113.0/24"), &copies{kept: map[string]keptCopy{}}
		watch(t, address.RangesConfig{
			From: []string{listURL}, Copies: kept,
			Client: &http.Client{Transport: &publisher{list: content}},
		}, nil)
		advance(6*time.Hour + time.Second)
		want := keptCopy{content, time.Now().Add(-time.Second)}
		if diff := cmp.Diff(want, kept.of(listURL)); diff != "" {
			t.Errorf("stored copy (-want +got):\n%s", diff)
		}
	})
}

// The copy keeps the time at which it was fetched.
func TestRestartWithoutNetworkUsesCopy(t *testing.T) {
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

// The first fetch may take long; the copy is in use meanwhile.
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

// Write access to the database does not allow more addresses than a published list could.
func TestUnusableCopyIsNotLoaded(t *testing.T) {
	t.Parallel()
	for want, content := range unusable {
		t.Run(want[:min(len(want), 40)], func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log logBuffer
				kept := &copies{kept: map[string]keptCopy{listURL: {content, time.Now()}}}
				p := &publisher{}
				r := watch(t, address.RangesConfig{
					From: []string{listURL}, Client: &http.Client{Transport: p}, Copies: kept,
				}, &log)
				advance(5 * time.Minute)
				requirePlace(t, r, "203.0.113.9", address.Unknown)
				if log.count("copy of address list not loaded") != 1 {
					t.Errorf("want one log entry, got:\n%.2000s", &log)
				}
				p.publish(listOf("198.51.100.0/24"))
				advance(time.Minute)
				requirePlace(t, r, "203.0.113.9", address.Outside)
			})
		})
	}
}

// Database and network are unavailable at the start. The database recovers first.
func TestReadingCopyIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		kept := &copies{kept: map[string]keptCopy{listURL: {listOf("203.0.113.0/24"), time.Now()}}}
		kept.fail(errTest)
		r := watch(t, address.RangesConfig{
			From: []string{listURL}, Client: &http.Client{Transport: &publisher{}}, Copies: kept,
		}, &log)
		advance(10*time.Minute + time.Second)
		requirePlace(t, r, "203.0.113.9", address.Unknown)
		if log.count("level=WARN") != 2 {
			t.Errorf("want one log entry for each fault, got:\n%s", &log)
		}
		kept.fail(nil)
		advance(time.Minute)
		requirePlace(t, r, "203.0.113.9", address.Inside)
		requireWarnings(t, r)
	})
}

// The list is in use although its copy cannot be stored. Storing is retried before the next
// refresh.
func TestStoringCopyIsRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		kept := &copies{kept: map[string]keptCopy{}}
		kept.fail(errTest)
		content := listOf("203.0.113.0/24")
		r := watch(t, address.RangesConfig{
			From: []string{listURL}, Copies: kept,
			Client: &http.Client{Transport: &publisher{list: content}},
		}, &log)
		advance(2 * time.Minute)
		requirePlace(t, r, "203.0.113.9", address.Inside)
		requireWarnings(t, r)
		if log.count("copy of address list not stored") != 1 {
			t.Errorf("want one log entry, got:\n%s", &log)
		}
		kept.fail(nil)
		advance(5 * time.Minute)
		if got := kept.of(listURL).Content; got != content {
			t.Errorf("got copy %q, want %q", got, content)
		}
	})
}
