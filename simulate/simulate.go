// Package simulate is Salesforce's side of the outbound-message contract, for a load test, a bad day or anyone's Go
// tests: it makes messages ([Generator], [Message]) as Salesforce writes them, posts them ([Client]), reads the answer
// as strictly as Salesforce does ([ReadAck]) and keeps the queue that tries again until the Ack comes or 24 hours are
// over ([Sender]). It knows nothing of how a listener works.
//
// What it does is what Salesforce's documentation says or what real messages show. Where neither says anything there is
// an option, and its comment begins with "Not documented": the first interval of the retry curve ([Curve]), the form of
// a notification whose record was deleted ([DeletedForm]), what stands in SessionId ([SessionForm]), the framing of the
// request ([ClientOptions]) and which answers besides the documented one are taken for an Ack ([AckReader]).
package simulate
