package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"ackbox/store/storetest"
)

// binary is the path of the program under test.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the binary, starts the PostgreSQL server that all tests share, runs the tests and
// removes both. It starts the server itself, because storetest.Main does not return.
func run(m *testing.M) int {
	defer printOutcomes(os.Stdout)
	folder, err := os.MkdirTemp("", "ackbox-e2e-")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(folder)
	if err := build(folder); err != nil {
		return failed(err)
	}
	if os.Getenv("TEST_DATABASE_URL") != "" {
		return m.Run()
	}
	cluster, err := storetest.StartCluster(context.Background(), storetest.Options{})
	if errors.Is(err, storetest.ErrNotInstalled) {
		return m.Run() // the tests on PostgreSQL skip themselves
	}
	if err != nil {
		return failed(err)
	}
	defer cluster.Close()
	if err := os.Setenv("TEST_DATABASE_URL", cluster.URL("postgres")); err != nil {
		return failed(err)
	}
	return m.Run()
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}

// build builds the binary, with the race detector if the tests have it.
func build(folder string) error {
	binary = filepath.Join(folder, "ackbox")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	args := []string{"build", "-o", binary}
	if raceEnabled {
		args = append(args, "-race")
	}
	args = append(args, "ackbox/cmd/ackbox")
	if output, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build ackbox: %w: %s", err, output)
	}
	return nil
}
