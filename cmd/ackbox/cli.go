package main

import (
	"io"
	"log/slog"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"ackbox/simulate"
)

const description = `The durable inbox for Salesforce outbound messages.

Salesforce posts outbound messages to it. It stores every notification exactly once, in SQLite or PostgreSQL, and
answers the Ack only when that is on the disk. Start with "ackbox serve": without DATABASE_URL it keeps all in
ackbox.db here and prints the URL to paste into Setup.`

// cli is the command line.
type cli struct {
	Log     logFlags         `embed:"" prefix:"log-"`
	Version kong.VersionFlag `help:"Print the version."`

	Serve        serveCmd        `cmd:"" help:"Receive outbound messages until a signal ends it."`
	Migrate      migrateCmd      `cmd:"" help:"Bring the database to the current schema."`
	Source       sourceCmd       `cmd:"" help:"Add, list and change the sources: each has URLs of its own."`
	Export       exportCmd       `cmd:"" help:"Write the stored notifications to stdout."`
	Refusals     refusalsCmd     `cmd:"" help:"List the messages that were refused, and why."`
	Certificates certificatesCmd `cmd:"" help:"List the client certificates that were shown, and which are accepted."`
	Prune        pruneCmd        `cmd:"" help:"Delete old notifications."`
	Send         sendCmd         `cmd:"" help:"Post messages to a URL as Salesforce does."`
	Doctor       doctorCmd       `cmd:"" help:"Meet a URL as Salesforce would, and say what would go wrong."`
	Setup        setupCmd        `cmd:"" help:"Write a Salesforce DX project that sends an object's records here."`
}

// logFlags say how to log, on stderr.
type logFlags struct {
	Level  string `enum:"debug,info,warn,error" default:"info" env:"ACKBOX_LOG_LEVEL" help:"Log from this level on: ${enum}."`
	Format string `enum:"text,json" default:"text" env:"ACKBOX_LOG_FORMAT" help:"Log as ${enum}."`
}

func (f logFlags) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.Level)) // kong has checked it
	options := &slog.HandlerOptions{Level: level}
	if f.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// vars are what the help texts and defaults of flags refer to.
func vars() map[string]string {
	return map[string]string{
		"version":      version(),
		"organization": simulate.DefaultOrganizationID,
		"user_agent":   simulate.DefaultUserAgent,
	}
}

// version is that of the module, or of the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "ackbox (unknown version)"
	}
	text := "ackbox " + info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && info.Main.Version == "(devel)" {
			text += " " + s.Value
		}
	}
	return text + " " + info.GoVersion
}
