package main

import (
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"ackbox/internal/logbuffer"
	"ackbox/simulate"
)

const description = `A durable inbox for Salesforce outbound messages.

Salesforce posts outbound messages to it. It stores every notification exactly once, in SQLite or
PostgreSQL, and answers with the Ack only after that is on disk. Begin with "ackbox serve": without
DATABASE_URL it stores everything in ackbox.db in the working folder, and prints the URL to paste
into Setup.`

// cli is the command line.
type cli struct {
	Log   logFlags         `embed:"" prefix:"log-"`
	Print kong.VersionFlag `name:"version" help:"Print the version."`

	Serve           serveCmd           `cmd:"" help:"Receive outbound messages until stopped by a signal."`
	Migrate         migrateCmd         `cmd:"" help:"Migrate the database to the current schema."`
	Source          sourceCmd          `cmd:"" help:"Add, list and change sources. Each has its own URL."`
	Export          exportCmd          `cmd:"" help:"Write the stored notifications to stdout."`
	Relay           relayCmd           `cmd:"" help:"Deliver what is stored to the destinations until stopped by a signal, as serve does, too, unless --relay is off."`
	Destination     destinationCmd     `cmd:"" help:"Add, list and change destinations: where what is stored goes on to."`
	Deliveries      deliveriesCmd      `cmd:"" help:"List what waits for destinations, what is tried again and what was given up."`
	Refusals        refusalsCmd        `cmd:"" help:"List the refused messages and the causes."`
	Certificates    certificatesCmd    `cmd:"" help:"List the client certificates that were presented, with the verdicts."`
	Backup          backupCmd          `cmd:"" help:"Copy a SQLite database, which may be in use, to a file."`
	Prune           pruneCmd           `cmd:"" help:"Delete old notifications."`
	Erase           eraseCmd           `cmd:"" help:"Delete one record from everything that is stored, for good."`
	Replay          replayCmd          `cmd:"" help:"Send what was stored to a destination again."`
	ReceiveWebhooks receiveWebhooksCmd `cmd:"" help:"Receive the events of a webhook destination and print those whose signature is right."`
	Send            sendCmd            `cmd:"" help:"Post messages to a URL as Salesforce does."`
	Doctor          doctorCmd          `cmd:"" help:"Check a URL as Salesforce would use it, and report what would fail."`
	Setup           setupCmd           `cmd:"" help:"Write a Salesforce DX project that sends an object's records to ackbox."`
	Version         versionCmd         `cmd:"" help:"Print the version."`
}

// logFlags holds the flags of the log, which is written to stderr.
type logFlags struct {
	Level  string `enum:"debug,info,warn,error" default:"info" env:"ACKBOX_LOG_LEVEL" help:"The minimum level of the log: ${enum}."`
	Format string `enum:"text,json" default:"text" env:"ACKBOX_LOG_FORMAT" help:"The format of the log: ${enum}."`
}

// handler returns the handler of the log.
func (f logFlags) handler(w io.Writer) slog.Handler {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.Level)) // kong has checked it
	options := &slog.HandlerOptions{Level: level}
	if f.Format == "json" {
		return slog.NewJSONHandler(w, options)
	}
	return slog.NewTextHandler(w, options)
}

// startLog makes the log slog's default, and returns a function that writes what is left of it. That
// of a server is buffered.
func (c *cli) startLog(isServer bool, w io.Writer) (end func()) {
	if !isServer {
		slog.SetDefault(slog.New(c.Log.handler(w)))
		return func() {}
	}
	buffer := logbuffer.New(w, c.Log.handler)
	slog.SetDefault(slog.New(buffer.Handler()))
	c.Serve.log, c.Relay.log = buffer, buffer
	return buffer.Close
}

// vars returns the variables in the help texts and defaults of flags.
func vars() map[string]string {
	return map[string]string{
		"version":      version(),
		"organization": simulate.DefaultOrganizationID,
		"user_agent":   simulate.DefaultUserAgent,
	}
}

// versionCmd is the command version.
type versionCmd struct{}

// Run implements the command.
func (versionCmd) Run(t terminal) error {
	_, err := fmt.Fprintln(t.out, version())
	return err
}

// release is the version or commit that the linker has set, where the build has no repository:
// -ldflags "-X main.release=v1.2.3".
var release string

// version returns the version or commit that the binary was built from, and the version of Go.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return strings.Join([]string{
		"ackbox", versionOf(release, info), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH,
	}, " ")
}

// versionOf returns the release, or else the version that Go has derived from the repository, or
// else the commit.
func versionOf(release string, info *debug.BuildInfo) string {
	const unknown = "(devel)"
	if release != "" {
		return release
	}
	if v := info.Main.Version; v != "" && v != unknown {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return unknown
}
