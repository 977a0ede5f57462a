package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The notifications of these tests. Only that of the visible message, which is unchanged(), may be
// stored, however the hidden message is framed.
const (
	visibleID = "04lS10000000001IAA"
	hiddenID  = "04lS10000000666IAA"
)

// framing is a way to announce a body such that a proxy and a server may see its end in different
// places.
type framing struct {
	name   string
	header string // between the request's head and the empty line
	body   string
	want   string
}

// lengths returns framings that announce the body by Content-Length alone.
func lengths(visible, hidden string) []framing {
	var all []framing
	wrong := map[string]string{
		"plus": "+%d", "minus": "-%d", "hexadecimal": "0x%x", "space within": "1 %d",
		"list": "%d, %[1]d", "float": "%d.0", "exponent": "%de0", "underscore": "1_%d",
		"overflow": "99999999999999999999%d", "other digits": "٣%d", "vertical tab": "\v%d",
		"NUL": "%d\x00", "quoted": `"%d"`, "semicolon": "%d;",
	}
	for name, form := range wrong {
		header := "Content-Length: " + fmt.Sprintf(form, len(visible)) + "\r\n"
		all = append(all, framing{"length with " + name, header, visible + hidden, "400"})
	}
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }
	both := visible + hidden
	return append(all,
		framing{"an empty length", "Content-Length: \r\n", both, "400"},
		framing{"two lengths", length(len(visible)) + length(len(both)), both, "400"},
		framing{"two lengths, shorter last", length(len(both)) + length(len(visible)), both, "400"},
		framing{"a negative length first", length(-1) + length(len(visible)), both, "400"},
		framing{"space before the colon", fmt.Sprintf("Content-Length : %d\r\n", len(visible)), both, "400"},
		framing{"tab before the colon", fmt.Sprintf("Content-Length\t: %d\r\n", len(visible)), both, "400"},
		framing{"space before the name", " " + length(len(visible)), "\r\n" + both, "400 400"},
		framing{"underscore in the name", fmt.Sprintf("Content_Length: %d\r\n", len(visible)), both, "400 400"},
		framing{"no length", "", visible + "\r\n" + hidden, "400 400"},
		framing{"in the body", length(len(both)), both, "400"},
		framing{"a body cut short", length(len(both) + 1), both, "400"},
	)
}

// codings returns framings that announce the body by Transfer-Encoding, most of them with a
// Content-Length as well.
func codings(visible, hidden string) []framing {
	body := chunks(visible) + "\r\n" + hidden
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	var all []framing
	for value, want := range map[string]string{
		"chunked": "200", "CHUNKED": "200", "\tchunked": "200", " chunked ": "200",
		"\vchunked": "400", "\fchunked": "400", "chunked\v": "400", "chunked\x00": "400",
		"chunked, identity": "501", "identity, chunked": "501", "chunked, chunked": "501",
		"gzip, chunked": "501", "identity": "501", "chunked;q=1": "501", "chunked,": "501",
		",chunked": "501", "": "501", "\"chunked\"": "501", "xchunked": "501",
		"\r\n chunked": "200",
		"chunkéd":      "501", "ch\r\n unked": "501",
	} {
		name := fmt.Sprintf("coding %q and a length", value)
		all = append(all, framing{name, length + "Transfer-Encoding: " + value + "\r\n", body, want})
	}
	const chunked = "Transfer-Encoding: chunked\r\n"
	return append(all,
		framing{"chunked before the length", chunked + length, body, "200"},
		framing{"chunked alone", chunked, body, "200"},
		framing{"chunked, length of the first line", "Content-Length: 5\r\n" + chunked, body, "200"},
		framing{"chunked, length 0", "Content-Length: 0\r\n" + chunked, body, "200"},
		framing{"chunked, a wrong length", "Content-Length: +5\r\n" + chunked, body, "400"},
		framing{"chunked twice", length + chunked + chunked, body, "501"},
		framing{"chunked and identity", length + chunked + "Transfer-Encoding: identity\r\n", body, "501"},
		framing{"space before the colon", length + "Transfer-Encoding : chunked\r\n", body, "400"},
		framing{"underscore in the coding", length + "Transfer_Encoding: chunked\r\n", body, "400"},
		framing{"coding folded into another", length + "X: y\r\n Transfer-Encoding: chunked\r\n", body, "400"},
		framing{"coding after a bare CR", length + "X: y\rTransfer-Encoding: chunked\r\n", body, "400"},
		framing{"coding named by Connection", length + "Connection: Transfer-Encoding\r\n" + chunked, body, "200"},
		framing{"hidden in a chunk", "Content-Length: 5\r\n" + chunked, chunks("\r\n\r\n"+hidden) + "\r\n", "400"},
	)
}

// chunkings returns framings with malformed chunks, after which the hidden request would follow.
func chunkings(visible, hidden string) []framing {
	size := fmt.Sprintf("%x", len(visible))
	after := "\r\n" + visible + "\r\n0\r\n\r\n" + hidden
	var all []framing
	add := func(name, body, want string) {
		all = append(all, framing{name, "Transfer-Encoding: chunked\r\n", body, want})
	}
	for _, wrong := range []string{
		"", "-" + size, "+" + size, "0x" + size, "x", size + "g", size + " 1", "\v" + size,
		"10000000000000000" + size, "fffffffffffffffff", size + ",", "7fffffffffffffff",
		size + "\x00", size + "\n" + size,
	} {
		add(fmt.Sprintf("chunk size %q", wrong), wrong+after, "400")
	}
	add("chunk extension", size+";a=b"+after, "200")
	add("chunk extension with a bare LF", size+";a\n"+after, "400")
	add("chunk size with a bare LF", size+"\n"+visible+"\r\n0\r\n\r\n"+hidden, "400")
	add("chunk that ends with a bare LF", size+"\r\n"+visible+"\n0\r\n\r\n"+hidden, "400")
	add("chunk that ends with a bare CR", size+"\r\n"+visible+"\r0\r\n\r\n"+hidden, "400")
	add("chunk without an end", size+"\r\n"+visible+"0\r\n\r\n"+hidden, "400")
	add("chunk larger than it says", "5\r\n"+visible+"\r\n0\r\n\r\n"+hidden, "400")
	trailer := func(name, header, trailers, want string) {
		body := chunks(visible) + trailers + "\r\n" + hidden
		all = append(all, framing{name, "Transfer-Encoding: chunked\r\n" + header, body, want})
	}
	trailer("trailer of a length", "", "Content-Length: 9999\r\n", "200")
	trailer("trailer of a coding", "", "Transfer-Encoding: chunked\r\n", "200")
	trailer("announced trailer of a length", "Trailer: Content-Length\r\n", "Content-Length: 9999\r\n", "400")
	trailer("announced trailer of a coding", "Trailer: Transfer-Encoding\r\n", "Transfer-Encoding: x\r\n", "400")
	trailer("trailer without a colon", "", "nonsense\r\n", "400")
	add("hidden in the trailers", chunks(visible)+hidden, "400")
	return all
}

// framings returns the framings of lengths, codings and chunkings.
func framings(visible, hidden string) []framing {
	return slices.Concat(
		lengths(visible, hidden), codings(visible, hidden), chunkings(visible, hidden))
}

func TestNoRequestHidesInAnother(t *testing.T) {
	t.Parallel()
	s := startRaw(t, "ACKBOX_LOG_LEVEL=debug")
	visible := string(unchanged())
	hidden := s.posted(string(envelope(lead(hiddenID, "00QS10000000666IAA", ""))))
	var requests []rawRequest
	for _, f := range framings(visible, hidden) {
		requests = append(requests, rawRequest{f.name, s.head() + f.header + "\r\n" + f.body, f.want})
	}
	s.checkRaw(t, append(requests, s.oldFramings(visible, hidden)...))
	for _, n := range s.export() {
		if n.NotificationID != visibleID {
			t.Errorf("got %s stored, want only %s", n.NotificationID, visibleID)
		}
	}
	s.requireNoSecrets(s.setting("DATABASE_URL"), strings.TrimPrefix(s.paths["crm"], "/outbound/"))
	// The hidden message is a good one: only its place kept it out.
	s.checkRaw(t, []rawRequest{{"hidden no more", hidden, "200"}})
}

// oldFramings returns requests with a body whose methods need none, and requests of HTTP/1.0, which
// has no chunks.
func (s *server) oldFramings(visible, hidden string) []rawRequest {
	path := s.paths["crm"]
	old := "POST " + path + " HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n"
	get := "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n"
	unknown := "POST /outbound/x HTTP/1.1\r\nHost: localhost\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(hidden))
	chunked := "Transfer-Encoding: chunked\r\n"
	return []rawRequest{
		{"GET with a body", get + length + "\r\n" + hidden, "200"},
		{"GET with chunks", get + chunked + "\r\n" + chunks(hidden) + "\r\n" + hidden, "200"},
		{"HTTP/1.0 chunked", old + chunked + "\r\n" + hidden, "400"},
		{"HTTP/1.0 chunked with a length", old + fmt.Sprintf("Content-Length: %d\r\n", len(visible)) +
			chunked + "\r\n" + visible + hidden, "200"},
		{"unknown token", unknown + length + "\r\n" + hidden, "404"},
		{"unknown token, chunked", unknown + chunked + "\r\n0\r\n\r\n" + hidden, "404"},
		{"100-continue", s.head() + "Expect: 100-continue\r\n" + length + "\r\n" + hidden, "100 400"},
		{"another expectation", s.head() + "Expect: 200-ok\r\n" + length + "\r\n" + hidden, "417"},
	}
}

func TestPipelinedMessagesAreAllAcked(t *testing.T) {
	t.Parallel()
	s := startRaw(t)
	pair := s.posted(string(one("0001"))) + s.posted(string(one("0002")))
	s.checkRaw(t, []rawRequest{{"a pair", pair, "200 200"}})
	if got := s.export(); len(got) != 2 {
		t.Errorf("got %d notifications, want 2", len(got))
	}
}
