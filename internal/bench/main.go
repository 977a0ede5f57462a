// Command bench measures ackbox from end to end, next to a plain listener (see plain), and prints a table of both with
// their ratios. It builds the real binaries, starts them and a throwaway PostgreSQL that syncs to disk, loads them with
// ackbox send, and stops all that it started, also when it is interrupted.
//
// Everything shares the CPUs that it may use: taskset -c 0,1 makes those of a larger machine two. Only the ratios
// within one run mean something elsewhere.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// options are the flags.
type options struct {
	For           time.Duration `default:"5s" help:"How long each run is measured."`
	Warmup        time.Duration `default:"1s" help:"How long each listener is loaded before that."`
	Repeat        int           `default:"1" help:"How often everything is measured, by turns; the table has the medians."`
	Databases     []string      `default:"sqlite,postgres" enum:"sqlite,postgres" help:"On which databases: ${enum}."`
	Listeners     []string      `default:"ackbox,plain" enum:"ackbox,plain" help:"Which listeners: ${enum}."`
	Senders       []int         `default:"1,16,64" help:"How many messages are on their way at once."`
	Notifications []int         `default:"1,100" help:"How many notifications a message has, 1 to 100."`
	SeedRows      []int         `default:"0" help:"How many notifications are stored before."`
	ServerArg     []string      `sep:"none" placeholder:"FLAG" help:"Start ackbox serve with this flag, too; several are possible."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var o options
	kong.Parse(&o, kong.Name("bench"), kong.Description("Measure ackbox from end to end, next to a plain listener."))
	err := run(ctx, o, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures all that the options ask for and prints the report to out; progress tells how far it is.
func run(ctx context.Context, o options, out, progress io.Writer) (err error) {
	if runtime.GOOS != "linux" {
		return errors.New("what the processes use is read from /proc, which only Linux has")
	}
	h, err := newHarness(ctx, o, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	runs, err := h.measureAll(ctx)
	if err != nil {
		return err
	}
	machine, err := h.machine(ctx)
	if err != nil {
		return err
	}
	return report{machine: machine, options: o, runs: runs}.print(out)
}
