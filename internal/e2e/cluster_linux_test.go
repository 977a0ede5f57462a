package e2e_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ackbox/simulate"
	"ackbox/store/storetest"
)

// clusterConfigs is the folder with the files of the cluster that docs/scale.md describes.
const clusterConfigs = "../../deploy/cluster"

// clusterTimeout bounds what the cluster does, such as a failover, which takes some 20 s if the
// machine is not busy.
const clusterTimeout = 3 * time.Minute

// TestClusterFailover runs two servers on a Patroni cluster: one finds the primary by the hosts in
// its URL, the other through HAProxy. Salesforce posts to both through HAProxy, and to each. The
// machine of the primary is killed under load, and in the long form frozen, or that of the standby
// killed. Both servers must go on by themselves, with nothing lost or stored twice.
func TestClusterFailover(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	if !thorough {
		c.failover("kill -9", 1, c.kill)
		return
	}
	c.failover("freeze", 2, c.freeze)
	c.failover("kill -9 of the standby", 2, c.killStandby)
	c.failover("kill -9", 4, c.kill)
}

// cluster is a Patroni cluster with two servers.
type cluster struct {
	*testing.T
	*patroniCluster
	servers [2]*server // by the hosts in its URL, and through HAProxy
}

// ways are how the servers find the primary.
var ways = [2]string{"hosts in the URL", "HAProxy"}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{T: t, patroniCluster: newPatroni(t, clusterConfigs)}
	if err := c.createDatabase(t.Context(), "ackbox", "secret", "ackbox"); err != nil {
		t.Fatal(err)
	}
	hosts, proxy := c.hosts("ackbox:secret", "ackbox"), c.proxy("ackbox:secret", "ackbox")
	first := install(t, "DATABASE_URL="+hosts)
	first.add("crm")
	second := install(t, "DATABASE_URL="+proxy)
	second.paths = first.paths
	c.servers = [2]*server{first.serve(), second.serve()}
	if err := c.startHAProxy(t.Context(), c.servers[0].addr, c.servers[1].addr); err != nil {
		t.Fatalf("start HAProxy: %v\n%s", err, c.logs())
	}
	for _, s := range c.servers {
		s.ready()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.logs())
		}
	})
	return c
}

// clusterSender is a Salesforce that tries again soon, but leaves CPU time to the cluster.
var clusterSender = simulate.SenderOptions{
	Rate: 40, LostAck: .02, Rebatch: .5, Disorder: .1, NewerData: .1,
	Retry: simulate.Curve{
		First: 500 * time.Millisecond, Max: 2 * time.Second, DropAfter: time.Hour,
	},
}

// failover makes a fault several times under load, and adds a line to the table.
func (c *cluster) failover(what string, rounds int, fault func() (repair func())) {
	c.Helper()
	load, before := newFaultLoad(c), len(c.servers[0].export())
	load.sendTo("http://"+c.inbox+c.servers[0].paths["crm"], clusterSender)
	var gauges [2]*ackGauge
	for i, s := range c.servers {
		gauges[i] = &ackGauge{}
		o := simulate.SenderOptions{Rate: 20, Retry: clusterSender.Retry, OnAck: gauges[i].acked}
		load.sendTo(s.url("crm"), o)
	}
	var notes []string
	for range rounds {
		c.both()
		load.awaitAcks(500)
		pauses := c.measure(gauges, fault)
		notes = append(notes,
			fmt.Sprintf("%.1f and %.1f", pauses[0].Seconds(), pauses[1].Seconds()))
	}
	load.awaitAcks(500)
	load.stop()
	c.both() // the former primary follows, so that nobody reads from it what it alone has
	description := fmt.Sprintf("Patroni, %s, %d times", what, rounds)
	note := fmt.Sprintf("no Ack for %s s (%s and %s)", strings.Join(notes, ", "), ways[0], ways[1])
	load.checkNoted(description, storetest.Postgres, c.servers[0].export()[before:], note)
}

// measure makes a fault and returns the longest time without an Ack by each server.
func (c *cluster) measure(gauges [2]*ackGauge, fault func() func()) (pauses [2]time.Duration) {
	c.Helper()
	for _, gauge := range gauges {
		gauge.reset()
	}
	repair := fault()
	for i, gauge := range gauges {
		before := gauge.count()
		eventually(c, clusterTimeout, "the server with "+ways[i]+" acks again", func() bool {
			return gauge.count() >= before+20
		})
	}
	repair()
	for i, gauge := range gauges {
		pauses[i] = gauge.longest()
	}
	return pauses
}

// both waits until there are a primary and a synchronous standby, and returns them.
func (c *cluster) both() (primary, standby *node) {
	c.Helper()
	eventually(c, clusterTimeout, "there are a primary and a synchronous standby", func() bool {
		primary, standby = c.primary(c.Context())
		return primary != nil && standby != nil
	})
	return primary, standby
}

// kill kills the machine of the primary and waits until the other one is primary.
func (c *cluster) kill() (repair func()) {
	c.Helper()
	primary, standby := c.both()
	if err := primary.kill(); err != nil {
		c.Fatal(err)
	}
	c.awaitPrimary(standby)
	return func() { c.startNode(primary) }
}

// freeze freezes the machine of the primary and waits until the other one is primary. When it is
// repaired it goes on as the primary that it was, until Patroni has seen that it is not.
func (c *cluster) freeze() (repair func()) {
	c.Helper()
	primary, standby := c.both()
	thaw, err := primary.freeze()
	if err != nil {
		c.Fatal(err)
	}
	c.awaitPrimary(standby)
	return func() {
		if err := thaw(); err != nil {
			c.Fatal(err)
		}
	}
}

// killStandby kills the machine of the standby and waits until the primary goes on alone.
func (c *cluster) killStandby() (repair func()) {
	c.Helper()
	_, standby := c.both()
	if err := standby.kill(); err != nil {
		c.Fatal(err)
	}
	if err := c.awaitAlone(c.Context()); err != nil {
		c.Fatal(err)
	}
	return func() { c.startNode(standby) }
}

func (c *cluster) startNode(n *node) {
	c.Helper()
	if err := n.start(); err != nil {
		c.Fatal(err)
	}
}

// awaitPrimary waits until a node is primary.
func (c *cluster) awaitPrimary(n *node) {
	c.Helper()
	eventually(c, clusterTimeout, n.name+" is primary", func() bool {
		primary, _ := c.primary(c.Context())
		return primary == n
	})
}

// ackGauge measures the longest time between two Acks.
type ackGauge struct {
	mu    sync.Mutex
	acks  int
	last  time.Time
	pause time.Duration
}

func (g *ackGauge) acked([]simulate.Notification) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if !g.last.IsZero() {
		g.pause = max(g.pause, now.Sub(g.last))
	}
	g.acks, g.last = g.acks+1, now
}

func (g *ackGauge) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pause = 0
}

func (g *ackGauge) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.acks
}

func (g *ackGauge) longest() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pause
}
