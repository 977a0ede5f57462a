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

// run builds the binary and starts the PostgreSQL that all tests share, and removes both when the tests are over. That
// is why it is not storetest.Main, which does not return: here it is told to use a server that is there.
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
		return m.Run() // the tests on PostgreSQL say that they are skipped
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

// build makes the binary, with the race detector in it when the tests have it.
func build(folder string) error {
	binary = filepath.Join(folder, "ackbox")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	args := []string{"build", "-o", binary}
	if raceEnabled {
		args = append(args, "-race")
	}
	if output, err := exec.Command("go", append(args, "ackbox/cmd/ackbox")...).CombinedOutput(); err != nil {
		return fmt.Errorf("build ackbox: %w: %s", err, output)
	}
	return nil
}
