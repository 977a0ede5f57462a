// Command ackbox is the durable inbox for Salesforce outbound messages: it stores every notification exactly once and
// answers the Ack. This package reads the command line, wires the others together and stops them.
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
	exitUsage  = 2 // a wrong argument or setting
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], terminal{os.Stdout, os.Stderr}))
}

// terminal is where a command writes: out gets its result and nothing else, err whatever is said on the way.
type terminal struct{ out, err io.Writer }

// say writes a line for the person at the terminal.
func (t terminal) say(format string, args ...any) { fmt.Fprintf(t.err, format+"\n", args...) }

// usageError is an error of an argument or a setting.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run runs one command line and gives the exit code.
func run(ctx context.Context, args []string, t terminal) int {
	var c cli
	exited, code := false, exitDone
	parser, err := kong.New(&c, kong.Name("ackbox"), kong.Description(description), kong.Writers(t.out, t.err),
		kong.Exit(func(int) { exited = true }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars(vars()), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(t))
	if err != nil {
		t.say("ackbox: %v", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	switch {
	case exited: // --help or --version was answered
		return code
	case err != nil:
		t.say("ackbox: %v\nRun \"ackbox --help\", or \"ackbox COMMAND --help\" for one command.", err)
		return exitUsage
	}
	slog.SetDefault(c.Log.logger(t.err))
	return exitCode(command.Run(), t)
}

// exitCode says what went wrong, and gives the code for it.
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
