package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// primary returns the node that is primary and the one that is its synchronous standby, nil if
// there is none. The nodes that answer must agree: one that was frozen may not know better yet.
func (p *patroniCluster) primary(ctx context.Context) (primary, standby *node) {
	answers := 0
	for _, asked := range p.nodes {
		members, err := asked.members(ctx)
		if err != nil {
			continue
		}
		first, second := p.withRole(members, "leader"), p.withRole(members, "sync_standby")
		if answers++; answers > 1 && (first != primary || second != standby) {
			return nil, nil
		}
		primary, standby = first, second
	}
	return primary, standby
}

// withRole returns the node that runs in a role, or nil.
func (p *patroniCluster) withRole(members []member, role string) *node {
	for _, m := range members {
		for _, n := range p.nodes {
			if m.Name == n.name && m.Role == role && m.State == "running" {
				return n
			}
		}
	}
	return nil
}

// awaitStandby waits until there are a primary and a synchronous standby.
func (p *patroniCluster) awaitStandby(ctx context.Context) error {
	return p.await(ctx, "a primary with a synchronous standby", func() bool {
		primary, standby := p.primary(ctx)
		return primary != nil && standby != nil
	})
}

// awaitAlone waits until the primary no longer waits for a standby.
func (p *patroniCluster) awaitAlone(ctx context.Context) error {
	return p.await(ctx, "a primary without a standby", func() bool {
		primary, standby := p.primary(ctx)
		return primary != nil && standby == nil
	})
}

func (p *patroniCluster) await(ctx context.Context, what string, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %s", clusterTimeout, what)
		case <-ticker.C:
		}
	}
	return nil
}

// postmaster returns the process id of the node's PostgreSQL, or 0 if there is none.
func (n *node) postmaster() int {
	path := filepath.Join(n.cluster.folder, "pg-"+n.name, "data", "postmaster.pid")
	content, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil || !isPostgres(pid) {
		return 0
	}
	return pid
}

// isPostgres reports whether a process is a PostgreSQL: the file may be of one that was killed.
func isPostgres(pid int) bool {
	name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	return err == nil && strings.TrimSpace(string(name)) == "postgres"
}

// children returns the processes that a process has started.
func children(parent int) (pids []int) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may contain anything; the state and the parent follow.
		text := string(content)
		fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// signalAll sends a signal to processes, of which some may have ended.
func signalAll(pids []int, signal syscall.Signal) (err error) {
	for _, pid := range pids {
		if e := syscall.Kill(pid, signal); !errors.Is(e, syscall.ESRCH) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// kill ends everything of the node with SIGKILL, as when its machine goes down: first Patroni,
// which would start PostgreSQL again.
func (n *node) kill() error {
	server := n.postmaster()
	n.patroni.Kill()
	var err error
	if server != 0 {
		err = signalAll(append(children(server), server), syscall.SIGKILL)
	}
	n.etcd.Kill()
	return err
}

// freeze stops everything of the node without ending it, until thaw is called: its ports accept
// connections and nobody answers, and afterwards it takes itself for the primary that it was.
func (n *node) freeze() (thaw func() error, err error) {
	frozen := []int{n.patroni.PID()}
	if server := n.postmaster(); server != 0 {
		frozen = append(frozen, append(children(server), server)...)
	}
	frozen = append(frozen, n.etcd.PID())
	err = signalAll(frozen, syscall.SIGSTOP)
	return func() error { return signalAll(frozen, syscall.SIGCONT) }, err
}

// logs returns the ends of what the programs wrote.
func (p *patroniCluster) logs() string {
	paths, _ := filepath.Glob(filepath.Join(p.folder, "*.log")) // the pattern is valid
	var all strings.Builder
	for _, path := range paths {
		text, _ := os.ReadFile(path)
		fmt.Fprintf(&all, "== %s\n%s\n", filepath.Base(path), text[max(0, len(text)-3000):])
	}
	return all.String()
}

// close stops everything, also what is frozen, and removes the files.
func (p *patroniCluster) close() error {
	var servers []int
	for _, n := range p.nodes {
		if n == nil {
			continue
		}
		if server := n.postmaster(); server != 0 {
			servers = append(servers, append(children(server), server)...)
		}
		n.patroni.Kill()
		n.etcd.Kill()
	}
	err := signalAll(servers, syscall.SIGKILL)
	p.haproxy.Kill()
	p.witness.Kill()
	if p.folder == "" {
		return err
	}
	// A server that was killed a moment ago may still be writing.
	deadline := time.Now().Add(time.Minute)
	for slices.ContainsFunc(servers, isPostgres) && time.Now().Before(deadline) {
		<-time.After(20 * time.Millisecond)
	}
	return errors.Join(err, os.RemoveAll(p.folder))
}
