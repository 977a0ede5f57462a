package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"ackbox/simulate"
)

// sendCmd is the command send. Its flags are the options of package simulate, which describes them
// and says which of Salesforce's behavior is documented.
type sendCmd struct {
	URL string `arg:"" help:"The listener's URL."`

	Messages   sendMessages   `embed:"" group:"Messages:"`
	Load       sendLoad       `embed:"" group:"Load:"`
	Failures   sendFailures   `embed:"" group:"Failures, each with a probability of 0 to 1:"`
	Retry      sendRetry      `embed:"" group:"Retries:"`
	Connection sendConnection `embed:"" group:"Connection:"`

	Acked string `placeholder:"FILE" help:"Write the id of each acked notification to this file, one per line."`
	JSON  bool   `name:"json" help:"Print the summary as one line of JSON."`
}

// errNotAcked is returned if a notification was not acked. The summary says how many and why.
var errNotAcked = errors.New("not all notifications were acked: the summary has the reasons; " +
	"--retry retries as Salesforce does")

// Run implements the command.
func (c *sendCmd) Run(ctx context.Context, t terminal) error {
	if err := checkOrganizations(t, c.Messages.Force, c.Messages.Org); err != nil {
		return err
	}
	setCollector(0)
	clock := c.Retry.clock()
	generator, bodies, err := c.Messages.open()
	if err != nil {
		return usageError{err}
	}
	client, err := c.Connection.client(c.URL, c.Load.Concurrency)
	if err != nil {
		return usageError{err}
	}
	options := c.Load.options(c.Failures, c.Retry.curve(), clock)
	if options.Bodies = bodies; len(bodies) > 0 && c.Load.Count == 0 && c.Load.For == 0 {
		options.Count = len(bodies) // each file once
	}
	acked, err := openAcked(c.Acked)
	if err != nil {
		return err
	}
	options.OnAck = acked.write
	sender, err := simulate.NewSender(client, generator, options)
	if err != nil {
		return usageError{err}
	}
	stats, err := c.run(ctx, t, sender)
	return errors.Join(err, acked.close(), c.report(t, stats))
}

func (c *sendCmd) run(
	ctx context.Context, t terminal, sender *simulate.Sender,
) (simulate.Stats, error) {
	stop := showProgress(t, func() string { return sender.Stats().String() })
	defer stop()
	return sender.Run(ctx)
}

func (c *sendCmd) report(t terminal, stats simulate.Stats) error {
	var err error
	if c.JSON {
		err = json.NewEncoder(t.out).Encode(stats)
	} else {
		_, err = fmt.Fprint(t.out, stats.Summary())
	}
	if err == nil && !stats.AllAcked() {
		err = errNotAcked
	}
	return err
}

// ackedFile is the file of --acked. The zero value discards the ids.
type ackedFile struct {
	file *os.File
	err  error // of the first write that failed
}

func openAcked(path string) (*ackedFile, error) {
	if path == "" {
		return &ackedFile{}, nil
	}
	file, err := os.Create(path)
	return &ackedFile{file: file}, err
}

// write writes the ids of one Ack with a single call, so that readers of the file see whole lines.
func (a *ackedFile) write(notifications []simulate.Notification) {
	if a.file == nil || a.err != nil {
		return
	}
	var lines []byte
	for _, n := range notifications {
		lines = append(append(lines, n.ID...), '\n')
	}
	_, a.err = a.file.Write(lines)
}

func (a *ackedFile) close() error {
	if a.file == nil {
		return nil
	}
	return errors.Join(a.err, a.file.Close())
}

// progressEvery is the interval between updates of the progress line.
const progressEvery = 200 * time.Millisecond

// showProgress updates a line on stderr, if that is a terminal, until stop is called.
func showProgress(t terminal, line func() string) (stop func()) {
	file, ok := t.err.(*os.File)
	if !ok {
		return func() {}
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				fmt.Fprint(file, "\r\x1b[K")
				return
			case <-ticker.C:
				fmt.Fprintf(file, "\r\x1b[K%s", line())
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// sendConnection holds the flags for connections.
type sendConnection struct {
	Timeout    time.Duration `default:"20s" help:"The time limit of a delivery (Salesforce documents 60s, and reportedly waits only 20s)."`
	ClientCert string        `placeholder:"FILE" type:"existingfile" help:"Present this client certificate (PEM, with its key unless --client-key is given)."`
	ClientKey  string        `placeholder:"FILE" type:"existingfile" help:"The key of the client certificate (PEM)."`
	CA         string        `name:"ca" placeholder:"FILE" type:"existingfile" help:"Trust the certificates in this PEM file instead of the system's."`
	UserAgent  string        `default:"${user_agent}" help:"The User-Agent."`
	Chunked    bool          `help:"Send the body in chunks, without a Content-Length. Not documented for Salesforce."`
	KeepAlive  bool          `default:"true" negatable:"" help:"Keep connections open between messages. Not documented for Salesforce."`
	AnyStatus  bool          `help:"Accept an Ack under any status. Not documented for Salesforce."`
	AnyElement bool          `help:"Accept an Ack whose parent has any name. Not documented for Salesforce."`
}

func (c *sendConnection) client(url string, connections int) (*simulate.Client, error) {
	o := simulate.ClientOptions{
		Connections: connections, Timeout: c.Timeout, UserAgent: c.UserAgent, Chunked: c.Chunked,
		NoKeepAlive: !c.KeepAlive,
		Answers:     simulate.AckReader{AnyStatus: c.AnyStatus, AnyElement: c.AnyElement},
	}
	var err error
	if o.Certificate, err = readCertificate(c.ClientCert, c.ClientKey); err != nil {
		return nil, err
	}
	if o.RootCAs, err = readCAs(c.CA); err != nil {
		return nil, err
	}
	return simulate.NewClient(url, o)
}
