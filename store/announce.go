package store

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/lib/pq"
)

// announced is the channel on which processes tell each other that something was stored. See
// https://www.postgresql.org/docs/current/sql-notify.html.
const announced = "ackbox_stored"

const (
	// announceInterval is how much time is at least between two announcements of a process.
	announceInterval = 10 * time.Millisecond
	// echoTimeout is how long an announcement of our own may take to come back.
	echoTimeout = time.Second
	// unheardInterval is how often to look if announcements are not heard.
	unheardInterval = 100 * time.Millisecond
	// unheardTime is how long it is done before announcements are tried again.
	unheardTime = time.Minute
)

// Announce tells other processes that read the notifications as a log whenever this one has stored
// something, until the context ends. An announcement follows the commit: in the transaction, NOTIFY
// would make commits wait for each other. On SQLite it does nothing.
func (s *Store) Announce(ctx context.Context) {
	if s.driver == driverSQLite {
		return
	}
	stored := make(chan struct{}, 1)
	s.AfterCommit(func() {
		select {
		case stored <- struct{}{}:
		default: // the next announcement is for this commit, too
		}
	})
	for {
		select {
		case <-ctx.Done():
			return
		case <-stored:
		}
		if err := s.announce(ctx, s.process); err != nil && ctx.Err() == nil {
			s.log.Debug("announcement failed; others look once a second", "error", err)
		}
		if pause(ctx, announceInterval) != nil {
			return
		}
	}
}

func (s *Store) announce(ctx context.Context, payload string) error {
	return s.await(ctx, func() error {
		_, err := s.read.ExecContext(ctx, `select pg_notify($1, $2)`, announced, payload)
		return err
	})
}

// Announcements calls wake for each announcement of another process, until the context ends. While
// none can be heard, it calls wake ten times a second instead: on SQLite always, on PostgreSQL
// behind a pooler that gives the connection to others between two transactions.
func (s *Store) Announcements(ctx context.Context, wake func()) {
	for warned := false; ctx.Err() == nil; {
		if s.driver == driverPostgres {
			err := s.listen(ctx, wake)
			if err != nil && ctx.Err() == nil && !warned {
				warned = true
				s.log.Warn("announcements of other processes are not heard, so the database is asked ten times "+
					"a second; connect without a pooler to avoid that", "error", err)
			}
		}
		wakeOften(ctx, wake, unheardTime)
	}
}

// listen calls wake for each announcement of another process. It returns an error if none is heard.
func (s *Store) listen(ctx context.Context, wake func()) error {
	listener := pq.NewDialListener(new(dialer), s.listenURL, time.Second, 30*time.Second, nil)
	defer listener.Close()
	ended := context.AfterFunc(ctx, func() { _ = listener.Close() }) // Listen waits for a server
	defer ended()
	if err := listener.Listen(announced); err != nil {
		return err
	}
	if err := s.proveListening(ctx, listener); err != nil {
		return err
	}
	wake() // for what was stored before
	s.hear(ctx, listener, wake)
	return nil
}

// hear calls wake for each announcement of another process, and when the connection was lost
// meanwhile.
func (s *Store) hear(ctx context.Context, listener *pq.Listener, wake func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case n, open := <-listener.Notify:
			if !open {
				return
			}
			if n == nil || n.Extra != s.process {
				wake()
			}
		}
	}
}

// proveListening fails unless an announcement of our own comes back.
func (s *Store) proveListening(ctx context.Context, listener *pq.Listener) error {
	proof := s.process + " listens"
	if err := s.announce(ctx, proof); err != nil {
		return err
	}
	timer := time.NewTimer(echoTimeout)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return fmt.Errorf("an announcement did not come back within %s", echoTimeout)
		case n := <-listener.Notify:
			if n != nil && n.Extra == proof {
				return nil
			}
		}
	}
}

// wakeOften calls wake ten times a second for a time.
func wakeOften(ctx context.Context, wake func(), duration time.Duration) {
	for until := time.Now().Add(duration); time.Now().Before(until) && pause(ctx, unheardInterval) == nil; {
		wake()
	}
}

// listenURL returns a URL for a connection of lib/pq alone, with the mode of TLS that the
// configuration has.
func listenURL(databaseURL string, config *pq.Config, dropped []string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return databaseURL // it was parsed before
	}
	query := u.Query()
	for _, name := range dropped {
		query.Del(name)
	}
	query.Set("sslmode", string(config.SSLMode)) // this package has defaults of its own
	u.RawQuery = query.Encode()
	return u.String()
}
