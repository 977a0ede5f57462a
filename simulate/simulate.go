// Package simulate implements Salesforce's side of outbound messaging, for load tests, fault
// injection and the Go tests of any listener. It generates messages as Salesforce writes them
// ([Generator], [Message]), posts them ([Client]), reads the answer as strictly as Salesforce does
// ([ReadAck]), and keeps a queue that retries until the Ack comes or 24 hours have passed
// ([Sender]). It knows nothing of how a listener works.
//
// Its behavior follows Salesforce's documentation and messages that were captured. What neither of
// them determines is an option whose comment says "Not documented": the first interval of the retry
// curve ([Curve]), the form of a notification whose record was deleted ([DeletedForm]), the form of
// SessionId ([SessionForm]), the framing of the request ([ClientOptions]), and which answers
// besides the documented one are accepted as an Ack ([AckReader]).
package simulate
