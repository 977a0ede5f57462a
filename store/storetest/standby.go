package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Port returns the port of the loopback address that the cluster listens on.
func (c *Cluster) Port() int { return c.port }

// NewStandby creates a standby of c and starts it: from then on, each commit on c waits until the
// standby has it on its disk. The standby is removed when the test ends.
func (c *Cluster) NewStandby(tb testing.TB) *Cluster {
	tb.Helper()
	standby, err := c.startStandby(tb.Context())
	if err != nil {
		tb.Fatalf("start standby: %v", err)
	}
	tb.Cleanup(func() {
		if err := standby.Close(); err != nil {
			tb.Errorf("close standby: %v", err)
		}
	})
	return standby
}

func (c *Cluster) startStandby(ctx context.Context) (_ *Cluster, err error) {
	folder, err := os.MkdirTemp("", "ackbox-pg-")
	if err != nil {
		return nil, err
	}
	standby := &Cluster{folder: folder, bin: c.bin}
	defer func() {
		if err != nil {
			err = errors.Join(err, standby.Close())
		}
	}()
	if err := chownToServer(folder); err != nil {
		return nil, err
	}
	if standby.port, err = freePort(); err != nil {
		return nil, err
	}
	if err := c.copyTo(ctx, standby); err != nil {
		return nil, err
	}
	if err := standby.Start(ctx); err != nil {
		return nil, err
	}
	return standby, c.waitForStandby(ctx)
}

// copyTo copies the data, with settings that make the copy a standby.
func (c *Cluster) copyTo(ctx context.Context, standby *Cluster) error {
	backup := exec.CommandContext(ctx, filepath.Join(c.bin, "pg_basebackup"),
		"--checkpoint=fast", "--no-sync", "--write-recovery-conf", "--pgdata="+standby.data(),
		"--dbname="+c.URL("postgres"))
	backup.Dir = standby.folder
	backup.SysProcAttr = unprivileged()
	if output, err := backup.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, bytes.TrimSpace(output))
	}
	return standby.configure(map[string]string{
		"port": fmt.Sprint(standby.port), "unix_socket_directories": standby.folder,
	})
}

// waitForStandby makes commits wait for the standby, and returns once it streams.
func (c *Cluster) waitForStandby(ctx context.Context) error {
	db, err := c.open()
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range []string{
		"alter system set synchronous_standby_names = '*'", "select pg_reload_conf()",
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		var standbys int
		err := db.QueryRowContext(ctx,
			"select count(*) from pg_stat_replication where sync_state = 'sync'").Scan(&standbys)
		if err != nil || standbys > 0 {
			return err
		}
		<-ticker.C
	}
}
