package address_test

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"ackbox/internal/access/address"
)

// The addresses in these tests: Heroku's router, a CDN, a trusted proxy and its connection, a
// client, and an attacker.
const (
	router   = "10.1.2.3:41000"
	cdn      = "198.51.100.0/24"
	proxy    = "192.0.2.1"
	peer     = proxy + ":41000"
	client   = "203.0.113.7"
	attacker = "203.0.113.66"
)

func TestClient(t *testing.T) {
	t.Parallel()
	type lines []string
	own, both := lines{proxy}, lines{proxy, cdn}
	heroku, herokuCDN := lines{"heroku"}, lines{"heroku", cdn}
	for _, test := range []struct {
		name    string
		trusted []string
		peer    string
		header  lines
		want    string
	}{
		{"no proxy is trusted", nil, router, lines{client}, "10.1.2.3"},
		{"an untrusted peer's header is ignored", own, attacker + ":1", lines{client}, attacker},
		{"a peer beside the trusted one", own, "192.0.2.2:1", lines{client}, "192.0.2.2"},
		{"a trusted peer", own, peer, lines{client}, client},
		{"a forged entry before the client's own", own, peer, lines{client + ", " + attacker}, attacker},
		{"many forged entries", own, peer, lines{strings.Repeat(client+",", 5000) + attacker}, attacker},
		{"forged garbage", own, peer, lines{"<x>, , 1.2.3.4.5, " + attacker}, attacker},
		{"a forged line before the proxy's", own, peer, lines{client, attacker}, attacker},
		{"lines are one list", both, peer, lines{client + ", " + attacker, "198.51.100.9"}, attacker},
		{"a forged trusted proxy", both, peer, lines{client + ", 198.51.100.9, " + attacker}, attacker},
		{"a forged entry behind a CDN", both, peer, lines{client + "," + attacker + ",198.51.100.9"}, attacker},
		{"all hops are trusted", both, peer, lines{"198.51.100.8, 198.51.100.9"}, "198.51.100.8"},
		{"no header", own, peer, nil, proxy},
		{"an empty header", own, peer, lines{" "}, proxy},

		{"Heroku's router", heroku, router, lines{client}, client},
		{"a forged entry at Heroku", heroku, router, lines{client + ", " + attacker}, attacker},
		{"a forged router at Heroku", heroku, router, lines{client + ", 10.9.9.9, " + attacker}, attacker},
		{"a client with a router's address", heroku, router, lines{client + ", 10.9.9.9"}, "10.9.9.9"},
		{"not Heroku's router", heroku, attacker + ":1", lines{client}, attacker},
		{"a CDN before Heroku", herokuCDN, router, lines{client + ", 198.51.100.9"}, client},
		{"bypassing the CDN", herokuCDN, router, lines{client + ", 198.51.100.9, " + attacker}, attacker},
		{"bypassing the CDN from a router's address", herokuCDN, router, lines{client + ", 10.9.9.9"}, "10.9.9.9"},
		{"a router's address behind a CDN", herokuCDN, router, lines{client + ",10.9.9.9,198.51.100.9"}, "10.9.9.9"},

		{"a port", own, peer, lines{client + ":8080"}, client},
		{"IPv6", own, peer, lines{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6 in brackets", own, peer, lines{"[2001:db8::7]"}, "2001:db8::7"},
		{"IPv6 with a port", own, peer, lines{"[2001:db8::7]:80"}, "2001:db8::7"},
		{"IPv4-mapped IPv6", own, peer, lines{"::ffff:" + client}, client},
		{"an IPv4-mapped hop", both, peer, lines{client + ", [::ffff:198.51.100.9]:1"}, client},
		{"a zone", own, peer, lines{"fe80::7%eth0"}, "fe80::7"},
		{"an IPv4-mapped peer", own, "[::ffff:" + proxy + "]:1", lines{client}, client},
		{"a peer with a zone", lines{"fe80::1"}, "[fe80::1%eth0]:1", lines{client}, client},
		{"an IPv4-mapped proxy", lines{"::ffff:" + proxy}, peer, lines{client}, client},

		{"garbage from a proxy", own, peer, lines{client + ", unknown"}, ""},
		{"an empty last entry", own, peer, lines{client + ", "}, ""},
		{"an empty last line", own, peer, lines{client, ""}, ""},
		{"an unclosed bracket", own, peer, lines{"[2001:db8::7"}, ""},
		{"no port after the colon", own, peer, lines{client + ":"}, ""},
		{"leading zeros", own, peer, lines{"010.0.0.1"}, ""},
		{"a number for an address", own, peer, lines{"3405803783"}, ""},
		{"a range for an address", own, peer, lines{"203.0.113.0/24"}, ""},
		{"no network", lines{"0.0.0.0/0", "::/0"}, "@", lines{client}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := proxies(t, test.trusted...).Client(request(test.peer, test.header...))
			want, _ := netip.ParseAddr(test.want)
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestClientWithoutProxies(t *testing.T) {
	t.Parallel()
	var none *address.Proxies
	r := request(router, client)
	if got := none.Client(r); got.String() != "10.1.2.3" {
		t.Errorf("got %s, want the peer", got)
	}
	if none.Trusts(r) {
		t.Error("got a trusted request, want none")
	}
}

// Other headers with a client address may come from the client.
func TestClientIgnoresOtherHeaders(t *testing.T) {
	t.Parallel()
	r := request(peer, attacker)
	for _, name := range []string{
		"Forwarded", "X-Real-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip",
	} {
		r.Header.Set(name, client)
	}
	if got := proxies(t, proxy).Client(r); got.String() != attacker {
		t.Errorf("got %s, want %s", got, attacker)
	}
}

func TestTrusts(t *testing.T) {
	t.Parallel()
	p := proxies(t, "heroku", cdn)
	for from, want := range map[string]bool{
		router: true, "198.51.100.9:1": true, "[::ffff:10.1.2.3]:1": true,
		attacker + ":1": false, "11.0.0.1:1": false, "[::1]:1": false, "@": false, "": false,
	} {
		if got := p.Trusts(request(from)); got != want {
			t.Errorf("%q: got %t, want %t", from, got, want)
		}
	}
}

func TestParseProxiesRejects(t *testing.T) {
	t.Parallel()
	for item, want := range map[string]string{
		"":                     `"" is not an address`,
		"Heroku":               "or heroku",
		"example.com":          `"example.com" is not an address`,
		"192.0.2.1/24":         "within 192.0.2.0/24",
		"192.0.2.0/33":         "is not an address",
		"::ffff:192.0.2.0/120": "is not an address",
		"192.0.2.1:80":         "is not an address",
		"fe80::%eth0/64":       "is not an address",
		"fe80::1%eth0":         "is not an address",
	} {
		_, err := address.ParseProxies([]string{cdn, item})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", item, err, want)
		}
	}
}

func FuzzClient(f *testing.F) {
	f.Add(router, client+", 10.9.9.9, "+attacker)
	f.Add(peer, "[2001:db8::7]:80\n,,\n::ffff:198.51.100.9%1,")
	f.Add(attacker+":1", client)
	f.Add("[fe80::1%eth0]:1", "")
	f.Add("@", "\x00\xff%")
	trusting := proxies(f, "heroku", proxy, cdn)
	f.Fuzz(func(t *testing.T, from, header string) {
		lines := strings.Split(header, "\n")
		r := request(from, lines...)
		got := trusting.Client(r)
		if !trusting.Trusts(r) && got != address.Peer(r) {
			t.Errorf("untrusted %q: got %s, want the peer", from, got)
		}
		if got.Zone() != "" || got.Is4In6() {
			t.Errorf("got %s, want no zone and no IPv4-mapped address", got)
		}
		// Forged entries are before those that the first trusted proxy adds.
		added := slices.Concat(lines, []string{attacker, "198.51.100.9, " + proxy})
		if got := trusting.Client(request(router, added...)); got.String() != attacker {
			t.Errorf("%q: got %s, want %s", added, got, attacker)
		}
		if got := trusting.Client(request(peer, header+", "+attacker)); got.String() != attacker {
			t.Errorf("%q: got %s, want %s", header, got, attacker)
		}
	})
}

func proxies(tb testing.TB, trusted ...string) *address.Proxies {
	tb.Helper()
	p, err := address.ParseProxies(trusted)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// request returns a request from a peer with lines of X-Forwarded-For.
func request(from string, header ...string) *http.Request {
	return &http.Request{RemoteAddr: from, Header: http.Header{"X-Forwarded-For": header}}
}
