// Command bench measures ackbox end to end, next to a plain listener (see plain), and prints a
// table of both with their ratios. It builds the real binaries, starts them and a temporary
// PostgreSQL server that syncs to disk, loads them with ackbox send, and stops all that it started,
// also when it is interrupted.
//
// All processes share the CPUs that bench may use: taskset -c 0,1 limits them to two on a larger
// machine. Only the ratios of one run can be compared with those of another machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// options are the command-line flags.
type options struct {
	For           time.Duration `default:"5s" help:"Duration of each measured run."`
	Warmup        time.Duration `default:"1s" help:"Duration of the load before each measured run."`
	Repeat        int           `default:"1" help:"Number of runs of each listener, which take turns; the table shows medians."`
	Databases     []string      `default:"sqlite,postgres" enum:"sqlite,postgres" help:"Databases to measure on: ${enum}."`
	Listeners     []string      `default:"ackbox,plain" enum:"ackbox,plain" help:"Listeners to measure: ${enum}."`
	Senders       []int         `default:"1,16,64" help:"Numbers of messages that are sent at the same time."`
	Notifications []int         `default:"1,100" help:"Numbers of notifications in a message, 1 to 100."`
	Stored        []int         `default:"0" help:"Numbers of notifications that are stored before the run, such as 0,10000000; filling PostgreSQL with 10 million takes minutes and 9 GB of disk."`
	Processes     []int         `default:"1" help:"Numbers of processes of the listener that share the database and the senders, such as 1,2; all but the first number are measured on PostgreSQL with the first of --stored only."`
	SyncDelay     time.Duration `placeholder:"2ms" help:"Time by which each disk sync of listener and database takes longer; the output says how."`
	Overload      bool          `help:"Measure instead how much of its rate ackbox keeps with ten times the senders, each of which waits 500ms when it is refused, where its queue is full and where it is not."`
	Relay         bool          `help:"Measure instead what destinations cost those who send, how fast a backlog is delivered, and how long a notification takes from its receipt to its delivery."`
	ServerArg     []string      `sep:"none" placeholder:"FLAG" help:"Flag to pass to ackbox serve; may be repeated."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var o options
	kong.Parse(&o, kong.Name("bench"),
		kong.Description("Measure ackbox end to end, next to a plain listener."))
	err := run(ctx, o, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures what the options ask for. It prints the report to out and its progress to progress.
func run(ctx context.Context, o options, out, progress io.Writer) (err error) {
	if runtime.GOOS != "linux" {
		return errors.New("bench runs on Linux only: it reads the resources of the processes from /proc")
	}
	if len(o.Senders) > 0 && slices.Min(o.Senders) < slices.Max(append(o.Processes, 1)) {
		return errors.New("--processes is larger than --senders: each process needs a sender")
	}
	h, err := newHarness(ctx, o, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	switch {
	case o.Overload:
		return h.measureOverload(ctx, out)
	case o.Relay:
		return h.measureRelay(ctx, out)
	}
	runs, err := h.measureAll(ctx)
	if err != nil {
		return err
	}
	machine, err := h.machine(ctx)
	if err != nil {
		return err
	}
	return report{machine: machine, options: o, syncs: h.sync, runs: runs}.print(out)
}
