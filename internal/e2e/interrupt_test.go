package e2e_test

import (
	"net"
	"strings"
	"syscall"
	"testing"
)

// A command that a signal ends says so, and nothing of what it was waiting for.
func TestAnInterruptedCommandSaysSo(t *testing.T) {
	t.Parallel()
	for signal, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 1} {
		for _, command := range []string{"send", "doctor", "export", "source add"} {
			t.Run(command+" "+signal.String(), func(t *testing.T) {
				t.Parallel()
				addr, reached := silentListener(t)
				in := install(t, "DATABASE_URL=postgres://ackbox@"+addr+"/ackbox?connect_timeout=60")
				args := strings.Fields(command)
				switch command {
				case "send", "doctor":
					args = append(args, "http://"+addr+"/outbound/token")
				case "source add":
					args = append(args, "crm")
				}
				p := spawn(t, in.dir, in.env, args...)
				<-reached
				if err := p.cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				code := p.wait()
				log := p.stderr.String()
				if code != want || !strings.HasSuffix(log, "ackbox: interrupted\n") ||
					strings.Contains(log, "cancel") || strings.Contains(log, "unavailable") {
					t.Errorf("got exit code %d and %q, want %d and that it was interrupted", code, log, want)
				}
			})
		}
	}
}

// silentListener listens and never answers. The channel is closed at the first connection.
func silentListener(tb testing.TB) (addr string, reached <-chan struct{}) {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { listener.Close() })
	connected := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			tb.Cleanup(func() { conn.Close() })
			if n == 0 {
				close(connected)
			}
		}
	}()
	return listener.Addr().String(), connected
}
