package e2e_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"ackbox/internal/access/certificate/certificatetest"
)

// stalledFor is how long a slow client stalls that gives up. Others stall until a time limit of the
// inbox or the end of the attack.
const stalledFor = 2 * time.Second

// attacks returns all attacks that are made at once.
func (s *target) attacks() []attack {
	return slices.Concat(
		s.outsiderAttacks(), s.insiderAttacks(), s.connectionAttacks(), s.floodAttacks())
}

// outsiderAttacks returns the attacks of clients that lack the URL, the certificate or the address.
func (s *target) outsiderAttacks() []attack {
	message := s.posted(string(unchanged()))
	unknown := s.written(hostile{body: unchanged(), token: tokenMarker})
	flood := strings.Repeat(unknown, 25)
	pretends := s.sender.Shown()
	pretends.PrivateKey = pretender{newSender(nil).Key, s.sender.Certificate.PublicKey}
	good, others := s.sender.Shown(), slices.Collect(maps.Values(strangers(s.sender)))
	return []attack{
		// The connection is closed after each answer, so that the rate limit needs as many tries.
		{"unknown tokens", 6, 0, s.requesting(attacker{from: "127.0.0.3"}, flood)},
		{"unknown tokens from the sender's address", 2, 0, s.requesting(attacker{from: goodFrom}, flood)},
		{"unknown tokens from many addresses", 2, 0, s.fromMany(strings.Repeat(unknown, 3))},
		{"no certificate", 1, 0, s.requesting(attacker{from: "127.0.0.4"}, message)},
		{"others' certificates", 1, 0, s.presentingEach("127.0.0.4", message, others...)},
		{"a new certificate each time", 1, 0, s.presentingNew(message)},
		{"a long certificate each time", 1, 0, s.presentingLong(message)},
		{"the certificate of last year", 1, 0, s.presentingEach("127.0.0.4", message, s.ended.Shown())},
		{"the certificate without its key", 1, 0, s.presentingEach("127.0.0.4", message, pretends)},
		{"outside the ranges", 1, 0, s.requesting(attacker{from: outsideFrom, shown: good}, message)},
		{"forged headers", 1, 0, s.requesting(attacker{from: outsideFrom, shown: good}, s.forged()...)},
	}
}

// insiderAttacks returns the attacks of clients that have all that a sender needs.
func (s *target) insiderAttacks() []attack {
	inside := attacker{from: "127.0.0.5", shown: s.sender.Shown()}
	byLength := sendSlowly(s.head()+"Content-Length: 100000\r\n\r\n", "<")
	inChunks := sendSlowly(s.head()+"Transfer-Encoding: chunked\r\n\r\n", "1\r\n<\r\n")
	large := sendAndWait(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", s.head(), bodyLimit,
		strings.Repeat("<", bodyLimit-1)))
	part := "8000\r\n" + strings.Repeat("<", 0x8000) + "\r\n" // of a chunked body
	var requests []string
	for _, h := range append(hostileXML(), hostileHTTP()...) {
		requests = append(requests, s.written(h))
	}
	return []attack{
		{"another organization", 1, 0,
			s.requesting(inside, s.posted(string(with(organization, stranger))))},
		{"hostile messages", 2, 0, s.requesting(inside, requests...)},
		{"bodies over the limit", 1, 0, s.running(inside,
			sendAndWait(s.head()+"Content-Length: 1099511627776\r\n\r\n"),
			sendText(s.posted(strings.Repeat("<", 2*bodyLimit))),
			sendText(s.head()+"Transfer-Encoding: chunked\r\n\r\n"+
				strings.Repeat(part, 2*bodyLimit/0x8000)))},
		{"smuggling", 2, 0, s.requesting(inside, s.smuggled()...)},
		{"bodies that are cut off", 1, 0, s.running(inside,
			sendAndReset(s.head()+"Content-Length: 1000\r\n\r\n<"),
			sendText(s.head()+"Content-Length: 1000\r\n\r\n<"))},
		{"slow bodies", 4, 0, s.running(inside,
			byLength, inChunks, giveUpAfter(stalledFor, byLength), giveUpAfter(stalledFor, inChunks))},
		{"large bodies that stall", 4, 0, s.running(inside, large, giveUpAfter(stalledFor, large))},
		{"large messages that are slow to decode", 2, 0, s.requesting(inside,
			s.posted(slowToDecode("日本語の名前")), s.posted(string(with("</notifications>",
				strings.Repeat("<a/>", 20_000)+"</notifications>"))))},
	}
}

// slowToDecode returns a message just under the limit whose only record has fields of this name. It
// is not whole: it is refused after all of it was decoded.
func slowToDecode(name string) string {
	start, _, _ := strings.Cut(string(unchanged()), "</sObject>")
	field := "<sf:" + name + "/>"
	return start + strings.Repeat(field, (bodyLimit-len(start))/len(field))
}

// connectionAttacks returns the attacks that keep the inbox busy before it has a request.
func (s *target) connectionAttacks() []attack {
	inside, plain := attacker{from: "127.0.0.6"}, attacker{from: "127.0.0.6", plain: true}
	hello := clientHello(tls.VersionTLS13)
	header := sendSlowly(s.head(), "X: a\r\n")
	greeting, zeros := sendSlowly("", hello), sendSlowly(hello[:100], "\x00")
	return []attack{
		{"idle connections", s.limit + s.limit/4, 5 * time.Second,
			s.running(attacker{from: "127.0.0.7"}, sendAndWait(""), sendAndWait(get11("/healthz", "")))},
		{"slow headers", 4, 0, s.running(inside, header, giveUpAfter(stalledFor, header))},
		{"slow handshakes", 4, 0, s.running(plain,
			greeting, zeros, giveUpAfter(stalledFor, greeting), giveUpAfter(stalledFor, zeros))},
		{"abandoned handshakes", 2, 0,
			s.running(plain,
				sendAndReset(hello), sendText(hello), sendAndWait(hello[:20]), sendAndReset(""))},
		{"HTTP without TLS", 1, 0,
			s.requesting(plain, s.posted(string(unchanged())), get11("/healthz", ""))},
		{"old TLS", 1, 0,
			s.requesting(plain, clientHello(tls.VersionTLS10), clientHello(tls.VersionTLS11))},
		{"garbage", 1, 0, s.requesting(plain, strings.Repeat("\x00", 4096),
			"\x16\x03\x01\xff\xff"+strings.Repeat("\xff", 0xffff),
			"\x80\x2e\x01\x00\x02", "SSH-2.0-OpenSSH_9.9\r\n", "\x16\x03\x03\x00\x00", hello+hello)},
	}
}

// floodAttacks returns the attacks that make many requests which anybody may make.
func (s *target) floodAttacks() []attack {
	many := func(request string) string { return strings.Repeat(request, 20) }
	from := attacker{from: "127.0.0.8"}
	bearer := "Authorization: Bearer " + tokenMarker + "\r\n"
	return []attack{
		{"flood of /healthz", 1, 0, s.requesting(from, many(get11("/healthz", "")))},
		{"flood of /readyz", 1, 0, s.requesting(from, many(get11("/readyz", "")))},
		{"flood of /metrics", 1, 0,
			s.requesting(from, many(get11("/metrics", "")), many(get11("/metrics", bearer)))},
		{"flood of the page", 1, 0,
			s.requesting(from, many(get11(s.paths["crm"], "")), many(get11("/outbound/x", "")))},
		{"absurd requests", 1, 0, s.requesting(from, s.absurd()...)},
		{"pipelined garbage", 1, 0, s.requesting(from, many(get11("/"+fieldMarker, ""))+many("\x00\r\n"),
			many(s.head()+"Content-Length: 1\r\n\r\n<"),
			many("PUT "+s.paths["crm"]+" HTTP/1.1\r\nHost: localhost\r\n\r\n"))},
	}
}

// fromMany sends the request from another address each time, as an attacker with a whole network
// does.
func (s *target) fromMany(request string) try {
	return func(ctx context.Context, n int) []byte {
		from := net.IPv4(127, 0, byte(2+n/250%250), byte(1+n%250)).String()
		return s.run(ctx, attacker{from: from}, sendText(request))
	}
}

// presentingNew shows a new certificate each time, with the subject of the sender.
func (s *target) presentingNew(request string) try {
	return func(ctx context.Context, _ int) []byte {
		return s.run(ctx, attacker{from: "127.0.0.4", shown: newSender(nil).Shown()}, sendText(request))
	}
}

// presentingLong shows a new certificate each time that is as long as TLS allows, or is followed by
// such a one.
func (s *target) presentingLong(request string) try {
	const length = 200 << 10 // TLS allows 256 KiB; a self-signed one holds its name twice
	behind := newLong(length)
	return func(ctx context.Context, n int) []byte {
		shown := newSender(nil).Shown(behind)
		if n%2 == 1 {
			name := pkix.Name{CommonName: strings.Repeat(senderName, length/2/len(senderName))}
			shown = certificatetest.Sign(&x509.Certificate{Subject: name}, nil).Shown()
		}
		return s.run(ctx, attacker{from: "127.0.0.4", shown: shown}, sendText(request))
	}
}

// forged returns requests whose headers claim to come from the sender.
func (s *target) forged() []string {
	body := string(unchanged())
	var requests []string
	for _, header := range []string{
		"X-Forwarded-For: " + goodFrom,
		"X-Forwarded-For: " + strings.Repeat(goodFrom+", ", 200) + goodFrom,
		"X-Real-Ip: " + goodFrom, "Forwarded: for=" + goodFrom, "True-Client-Ip: " + goodFrom,
		"X-Client-Cert: " + escaped(s.sender) + "\r\nX-Forwarded-For: " + goodFrom,
	} {
		requests = append(requests,
			fmt.Sprintf("%s%s\r\nContent-Length: %d\r\n\r\n%s", s.head(), header, len(body), body))
	}
	return requests
}

// smuggled returns requests that hide a good message in a message of another organization. An Ack
// could only be for the hidden one.
func (s *target) smuggled() []string {
	visible := string(with(organization, stranger))
	hidden := s.posted(string(envelope(lead(hiddenID, "00QS10000000666IAA", ""))))
	requests := []string{}
	for _, f := range framings(visible, hidden) {
		requests = append(requests, s.head()+f.header+"\r\n"+f.body)
	}
	for _, r := range s.oldFramings(visible, hidden) {
		requests = append(requests, r.bytes)
	}
	return requests
}

// absurd returns requests with request lines and headers that no client sends.
func (s *target) absurd() []string {
	requests := []string{
		s.head() + "X: " + strings.Repeat("a", 80<<10) + "\r\n\r\n", s.head() + names(10_000) + "\r\n",
		"BREW /pot HTTP/1.1\r\nHost: localhost\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"CONNECT example.test:443 HTTP/1.1\r\nHost: example.test:443\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
		get11("/readyz/../metrics", ""), get11("/debug/pprof/", ""),
	}
	for _, r := range absurdLines(s.paths["crm"]) {
		requests = append(requests, r.bytes)
	}
	return requests
}

// written returns a hostile request as it is sent.
func (s *target) written(h hostile) string {
	path := s.paths[cmp.Or(h.source, "crm")]
	if h.token != "" {
		path = "/outbound/" + strings.TrimPrefix(h.token, "/")
	}
	kind, value := "Content-Type", "text/xml; charset=UTF-8"
	if len(h.header) == 2 {
		kind, value = h.header[0], h.header[1]
	}
	framing, body := fmt.Sprintf("Content-Length: %d", len(h.body)), string(h.body)
	if h.chunked {
		framing, body = "Transfer-Encoding: chunked", chunks(body)+"\r\n"
	}
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost\r\n%s: %s\r\n%s\r\n\r\n%s",
		cmp.Or(h.method, http.MethodPost), path, kind, value, framing, body)
}
