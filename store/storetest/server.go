package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jmoiron/sqlx"
	_ "github.com/lib/pq" // the driver "postgres"

	"ackbox/store"
)

// server is a PostgreSQL server that databases can be created on.
type server struct {
	admin    *sqlx.DB
	url      func(database string) string
	template string   // name of a database with the schema; "" until one is needed
	cluster  *Cluster // nil if TEST_DATABASE_URL names the server
	mu       sync.Mutex
}

var sharedServer struct {
	once   sync.Once
	server *server
	err    error
}

// shared returns the server of this test binary, which the first call starts.
func shared() (*server, error) {
	sharedServer.once.Do(func() { sharedServer.server, sharedServer.err = newServer() })
	return sharedServer.server, sharedServer.err
}

// stopShared stops what shared started.
func stopShared() error {
	sharedServer.once.Do(func() { sharedServer.err = errors.New("the tests are over") })
	if sharedServer.server == nil {
		return nil
	}
	return sharedServer.server.close()
}

func newServer() (*server, error) {
	if given := os.Getenv("TEST_DATABASE_URL"); given != "" {
		parsed, err := url.Parse(given)
		if err != nil {
			return nil, errors.New("TEST_DATABASE_URL is not a valid URL")
		}
		return connect(given, func(database string) string {
			other := *parsed
			other.Path = "/" + database
			return other.String()
		}, nil)
	}
	cluster, err := StartCluster(context.Background(), Options{})
	if err != nil {
		return nil, err
	}
	return connect(cluster.URL("postgres"), cluster.URL, cluster)
}

func connect(adminURL string, urlOf func(string) string, cluster *Cluster) (*server, error) {
	admin, err := sqlx.Open("postgres", adminURL)
	if err != nil {
		return nil, err
	}
	admin.SetMaxOpenConns(2)
	return &server{admin: admin, url: urlOf, cluster: cluster}, nil
}

func (s *server) close() (err error) {
	if s.template != "" && s.cluster == nil {
		_, err = s.admin.Exec("drop database " + s.template)
	}
	err = errors.Join(err, s.admin.Close())
	if s.cluster != nil {
		err = errors.Join(err, s.cluster.Close())
	}
	return err
}

// create creates a database, with the schema or empty, and returns its URL. The database is dropped
// when the test ends.
func (s *server) create(tb testing.TB, migrated bool) string {
	tb.Helper()
	template := "template0"
	if migrated {
		template = s.migratedTemplate(tb)
	}
	name := newName()
	if _, err := s.admin.Exec("create database " + name + " template " + template); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := s.admin.Exec("drop database " + name + " with (force)"); err != nil {
			tb.Errorf("drop database: %v", err)
		}
	})
	return s.url(name)
}

// migratedTemplate returns the name of a database with the schema, which it creates once: copying
// one is faster than migrating.
func (s *server) migratedTemplate(tb testing.TB) string {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.template != "" {
		return s.template
	}
	name := newName()
	if err := s.makeTemplate(name); err != nil {
		tb.Fatalf("make template database: %v", err)
	}
	s.template = name
	return name
}

func (s *server) makeTemplate(name string) error {
	if _, err := s.admin.Exec("create database " + name + " template template0"); err != nil {
		return err
	}
	db, err := store.Open(s.url(name))
	if err != nil {
		return err
	}
	return errors.Join(db.Migrate(context.Background()), db.Close())
}

// newName returns a name that no other test run uses.
func newName() string {
	return fmt.Sprintf("ackbox_test_%s", strings.ToLower(rand.Text()[:12]))
}
