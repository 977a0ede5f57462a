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
	// exitInterrupted is for Ctrl-C: 128 and the number of SIGINT, as shells have it.
	exitInterrupted = 130
)

func main() {
	ctx := untilSignal(os.Interrupt, syscall.SIGTERM)
	os.Exit(run(ctx, os.Args[1:], terminal{os.Stdout, os.Stderr}))
}

// serveName is the name of the command that runs until a signal ends it.
const serveName = "serve"

// runsUntilStopped reports whether a command runs until a signal ends it.
func runsUntilStopped(command *kong.Context) bool {
	return command.Command() == serveName || command.Command() == relayName
}

// interruption is the cause of a context that a signal has ended.
type interruption struct{ signal os.Signal }

func (i interruption) Error() string { return "interrupted" }

// untilSignal returns a context that ends with an interruption at the first of the signals. A
// second signal ends the process at once.
func untilSignal(signals ...os.Signal) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	received := make(chan os.Signal, 1)
	signal.Notify(received, signals...)
	go func() {
		first := <-received
		signal.Stop(received)
		cancel(interruption{first})
	}()
	return ctx
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
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), durationMapper(),
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
	err = c.logged(command, t)
	if !runsUntilStopped(command) { // that is what a signal is for
		err = interrupted(ctx, err)
	}
	return exitCode(err, t)
}

// logged runs a command with the log it needs, which is written to its end even if the command
// panics.
func (c *cli) logged(command *kong.Context, t terminal) error {
	defer c.startLog(runsUntilStopped(command), t.err)()
	warnUnknownSettings(command, t)
	// The log of a command that changes something says so; the default one is shared by all commands
	// of a process, as in tests.
	command.Bind(slog.New(c.Log.handler(t.err)))
	return command.Run()
}

// interrupted returns the interruption that ended the context of a command that failed, or else
// the error of the command. What a driver reports of a query that was cancelled is of no interest.
func interrupted(ctx context.Context, err error) error {
	if cause, ok := errors.AsType[interruption](context.Cause(ctx)); ok && err != nil {
		return cause
	}
	return err
}

// exitCode writes the error, if any, and returns the exit code for it.
func exitCode(err error, t terminal) int {
	if err == nil {
		return exitDone
	}
	t.say("ackbox: %v", err)
	if cause, ok := errors.AsType[interruption](err); ok && cause.signal == os.Interrupt {
		return exitInterrupted
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}
