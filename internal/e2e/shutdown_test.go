package e2e_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/simulate"
	"ackbox/soap"
)

// endsWithin bounds the time of a shutdown: some seconds less than a platform such as Heroku waits.
const endsWithin = 25 * time.Second

func TestEveryMessageUnderWayIsAnsweredAtTheEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		for _, noKeepAlive := range []bool{false, true} {
			t.Run(fmt.Sprintf("noKeepAlive=%t", noKeepAlive), func(t *testing.T) {
				source := fmt.Sprintf("noKeepAlive.%t", noKeepAlive)
				s := startWith(t, database, source)
				options := simulate.ClientOptions{NoKeepAlive: noKeepAlive}
				l := s.startSending(source, options, simulate.SenderOptions{})
				l.awaitAcks(acksBetweenCrashes)
				code, took := s.term()
				if code != 0 || took > endsWithin {
					t.Errorf("got exit code %d after %s, want 0 within %s", code, took, endsWithin)
				}
				t.Logf("stopped in %s", took)
				l.stop()
				for _, f := range l.failures {
					if f.Status != 0 {
						t.Errorf("got %v, want an Ack or no connection", f)
					}
				}
				// All that is stored was acked as well: no answer was cut off.
				stored := requireStoredOnce(t, l.ids, s.export("--source", source))
				got, want := slices.Sorted(maps.Keys(stored)), slices.Sorted(slices.Values(l.ids))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("acked and stored differ (-acked +stored):\n%s", diff)
				}
			})
		}
	})
}

func TestAMessageThatArrivesSlowlyIsAnsweredAtTheEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		conn, body := s.dial(t), unchanged()
		s.write(t, conn, "slow", len(body), body[:len(body)/2])
		requireAck(t, post(t, s.url("crm"), unchanged())) // by now the slow one has been accepted
		ended := make(chan int, 1)
		go func() {
			code, _ := s.term()
			ended <- code
		}()
		eventually(t, testTimeout, "no new connection is accepted", func() bool {
			return get(t, s.base()+"/healthz").status == 0
		})
		if _, err := conn.Write(body[len(body)/2:]); err != nil {
			t.Fatal(err)
		}
		requireAck(t, readAnswer(t, conn))
		if code := <-ended; code != 0 {
			t.Errorf("got exit code %d, want 0", code)
		}
	})
}

// Refusals of the last second are counted as well.
func TestTheLastRefusalsAreCountedAtTheEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, database string) {
		s := startWith(t, database, "crm")
		for ended := 1; ended <= 3; ended++ {
			checkFault(t, post(t, s.url("crm"), []byte("hello")), http.StatusBadRequest, soap.FaultClient)
			if code, _ := s.term(); code != 0 {
				t.Fatalf("got exit code %d, want 0", code)
			}
			want := fmt.Sprintf(`"source":"crm","cause":"shape","status":400,"reported":false,"refusals":%d}`, ended)
			if got := s.ok("refusals", "--counts", "--json"); !strings.Contains(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
			s.restart()
			s.ready()
		}
	})
}
