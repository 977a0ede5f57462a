package storetest_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ackbox/store/storetest"
)

// childEnv is the variable that makes the test binary the child of
// TestClusterEndsWithItsTestProcess.
const childEnv = "STORETEST_CHILD"

func TestClusterEndsWithItsTestProcess(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		beChild(t)
		return
	}
	t.Parallel()
	storetest.NewCluster(t, storetest.Options{}) // skips without PostgreSQL
	child := exec.Command(os.Args[0], "-test.run=^TestClusterEndsWithItsTestProcess$")
	child.Env = append(os.Environ(), childEnv+"=1", "TMPDIR="+openFolder(t))
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	input, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := ping(strings.TrimSpace(url)); err != nil {
		t.Fatal(err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it says that it was killed
	requireGone(t, strings.TrimSpace(url))
}

// beChild starts a cluster, prints its URL and waits to be killed.
func beChild(t *testing.T) {
	cluster, err := storetest.StartCluster(t.Context(), storetest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(cluster.URL("postgres"))
	_, _ = io.Copy(io.Discard, os.Stdin)
	t.Error("the child was not killed")
}

// openFolder returns a temporary folder that the server's user can traverse. It is removed with
// what the child leaves there.
func openFolder(t *testing.T) string {
	folder, err := os.MkdirTemp("", "ackbox-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// requireGone pings until the server no longer answers.
func requireGone(t *testing.T, url string) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(30 * time.Second)
	for ping(url) == nil {
		select {
		case <-ticker.C:
		case <-timeout:
			t.Fatal("the server still answers")
		}
	}
}

func ping(url string) error {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Ping()
}
