// Command ackbox is a durable inbox for Salesforce outbound messages: it stores every notification
// exactly once and answers with the Ack. This package parses the command line, connects the other
// packages and shuts them down.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // an invalid argument or setting
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], terminal{os.Stdout, os.Stderr}))
}

// terminal holds the streams of a command: out for its result, err for everything else.
type terminal struct{ out, err io.Writer }

// say writes a line to err.
func (t terminal) say(format string, args ...any) { fmt.Fprintf(t.err, format+"\n", args...) }

// usageError is the error of an invalid argument or setting.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run runs a command line and returns the exit code.
func run(ctx context.Context, args []string, t terminal) int {
	var c cli
	exited, code := false, exitDone
	parser, err := kong.New(&c, kong.Name("ackbox"), kong.Description(description),
		kong.Writers(t.out, t.err), kong.Exit(func(int) { exited = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars(vars()), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(t))
	if err != nil {
		t.say("ackbox: %v", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	switch {
	case exited: // after --help or --version
		return code
	case err != nil:
		t.say("ackbox: %v\nRun \"ackbox --help\" or \"ackbox COMMAND --help\" for help.", err)
		return exitUsage
	}
	slog.SetDefault(c.Log.logger(t.err))
	return exitCode(command.Run(), t)
}

// exitCode writes the error, if any, and returns the exit code for it.
func exitCode(err error, t terminal) int {
	if err == nil {
		return exitDone
	}
	t.say("ackbox: %v", err)
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}
