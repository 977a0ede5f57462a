package e2e_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ackbox/store/storetest"
)

// patroniCluster is two PostgreSQL servers under Patroni with a synchronous standby, as the files
// of deploy/cluster describe it, with three members of etcd, and HAProxy. All of it listens on free
// ports of the loopback address and keeps its files in a temporary folder. It ends with the test
// process, however that ends.
type patroniCluster struct {
	nodes [2]*node // the machines with a PostgreSQL
	inbox string   // the address of HAProxy in front of the servers

	folder, configs string
	programs        map[string]string // paths by name
	addresses       map[string]string // those in the files to those of the test
	files           *strings.Replacer // of the addresses and folders in the files
	witness         *storetest.Daemon // the third member of etcd
	haproxy         *storetest.Daemon
}

// node is a machine of the cluster: Patroni, its PostgreSQL and a member of etcd.
type node struct {
	name    string
	cluster *patroniCluster
	address string // in the files
	etcd    *storetest.Daemon
	patroni *storetest.Daemon
}

// newPatroni starts the cluster with the files in a folder, and waits until a standby is
// synchronous. Without its programs it skips the test; with ACKBOX_TEST_REQUIRE=patroni it fails.
func newPatroni(tb testing.TB, configs string) *patroniCluster {
	tb.Helper()
	p := &patroniCluster{configs: configs, programs: map[string]string{}}
	bin := storetest.Binaries(tb)
	for name, debianPackage := range map[string]string{
		"patroni": "patroni, with python3-etcd", "etcd": "etcd-server", "haproxy": "haproxy",
	} {
		p.programs[name] = storetest.Program(tb, name, debianPackage, "patroni")
	}
	tb.Cleanup(func() {
		if err := p.close(); err != nil {
			tb.Errorf("close the cluster: %v", err)
		}
	})
	if err := p.start(tb.Context(), bin); err != nil {
		tb.Fatalf("start the cluster: %v\n%s", err, p.logs())
	}
	return p
}

func (p *patroniCluster) start(ctx context.Context, bin string) (err error) {
	if p.folder, err = os.MkdirTemp("", "ackbox-patroni-"); err != nil {
		return err
	}
	if err := storetest.ServerFolder(p.folder); err != nil {
		return err
	}
	if err := p.assignPorts(bin); err != nil {
		return err
	}
	p.nodes = [2]*node{
		{name: "one", cluster: p, address: "10.0.0.1"},
		{name: "two", cluster: p, address: "10.0.0.2"},
	}
	if p.witness, err = p.startEtcd("three", "10.0.0.3"); err != nil {
		return err
	}
	for _, node := range p.nodes {
		if err := node.start(); err != nil {
			return err
		}
	}
	return p.awaitStandby(ctx)
}

// assignPorts chooses a port for each address in the files.
func (p *patroniCluster) assignPorts(bin string) error {
	p.addresses = map[string]string{}
	for _, address := range []string{
		"10.0.0.1:2379", "10.0.0.2:2379", "10.0.0.3:2379", "10.0.0.1:2380", "10.0.0.2:2380",
		"10.0.0.3:2380", "10.0.0.1:5432", "10.0.0.2:5432", "10.0.0.1:8008", "10.0.0.2:8008",
		"127.0.0.1:5000", "10.0.0.4:8080",
	} {
		port, err := storetest.FreePort()
		if err != nil {
			return err
		}
		p.addresses[address] = "127.0.0.1:" + strconv.Itoa(port)
	}
	p.inbox = p.addresses["10.0.0.4:8080"]
	replaced := []string{"/usr/lib/postgresql/15/bin", bin}
	for _, machine := range []string{"10.0.0.1", "10.0.0.2"} { // in HAProxy's form
		_, check, _ := strings.Cut(p.addresses[machine+":8008"], ":")
		replaced = append(replaced, machine+":5432 check port 8008",
			p.addresses[machine+":5432"]+" check port "+check)
	}
	for from, to := range p.addresses {
		replaced = append(replaced, from, to)
	}
	p.files = strings.NewReplacer(replaced...)
	return nil
}

// config returns a file of the folder for a machine, with the addresses and folders of the test.
func (p *patroniCluster) config(file, name, address string) (string, error) {
	content, err := os.ReadFile(filepath.Join(p.configs, file))
	if err != nil {
		return "", err
	}
	text := strings.NewReplacer("@NAME@", name, "@ADDRESS@", address,
		"/var/lib/etcd/ackbox", filepath.Join(p.folder, "etcd-"+name),
		"/var/lib/postgresql/15/ackbox", filepath.Join(p.folder, "pg-"+name, "data"),
	).Replace(string(content))
	return p.files.Replace(text), nil
}

// environment returns the variables that a file of the folder sets for a machine.
func (p *patroniCluster) environment(file, name, address string) ([]string, error) {
	text, err := p.config(file, name, address)
	if err != nil {
		return nil, err
	}
	var variables []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			variables = append(variables, line)
		}
	}
	return variables, nil
}

func (p *patroniCluster) startEtcd(name, address string) (*storetest.Daemon, error) {
	env, err := p.environment("etcd.env", name, address)
	if err != nil {
		return nil, err
	}
	return storetest.StartDaemon(p.folder, "etcd-"+name, env, p.programs["etcd"])
}

// start starts the programs of a node that do not run.
func (n *node) start() (err error) {
	p := n.cluster
	if !n.etcd.Running() {
		if n.etcd, err = p.startEtcd(n.name, n.address); err != nil {
			return err
		}
	}
	if n.patroni.Running() {
		return nil
	}
	env, err := p.environment("patroni.env", n.name, n.address)
	if err != nil {
		return err
	}
	text, err := p.config("patroni.yml", n.name, n.address)
	if err != nil {
		return err
	}
	folder := filepath.Join(p.folder, "pg-"+n.name)
	for _, made := range []string{folder, filepath.Join(folder, "data")} {
		if err := storetest.ServerFolder(made); err != nil {
			return err
		}
	}
	file := filepath.Join(p.folder, n.name+".yml")
	if err := storetest.WriteServerFile(file, text); err != nil {
		return err
	}
	env = append(env, "PATRONI_POSTGRESQL_PGPASS="+filepath.Join(folder, "pgpass"))
	n.patroni, err = storetest.StartDaemon(p.folder, "patroni-"+n.name, env,
		p.programs["patroni"], file)
	return err
}

// startHAProxy starts HAProxy in front of the cluster and of two servers.
func (p *patroniCluster) startHAProxy(ctx context.Context, a, b string) error {
	text, err := p.config("haproxy.cfg", "", "")
	if err != nil {
		return err
	}
	text = strings.NewReplacer("10.0.0.4:8081", a, "10.0.0.5:8081", b).Replace(text)
	file := filepath.Join(p.folder, "haproxy.cfg")
	if err := storetest.WriteServerFile(file, text); err != nil {
		return err
	}
	p.haproxy, err = storetest.StartDaemon(p.folder, "haproxy", nil, p.programs["haproxy"],
		"-db", "-f", file) // -db: in the foreground
	if err != nil {
		return err
	}
	return p.await(ctx, "HAProxy listens", func() bool {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.inbox)
		return err == nil && conn.Close() == nil
	})
}

// hosts returns the DATABASE_URL that names both servers, for "role:password".
func (p *patroniCluster) hosts(role, database string) string {
	_, one, _ := strings.Cut(p.addresses["10.0.0.1:5432"], ":")
	_, two, _ := strings.Cut(p.addresses["10.0.0.2:5432"], ":")
	return fmt.Sprintf("postgres://%s@/%s?host=127.0.0.1,127.0.0.1&port=%s,%s"+
		"&target_session_attrs=read-write&sslmode=disable", role, database, one, two)
}

// proxy returns the DATABASE_URL of the primary through HAProxy.
func (p *patroniCluster) proxy(role, database string) string {
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable",
		role, p.addresses["127.0.0.1:5000"], database)
}

// createDatabase creates a role and its database.
func (p *patroniCluster) createDatabase(ctx context.Context, role, secret, database string) error {
	db, err := sql.Open("postgres", p.hosts("postgres:change-me-1", "postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range []string{
		"create role " + role + " login password '" + secret + "'",
		"create database " + database + " owner " + role,
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// member is a member of the cluster in Patroni's REST API.
type member struct {
	Name     string `json:"name"`
	Role     string `json:"role"`
	State    string `json:"state"`
	Timeline int    `json:"timeline"`
}

// members asks a node for the members of the cluster.
func (n *node) members(ctx context.Context) ([]member, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	url := "http://" + n.cluster.addresses[n.address+":8008"] + "/cluster"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var status struct {
		Members []member `json:"members"`
	}
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return status.Members, json.Unmarshal(content, &status)
}
