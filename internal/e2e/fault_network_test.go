package e2e_test

import (
	"net/http"
	"sync"
	"testing"

	"ackbox/simulate"
	"ackbox/soap"
	"ackbox/store/storetest"
)

// networkFault is what a network does to one sender while others post undisturbed.
type networkFault struct {
	fault string
	do    func(t *testing.T, s *server, load *faultLoad)
}

var networkFaults = []networkFault{
	{"connections reset in a body", func(t *testing.T, s *server, _ *faultLoad) {
		for range times(20, 200) {
			s.abandon(t)
		}
	}},
	{"bodies that stop", func(t *testing.T, s *server, load *faultLoad) {
		for range times(20, 200) {
			checkFault(t, s.interrupted(t, "stopped"), http.StatusBadRequest, soap.FaultClient)
			load.onFailure(nil, &simulate.Failure{Status: http.StatusBadRequest})
		}
	}},
	{"Acks that never arrive", ackNeverArrives},
	{"the same body 32 times at once", sameAtOnce},
}

func TestFaultNetwork(t *testing.T) {
	t.Parallel()
	eachDriver(t, func(t *testing.T, driver string) {
		for _, n := range networkFaults {
			t.Run(n.fault, func(t *testing.T) {
				s := startWith(t, storetest.URL(t, driver), "crm")
				calm := unreliableSender
				calm.Rate = 100
				load := s.startLoad(calm)
				load.awaitAcks(10)
				n.do(t, s, load)
				load.awaitAcks(10)
				load.stop()
				load.checkStored(n.fault, driver, s.export())
			})
		}
	})
}

// abandon resets a connection in the middle of a body.
func (s *server) abandon(t *testing.T) {
	t.Helper()
	body := unchanged()
	s.postAndReset(t, body, len(body)/2)
}

// postAndReset sends size bytes of a body and resets the connection without reading the answer.
func (s *server) postAndReset(t *testing.T, body []byte, size int) {
	t.Helper()
	conn := s.dial(t)
	s.write(t, conn, "reset", len(body), body[:size])
	if err := conn.SetLinger(0); err != nil {
		t.Error(err)
	}
	conn.Close()
}

// ackNeverArrives posts messages whose sender is gone before the answer, and posts each again, as
// Salesforce does.
func ackNeverArrives(t *testing.T, s *server, load *faultLoad) {
	for range times(20, 200) {
		body := load.message(t, 3)
		s.postAndReset(t, body, len(body))
		requireAck(t, post(t, s.url("crm"), body))
	}
}

// sameAtOnce posts a message over 32 connections, the last bytes of which are sent at the same
// time.
func sameAtOnce(t *testing.T, s *server, load *faultLoad) {
	for range times(5, 50) {
		body := load.message(t, 20)
		var ready, answered sync.WaitGroup
		release := make(chan struct{})
		for range 32 {
			conn := s.dial(t)
			s.write(t, conn, "duplicate", len(body), body[:len(body)-1])
			ready.Add(1)
			answered.Go(func() {
				ready.Done()
				<-release
				if _, err := conn.Write(body[len(body)-1:]); err != nil {
					t.Error(err)
				} else if got := readAnswer(t, conn); got != acked {
					t.Errorf("got %+v, want the Ack", got)
				}
				conn.Close()
			})
		}
		ready.Wait()
		close(release)
		answered.Wait()
	}
}

// message makes a message for the test to post, and counts it as acked: the test must check that it
// is.
func (l *faultLoad) message(tb testing.TB, notifications int) []byte {
	tb.Helper()
	m := generator(tb, 0).Message(notifications)
	l.onAck(m.Notifications)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent += notifications
	return m.Append(nil)
}
