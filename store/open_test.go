package store_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lib/pq"

	"ackbox/store"
	"ackbox/store/storetest"
)

func TestOpenRefusesInvalidURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "ackbox.db", "mysql://h/d", "sqlite:", "sqlite::memory:", "sqlite:file:a.db", "sqlite://a.db",
		"postgres://u:s3cr3t@h:x/d", "postgres://u:s3cr3t%zz@h/d", "postgres://u:s3cr3t#1@h/d",
		"postgres://u:s3cr3t@h/d?sslmode=maybe", "postgres://u:s3cr3t@h:123456/d", " ",
		"postgres://u:s3cr3t@h/d?search_path=a", "postgres://u:s3cr3t@h/d?channel_bindings=require",
	} {
		db, err := store.Open(url)
		if err == nil {
			t.Errorf("%q: got no error", url)
			db.Close()
			continue
		}
		if strings.Contains(err.Error(), "s3cr3t") || !strings.Contains(err.Error(), "DATABASE_URL") {
			t.Errorf("%q: got %q, want the variable but not the password", url, err)
		}
	}
}

func TestSSLModeOfPostgres(t *testing.T) {
	if given := os.Getenv("PGSSLMODE"); given != "" {
		t.Skip("PGSSLMODE is set")
	}
	t.Parallel()
	tests := map[string]pq.SSLMode{
		"postgres://localhost/d":                                   pq.SSLModeDisable,
		"postgresql://127.0.0.2:5433/d":                            pq.SSLModeDisable,
		"postgres://[::1]/d":                                       pq.SSLModeDisable,
		"postgres:///d?host=/run/postgresql":                       pq.SSLModeDisable,
		"postgres://db.example/d":                                  pq.SSLModeRequire,
		"postgres://10.0.0.1/d":                                    pq.SSLModeRequire,
		"postgres://localhost,db.example/d":                        pq.SSLModeRequire,
		"postgres://localhost.example/d":                           pq.SSLModeRequire,
		"postgres://localhost/d?sslmode=require":                   pq.SSLModeRequire,
		"postgres://db.example/d?sslmode=disable":                  pq.SSLModeDisable,
		"postgres://db.example/d?sslmode=verify-full":              pq.SSLModeVerifyFull,
		"postgres://db.example/d?sslrootcert=system":               pq.SSLModeVerifyFull,
		"postgres://db.example/d?sslmode=verify-ca&sslrootcert=ca": pq.SSLModeVerifyCA,
	}
	for url, want := range tests {
		config, err := store.PostgresConfig(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
		}
		if config.SSLMode != want || !config.BinaryParameters || config.ConnectTimeout == 0 {
			t.Errorf("%s: got %q, %t, %s, want %q, binary parameters and a timeout", url, config.SSLMode,
				config.BinaryParameters, config.ConnectTimeout, want)
		}
	}
}

// PgBouncer refuses a startup packet with parameters that it does not know.
func TestStartupPacketHasNoOtherParameters(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	got := make(chan []string, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		got <- startupParameters(conn)
	}()
	db, err := store.Open("postgres://u:p@" + listener.Addr().String() + "/d")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Health(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, store.ErrUnavailable)
	}
	want := []string{"client_encoding", "database", "datestyle", "user"}
	if diff := cmp.Diff(want, <-got); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
}

// The URL that Neon prints, and what other clients need, pasted with a line break.
func TestParametersOfOtherClientsAreIgnored(t *testing.T) {
	t.Parallel()
	url, written := storetest.URL(t, storetest.Postgres), &log{}
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	url += separator + "channel_binding=require&gssencmode=prefer&pgbouncer=true&schema=s3cr3t"
	db := storetest.Open(t, "\n "+url+" \r\n", written.option())
	addSource(t, db.Store, "one")
	if got := written.String(); !strings.Contains(got, `"channel_binding gssencmode pgbouncer schema"`) ||
		strings.Contains(got, "s3cr3t") {
		t.Errorf("got the log %q, want the names of the parameters", got)
	}
}

func TestUnknownParameterIsNamed(t *testing.T) {
	t.Parallel()
	_, err := store.Open("postgres://h/d?channel_bindings=require")
	if err == nil || !strings.Contains(err.Error(), `"channel_bindings"`) {
		t.Errorf("got %v, want the name", err)
	}
}

func TestSpaceAroundAURLIsIgnored(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ackbox.db")
	storetest.Open(t, "\tsqlite:"+path+"\r\n")
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// startupParameters reads a startup packet: length, version, then names and values, each ended by a
// zero.
func startupParameters(conn net.Conn) (names []string) {
	var length uint32
	if err := binary.Read(conn, binary.BigEndian, &length); err != nil {
		return nil
	}
	packet := make([]byte, length-4)
	if _, err := io.ReadFull(conn, packet); err != nil {
		return nil
	}
	texts := strings.Split(string(packet[4:]), "\x00")
	for i := 0; i+1 < len(texts) && texts[i] != ""; i += 2 {
		names = append(names, texts[i])
	}
	slices.Sort(names)
	return names
}

func TestSQLitePathIsNotUnescaped(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b.db", "100%25.db", "what?mode=memory#x.db", "ü&=+;:.db"} {
		path := filepath.Join(t.TempDir(), name)
		db := storetest.Open(t, "sqlite:"+path)
		save(t, db.Store, addSource(t, db.Store, "one"), batchOf(entry("04l", "{}")), now)
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
		if found := export(t, db.Store, store.NotificationFilter{}); len(found) != 1 {
			t.Errorf("%s: got %d notifications, want 1", name, len(found))
		}
	}
}

func TestSQLitePathMayBeRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	db := storetest.Open(t, "sqlite:a:b.db")
	t.Chdir(t.TempDir()) // the path was that of the folder at the time
	addSource(t, db.Store, "one")
	if got := names(t, db.Store); len(got) != 1 {
		t.Errorf("got %v, want one source", got)
	}
}
