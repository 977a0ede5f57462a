package simulate_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"ackbox/simulate"
	"ackbox/soap"
	"ackbox/wsdl"
)

// This tests a listener with a Sender that loses every tenth Ack.
func ExampleSender() {
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, soap.Ack)
	}))
	defer listener.Close()

	lead := &wsdl.Definition{Object: "Lead", Fields: []wsdl.Field{
		{Name: "Id", Type: "ID"}, {Name: "Company", Type: "string"}, {Name: "LastName", Type: "string"},
	}}
	generator, err := simulate.NewGenerator(lead, simulate.GeneratorOptions{Changes: 0.2})
	if err != nil {
		panic(err)
	}
	client, err := simulate.NewClient(listener.URL, simulate.ClientOptions{Connections: 4})
	if err != nil {
		panic(err)
	}
	sender, err := simulate.NewSender(client, generator, simulate.SenderOptions{
		Count: 50, Concurrency: 4, Notifications: simulate.Range{Min: 20, Max: 20},
		LostAck: 0.1, Retry: simulate.DefaultCurve(), Clock: simulate.NewClock(1000),
	})
	if err != nil {
		panic(err)
	}
	stats, err := sender.Run(context.Background())
	fmt.Println(stats.Acked, stats.AllAcked(), err)
	// Output: 1000 true <nil>
}
