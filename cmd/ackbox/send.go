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

// sendCmd is the command send. Its flags are the options of package simulate, which says what each does and which of
// Salesforce's habits are documented.
type sendCmd struct {
	URL string `arg:"" help:"The listener's URL."`

	Messages   sendMessages   `embed:"" group:"What is sent:"`
	Load       sendLoad       `embed:"" group:"How much and how fast:"`
	Trouble    sendTrouble    `embed:"" group:"What goes wrong, with a probability of 0 to 1:"`
	Retry      sendRetry      `embed:"" group:"Trying again:"`
	Connection sendConnection `embed:"" group:"The connection:"`

	Acked string `placeholder:"FILE" help:"Write the id of each acked notification to this file, one a line."`
	JSON  bool   `name:"json" help:"Print the summary as one line of JSON."`
}

// errNotAcked makes the command fail when anything was not acked; the summary says what and why.
var errNotAcked = errors.New("not everything was acked: the summary has the reasons; " +
	"--retry tries again as Salesforce does")

// Run implements the command.
func (c *sendCmd) Run(ctx context.Context, t terminal) error {
	clock := c.Retry.clock()
	generator, bodies, err := c.Messages.open()
	if err != nil {
		return usageError{err}
	}
	client, err := c.Connection.client(c.URL, c.Load.Concurrency)
	if err != nil {
		return usageError{err}
	}
	options := c.Load.options(c.Trouble, c.Retry.curve(), clock)
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

func (c *sendCmd) run(ctx context.Context, t terminal, sender *simulate.Sender) (simulate.Stats, error) {
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

// ackedFile gets the ids of the acked notifications as they come; without a path it is nowhere.
type ackedFile struct {
	file *os.File
	err  error // the first
}

func openAcked(path string) (*ackedFile, error) {
	if path == "" {
		return &ackedFile{}, nil
	}
	file, err := os.Create(path)
	return &ackedFile{file: file}, err
}

// write writes what one Ack covers at once: whoever reads the file meanwhile sees whole lines.
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

// progressEvery is how often the progress line is written anew.
const progressEvery = 200 * time.Millisecond

// showProgress keeps a line up to date when stderr is a terminal, until stop.
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

// sendConnection says how to connect.
type sendConnection struct {
	Timeout    time.Duration `default:"20s" help:"How long a delivery may take (Salesforce documents 60s, and is said to have gone to 20s)."`
	ClientCert string        `placeholder:"FILE" type:"existingfile" help:"Show this client certificate: PEM with the key in it, or in --client-key."`
	ClientKey  string        `placeholder:"FILE" type:"existingfile" help:"The client certificate's key, PEM."`
	CA         string        `name:"ca" placeholder:"FILE" type:"existingfile" help:"Trust the certificates in this PEM file instead of the system's."`
	UserAgent  string        `default:"${user_agent}" help:"Call yourself so."`
	Chunked    bool          `help:"Send without a Content-Length. Not documented is what Salesforce does."`
	KeepAlive  bool          `default:"true" negatable:"" help:"Keep connections between messages. Not documented is whether Salesforce does."`
	AnyStatus  bool          `help:"Take an Ack under any status. Not documented is whether Salesforce does."`
	AnyElement bool          `help:"Take an Ack whatever its parent is called. Not documented is whether Salesforce does."`
}

func (c *sendConnection) client(url string, connections int) (*simulate.Client, error) {
	o := simulate.ClientOptions{
		Connections: connections, Timeout: c.Timeout, UserAgent: c.UserAgent, Chunked: c.Chunked, NoKeepAlive: !c.KeepAlive,
		Answers: simulate.AckReader{AnyStatus: c.AnyStatus, AnyElement: c.AnyElement},
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
