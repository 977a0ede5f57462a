package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"ackbox/store"
)

// The least that settings may be. Below these no message could be stored, or hardly any.
const (
	minBodyLimit   = 4 << 10
	minSaveTimeout = 100 * time.Millisecond
	minRefresh     = time.Second
)

// Validate checks the settings when serve is run. Kong calls it.
func (c *serveCmd) Validate() error {
	for _, check := range []struct {
		ok      bool
		problem string
	}{
		{c.BodyLimit >= minBodyLimit, "--body-limit must be at least 4KiB"},
		{c.Committers >= 1, "--committers must be at least 1"},
		{c.QueueLimit >= 1, "--queue-limit must be at least 1"},
		{c.Prune == 0 || c.Prune >= store.MinRetention, "--prune: " + store.ErrRetention.Error()},
		{c.SaveTimeout >= minSaveTimeout, "--save-timeout must be at least 100ms"},
		{c.Access.AllowedRangesRefresh >= minRefresh, "--allowed-ranges-refresh must be at least 1s"},
	} {
		if !check.ok {
			return errors.New(check.problem)
		}
	}
	return cmp.Or(checkAdminAddr(c.AdminAddr), c.Secrets.check(), c.Public.check())
}

func checkAdminAddr(addr string) error {
	if addr == "" || isAddress(addr) {
		return nil
	}
	return errors.New("--admin-addr must be HOST:PORT, as 127.0.0.1:9090")
}

// Validate checks the settings when source add is run. Kong calls it.
func (c *sourceAddCmd) Validate() error { return c.Public.check() }

// Validate checks the settings when source rotate is run. Kong calls it.
func (c *sourceRotateCmd) Validate() error { return c.Public.check() }

// maxPort is the highest port. 0 lets the system choose one.
const maxPort = 1<<16 - 1

// isAddress reports whether a text is a host, perhaps none, and a port.
func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	n, errPort := strconv.Atoi(port)
	return err == nil && errPort == nil && 0 <= n && n <= maxPort
}

// check returns the error of a setting that no URL can be made of. It does not repeat the value,
// which may hold a password.
func (f *publicFlags) check() error {
	if f.Port < 0 || f.Port > maxPort {
		return fmt.Errorf("PORT or --port is %d: a port is at most %d", f.Port, maxPort)
	}
	f.PublicURL = strings.TrimSpace(f.PublicURL)
	if f.PublicURL == "" {
		return nil
	}
	u, err := url.Parse(f.PublicURL)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.User != nil,
		strings.ContainsAny(f.PublicURL, "?#"):
		return errors.New("PUBLIC_URL or --public-url must be an absolute URL such as " +
			"https://inbox.example.com, without user, query and fragment")
	case !isPort(u.Port()):
		return fmt.Errorf("PUBLIC_URL or --public-url has a port above %d", maxPort)
	}
	return nil
}

// isPort reports whether the port of a URL, perhaps none, exists.
func isPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n <= maxPort
}

// Variables of ackbox's tests, which are no settings.
const testPrefix = "ACKBOX_TEST_"

var testVariables = []string{"ACKBOX_ATTACK", "ACKBOX_CORPUS", "ACKBOX_FAULTS", "ACKBOX_SOAK"}

// unknownSettings returns the variables of an environment that are named like ackbox's settings and
// are none, sorted.
func unknownSettings(app *kong.Application, environment []string) []string {
	known := append(settings(app.Node), testVariables...)
	for old := range oldSettings {
		known = append(known, old)
	}
	var unknown []string
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "ACKBOX_") && !strings.HasPrefix(name, testPrefix) &&
			!slices.Contains(known, name) && !isServiceLink(name, value) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// isServiceLink reports whether a variable is one that Kubernetes sets in every container for a
// service whose name begins with "ackbox".
func isServiceLink(name, value string) bool {
	isURL := strings.HasPrefix(value, "tcp://") || strings.HasPrefix(value, "udp://")
	return isURL || serviceLink.MatchString(name)
}

var serviceLink = regexp.MustCompile(`_SERVICE_HOST$|_SERVICE_PORT(_|$)|_PORT_\d+_(TCP|UDP)(_|$)`)

// settings returns the variables that the flags of a command and of its subcommands are set by.
func settings(node *kong.Node) []string {
	var names []string
	for _, flag := range node.Flags {
		names = append(names, flag.Envs...)
	}
	for _, child := range node.Children {
		names = append(names, settings(child)...)
	}
	return names
}

// warnUnknownSettings warns of the variables that look like settings and have no effect: serve in
// its log, in the format that is set.
func warnUnknownSettings(command *kong.Context, t terminal) {
	for _, name := range unknownSettings(command.Model, os.Environ()) {
		if runsUntilStopped(command) {
			slog.Warn("this variable is no setting and has no effect: is it misspelt?", "name", name)
		} else {
			t.say("warning: %s is not a setting of ackbox and has no effect; is it misspelt?", name)
		}
	}
}
