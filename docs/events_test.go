package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ackbox/ledger"
	"ackbox/relay"
	"ackbox/relay/webhook"
	"ackbox/simulate"
	"ackbox/store"
)

const events = "events.md"

// exampleEvent is the event of docs/events.md.
func exampleEvent() relay.Event {
	object, record := "Lead", simulate.FullID("00Q5g000001Lead")
	fields := []byte(`{"Id":"` + record + `","AnnualRevenue":1.0E7,"City":null,"Company":"Hush Inc",` +
		`"SystemModstamp":"2026-11-22T01:02:00.000Z"}`)
	changed := time.Date(2026, 11, 22, 1, 2, 0, 0, time.UTC)
	return relay.Event{Attempt: 1, Notification: store.Notification{
		ID: 4711, Source: "crm", OrganizationID: simulate.FullID("00D5g000004Acme"), ActionID: "04k5g000000LeadEAA",
		NotificationID: "04l5g000000AbCdAAA", Revision: 1, ObjectType: &object, RecordID: &record, Fields: fields,
		ReceivedAt: changed.Add(3*time.Second + 141_592*time.Microsecond), ChangedAt: &changed,
		Digest: ledger.DigestOf(fields),
	}}
}

// blocks returns the code blocks of docs/events.md in a language.
func blocks(tb testing.TB, language string) (texts []string) {
	tb.Helper()
	for _, match := range fence.FindAllStringSubmatch(readFile(tb, events), -1) {
		if match[1] == language {
			texts = append(texts, match[2])
		}
	}
	if len(texts) == 0 {
		tb.Fatalf("%s has no block of %s", events, language)
	}
	return texts
}

func TestTheExampleIsAnEvent(t *testing.T) {
	t.Parallel()
	e := exampleEvent()
	written, err := e.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	var want, got bytes.Buffer
	if err := json.Indent(&want, written, "", "  "); err != nil {
		t.Fatal(err)
	}
	if err := json.Indent(&got, []byte(blocks(t, "json")[0]), "", "  "); err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(got.String()) != want.String() {
		t.Errorf("%s has\n%s\nwant\n%s", events, &got, &want)
	}
}

// Every attribute is in the table, and nothing else.
func TestTheAttributesAreDocumented(t *testing.T) {
	t.Parallel()
	e := exampleEvent()
	e.Stale = true
	var want []string
	for _, a := range e.Attributes() {
		want = append(want, "| `"+a.Name+"` |")
	}
	text := readFile(t, events)
	_, text, _ = strings.Cut(text, "\n## Attributes\n")
	text, _, _ = strings.Cut(text, "\n## ")
	for _, row := range want {
		if strings.Count(text, "\n"+row) != 1 {
			t.Errorf("got no row %q, or several", row)
		}
	}
	if rows := strings.Count(text, "\n| `"); rows != len(want) {
		t.Errorf("got %d rows, want %d", rows, len(want))
	}
}

// output is what a receiver prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// receiver returns the command of the example in a language, or skips the test if what it needs is
// not installed.
func receiver(t *testing.T, language string) *exec.Cmd {
	t.Helper()
	dir := t.TempDir()
	switch language {
	case "go":
		for _, text := range blocks(t, "go") {
			writeExample(t, dir, text)
		}
		completeModule(t, dir, "module example.com/crm\n\ngo 1.26.0\n\n")
		run(t, dir, "vet", "./...")
		run(t, dir, "build", "-o", "receiver.exe", "./receiver")
		return exec.Command(filepath.Join(dir, "receiver.exe"))
	case "python":
		writeFile(t, filepath.Join(dir, "receiver.py"), blocks(t, "python")[0])
		return installed(t, exec.Command("python3", filepath.Join(dir, "receiver.py")),
			"-c", "import standardwebhooks")
	default:
		writeFile(t, filepath.Join(dir, "receiver.js"), blocks(t, "js")[0])
		return installed(t, exec.Command("node", filepath.Join(dir, "receiver.js")),
			"-e", `require("standardwebhooks")`)
	}
}

// installed skips the test if a program cannot load the library of Standard Webhooks. The one for
// Python is in the Go module, that for Node.js is found by NODE_PATH.
func installed(t *testing.T, cmd *exec.Cmd, try ...string) *exec.Cmd {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}",
		"github.com/standard-webhooks/standard-webhooks/libraries")
	module, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1",
		"PYTHONPATH="+filepath.Join(strings.TrimSpace(string(module)), "python"))
	tried := exec.CommandContext(t.Context(), cmd.Args[0], try...)
	tried.Env = cmd.Env
	if output, err := tried.CombinedOutput(); err != nil {
		t.Skipf("%s cannot load standardwebhooks: %v %s", cmd.Args[0], err, output)
	}
	return cmd
}

// start starts a receiver and returns its URL and what it prints.
func start(t *testing.T, cmd *exec.Cmd, secret string) (url string, out *output) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	out = &output{}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "WEBHOOK_SECRET="+secret, fmt.Sprint("PORT=", address.Port))
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return "http://" + address.String() + "/", out
}

// deliver returns a sender's verdict, once the receiver listens.
func deliver(t *testing.T, url, secret string, e relay.Event) relay.Verdict {
	t.Helper()
	sender, err := webhook.Open(relay.Config{
		Name: "erp", Settings: []byte(`{"allow_private":true}`),
		Secrets: map[string]string{webhook.SecretURL: url, webhook.SecretKey: secret},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-ticker.C {
		v := sender.Send(t.Context(), []relay.Event{e})[0]
		if v.Outcome != relay.Unavailable || time.Now().After(deadline) {
			return v
		}
	}
}

func TestReceiversVerifySignatures(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"go", "python", "js"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			secret, e := webhook.NewKey(), exampleEvent()
			url, out := start(t, receiver(t, language), secret)
			if v := deliver(t, url, webhook.NewKey(), e); v.Outcome != relay.Rejected {
				t.Errorf("an event with another signature: got %+v", v)
			}
			for range 2 {
				if v := deliver(t, url, secret, e); v.Outcome != relay.Success {
					t.Errorf("got %+v", v)
				}
			}
			got := strings.Count(out.String(), e.ID()+" com.salesforce.outbound.Lead\n")
			if got != 1 {
				t.Errorf("got\n%s\nwant a line with the event", out)
			}
		})
	}
}
