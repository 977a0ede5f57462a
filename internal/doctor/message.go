package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"

	"ackbox/simulate"
)

// defaultObject is the object of the test message. No organization has it, so that no rule for a
// real object applies.
const defaultObject = "ackbox_doctor__c"

const (
	actionID = "04kDOCTOR000000" // of both messages, to find them by
	mark     = "ackbox doctor: a test, not a record"
)

// emptyMessage returns a message without notifications, which leaves nothing to store.
func (e *examination) emptyMessage() []byte { return e.messageOf(nil) }

// testMessage returns a message with one notification that is marked as a test, and the
// notification's id.
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
		OrganizationID: e.OrganizationID, ActionID: simulate.FullID(actionID),
		Host:       "example.my.salesforce.com",
		APIVersion: "65.0", Notifications: notifications,
	}
	return m.Append(nil)
}

// checkRefusal requires a Fault for the empty message: a listener that acks it does not read
// messages before the Ack.
func (e *examination) checkRefusal(context.Context) Check {
	a := e.probed
	r := a.read()
	check := Check{Status: Fail, Found: a.describe(r), Salesforce: r.reason, Todo: r.todo}
	advice := a.advice(r)
	switch {
	case advice != "":
		if check.Todo = advice; a.status == http.StatusForbidden {
			check.Status = Warn // other organizations may be allowed
		}
	case r.reason == simulate.ReasonFault:
		return e.refused()
	case r.reason == simulate.ReasonNack:
		check.Todo = "answer with a SOAP Fault, which can say why; --send shows whether all messages " +
			"are refused"
	case r.reason == "":
		check.Found = "the Ack for a message without notifications"
		check.Todo = "ack only what was read and stored, and refuse what cannot be read with a SOAP " +
			"Fault: otherwise it is lost without a trace"
	}
	return check
}

// refused returns the check of a Fault for the empty message. ackbox reads a message only if it
// knows the URL. Another listener may read it first: whether it knows the URL is then seen by the
// test message.
func (e *examination) refused() Check {
	status := e.probed.status
	switch {
	case e.report.Listener == ackbox:
		return pass("the URL is known: a message without notifications is refused with a Fault (HTTP %d)",
			status)
	case e.Send:
		return pass("a message without notifications is refused with a Fault (HTTP %d)", status)
	}
	return Check{
		Status: Warn, Found: fmt.Sprintf("a message without notifications is refused with a Fault "+
			"(HTTP %d), which does not show that the listener knows this URL", status),
		Todo: "post a test message with --send: a wrong URL may be refused only then",
	}
}

// advice returns what to do about an answer because of its status, or "". A status other than that
// of a URL that does not exist counts only with a Fault: without one, it may be somebody else's.
func (a *answer) advice(r reading) string {
	advice := adviceFor[a.status]
	switch r.reason {
	case simulate.ReasonFault:
		return advice
	case "", simulate.ReasonNack, simulate.ReasonStatus: // the listener itself
		return ""
	}
	if advice == adviceURL {
		return advice
	}
	return ""
}

// adviceFor maps the statuses of Faults that the message's content does not cause to what to do
// about them.
var adviceFor = map[int]string{
	http.StatusForbidden: "this organization may not be allowed to post: give one that " +
		"is with --org",
	http.StatusNotFound:             adviceURL,
	http.StatusGone:                 adviceURL,
	http.StatusMethodNotAllowed:     adviceURL,
	http.StatusUnsupportedMediaType: "accept text/xml; charset=UTF-8, which Salesforce sends",
	http.StatusTooManyRequests:      adviceThrottled,
	http.StatusBadGateway:           adviceLater,
	http.StatusServiceUnavailable:   adviceLater,
	http.StatusGatewayTimeout:       adviceLater,
}

const (
	adviceURL = "there is no listener at this URL, or it is disabled: copy the URL again from " +
		"where it was printed"
	adviceThrottled = "the listener gets too many requests from this address: wait a minute; ackbox " +
		"limits only requests to URLs that do not exist, so also copy the URL again"
	adviceLater = "the listener cannot accept messages now: see its log, and check its database"
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

// checkRedelivery posts the test message again, as Salesforce does when an Ack is lost.
func (e *examination) checkRedelivery(ctx context.Context) Check {
	if !e.acked {
		return Check{Status: Skip, Found: "the message was not acked the first time"}
	}
	check := e.deliver(ctx)
	if check.Status == Fail {
		check.Todo = "ack what is already stored and do not store it again: Salesforce delivers at " +
			"least once. " + check.Todo
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
		check.Todo += "; if it accepts certain objects only, give one with --object"
	}
	if advice := a.advice(r); advice != "" {
		check.Todo = advice
	}
	return check
}
