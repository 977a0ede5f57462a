package handlers_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ackbox/handlers"
	"ackbox/store/storetest"
)

// The time of an answer tells nobody whether a token was ever valid. This compares answers in pairs,
// one for a token that never was and one for another that is not valid: each should be the slower one
// half of the time. With 60 pairs, chance alone exceeds the limits once in 100,000 runs or so.
// Work that only one of the two makes, such as a query, makes it the slower one nearly always.
func TestTheTimeOfAnAnswerDoesNotTellTokensApart(t *testing.T) {
	t.Parallel()
	const pairs, low, high = 60, 12, 48
	for name, spoil := range invalid {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := storetest.New(t, storetest.SQLite)
			in := newInbox(t, db.Store, func(*handlers.Config) {})
			never, token := strings.Repeat("y", 43), spoil(t, db.Store, in.token)
			eventually(t, "it is refused", func() bool { return in.postTo(t, token).status == 404 })
			slower := 0
			for range pairs {
				var took [2]time.Duration // of never, of token
				first := rand.IntN(2)     // what changes in a run affects both alike
				for _, i := range []int{first, 1 - first} {
					took[i] = in.timeOf(t, []string{never, token}[i])
				}
				if took[1] > took[0] {
					slower++
				}
			}
			t.Logf("slower in %d of %d pairs", slower, pairs)
			if slower < low || slower > high {
				t.Errorf("it is slower in %d of %d pairs, want about half", slower, pairs)
			}
		})
	}
}

// timeOf returns how long the answer for a token takes that is not valid. The sources are read for it,
// at an even pace: another request before makes each wait for the same time.
func (in *inbox) timeOf(t *testing.T, token string) time.Duration {
	t.Helper()
	took := time.Duration(0)
	for _, token := range []string{strings.Repeat("z", 43), token} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/outbound/"+token,
			strings.NewReader(envelope("04l1")))
		// Of an address of its own each, because requests for unknown tokens are limited.
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1000", rand.IntN(256), rand.IntN(256), rand.IntN(256))
		w := httptest.NewRecorder()
		started := time.Now()
		in.routes.ServeHTTP(w, r)
		if took = time.Since(started); w.Code != http.StatusNotFound {
			t.Fatalf("got %d %s, want 404", w.Code, w.Body)
		}
	}
	return took
}
