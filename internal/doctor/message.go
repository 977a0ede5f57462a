package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"

	"ackbox/simulate"
)

// defaultObject is the object of the test message: one that nobody has, so that no rule for a real one takes it.
const defaultObject = "ackbox_doctor__c"

const (
	actionID = "04kDOCTOR000000" // of both messages, by which they can be found again
	mark     = "ackbox doctor: a test, not a record"
)

// emptyMessage is an envelope that holds no notification, so that there is nothing in it to store.
func (e *examination) emptyMessage() []byte { return e.messageOf(nil) }

// testMessage is of one notification that shows what it is.
func (e *examination) testMessage() (id string, body []byte) {
	number := rand.Text()[:6]
	id = simulate.FullID("04lDOCTOR" + number)
	record := &simulate.Record{
		Object: e.Object, ID: simulate.FullID("a0XDOCTOR" + number),
		Fields: []simulate.Field{{Name: "Name", Value: mark}},
	}
	return id, e.messageOf([]simulate.Notification{{ID: id, Record: record}})
}

func (e *examination) messageOf(notifications []simulate.Notification) []byte {
	m := simulate.Message{
		OrganizationID: e.OrganizationID, ActionID: simulate.FullID(actionID), Host: "example.my.salesforce.com",
		APIVersion: "65.0", Notifications: notifications,
	}
	return m.Append(nil)
}

// checkRefusal wants a Fault for the message that holds nothing: who acks that acks before reading.
func (e *examination) checkRefusal(context.Context) Check {
	a := e.probed
	r := a.read()
	check := Check{Status: Fail, Found: a.describe(r), Salesforce: r.reason, Todo: r.todo}
	switch r.reason {
	case "":
		check.Found = "the Ack for a message that holds nothing"
		check.Todo = "ack only what was read and stored: what cannot be read is refused with a SOAP Fault, " +
			"or it is lost without a trace"
	case simulate.ReasonNack:
		check.Todo = "answer with a SOAP Fault, which says why; if everything is refused so, --send shows it"
	case simulate.ReasonFault:
		advice := adviceFor[a.status]
		if advice == "" {
			return pass("a message that holds nothing is refused with a Fault (HTTP %d)", a.status)
		}
		if check.Todo = advice; a.status == http.StatusForbidden {
			check.Status = Warn // it may take others
		}
	}
	return check
}

// adviceFor says what to do about a Fault that is not for the message's content, by its status.
var adviceFor = map[int]string{
	http.StatusForbidden:            "this organization may not post here, it seems: give one that may with --org",
	http.StatusNotFound:             adviceURL,
	http.StatusGone:                 adviceURL,
	http.StatusMethodNotAllowed:     adviceURL,
	http.StatusUnsupportedMediaType: "take text/xml; charset=UTF-8: it is what Salesforce sends",
	http.StatusTooManyRequests:      adviceLater,
	http.StatusBadGateway:           adviceLater,
	http.StatusServiceUnavailable:   adviceLater,
	http.StatusGatewayTimeout:       adviceLater,
}

const (
	adviceURL   = "no listener is at this URL, or it is disabled: copy the URL again from where it was printed"
	adviceLater = "the listener cannot take messages now: see its log, and its database"
)

// checkMessage posts the test message, which must be acked.
func (e *examination) checkMessage(ctx context.Context) Check {
	var id string
	id, e.message = e.testMessage()
	check := e.deliver(ctx)
	if e.acked = check.Status != Fail; e.acked {
		check.Found += fmt.Sprintf(": notification %s of object %s", id, e.Object)
	}
	return check
}

// checkRedelivery posts it again, as Salesforce does when an Ack gets lost.
func (e *examination) checkRedelivery(ctx context.Context) Check {
	if !e.acked {
		return Check{Status: Skip, Found: "the message was not acked the first time"}
	}
	check := e.deliver(ctx)
	if check.Status == Fail {
		check.Todo = "ack what is stored already and do not store it again: Salesforce delivers at least once. " + check.Todo
	}
	return check
}

// deliver posts the test message and reads the answer as Salesforce does.
func (e *examination) deliver(ctx context.Context) Check {
	a := e.client.post(ctx, e.message)
	if a.err != nil {
		return e.failed(a)
	}
	for _, unhandled := range []func() *Check{a.redirect, a.login, a.compression} {
		if check := unhandled(); check != nil {
			return *check
		}
	}
	r := a.read()
	if r.reason == "" {
		check := a.timed()
		check.Found = "acked after " + rounded(a.took).String()
		return check
	}
	check := Check{Status: Fail, Found: a.describe(r), Salesforce: r.reason, Todo: r.todo}
	if r.reason == simulate.ReasonFault {
		check.Todo += "; if it takes certain objects only, name one with --object"
		if advice := adviceFor[a.status]; advice != "" {
			check.Todo = advice
		}
	}
	return check
}
