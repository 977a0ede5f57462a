package address_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/internal/access/address"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	r := ranges(t, address.RangesConfig{From: []string{
		"203.0.113.0/24", "203.0.113.64/26", "198.51.100.7", "0.0.0.0/6",
		"2001:db8::/32", "2001:db9::1", "255.255.255.255",
	}})
	for addr, want := range map[string]address.Place{
		"203.0.113.0": address.Inside, "203.0.113.65": address.Inside, "203.0.113.255": address.Inside,
		"203.0.112.255": address.Outside, "203.0.114.0": address.Outside,
		"198.51.100.7": address.Inside, "198.51.100.6": address.Outside, "198.51.100.8": address.Outside,
		"0.0.0.0": address.Inside, "3.255.255.255": address.Inside, "4.0.0.0": address.Outside,
		"255.255.255.255": address.Inside, "255.255.255.254": address.Outside,
		"2001:db8::": address.Inside, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff": address.Inside,
		"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff": address.Outside, "2001:db9::": address.Outside,
		"2001:db9::1": address.Inside, "2001:db9::2": address.Outside, "::": address.Outside,
		"::ffff:203.0.113.9": address.Inside, "::ffff:203.0.114.9": address.Outside,
		"::203.0.113.9":    address.Outside,
		"2001:db8::1%eth0": address.Inside, "::ffff:203.0.113.9%eth0": address.Inside,
		"64:ff9b::203.0.113.9": address.Outside,
	} {
		if got := r.Check(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
	if got := r.Check(netip.Addr{}); got != address.Outside {
		t.Errorf("no address: got %s, want outside", got)
	}
	if got := r.Warnings(time.Now()); len(got) > 0 {
		t.Errorf("got warnings %q, want none", got)
	}
}

// The result is the same as with a check of each prefix, also if they are nested or adjacent.
func FuzzCheck(f *testing.F) {
	f.Add([]byte{10, 0, 8, 10, 1, 16, 9, 255, 32, 0, 0, 0}, []byte{10, 1})
	f.Fuzz(func(t *testing.T, encoded, addr []byte) {
		from, prefixes := []string{"2001:db8::/32"}, []netip.Prefix{}
		for three := range slices.Chunk(encoded, 3) {
			if len(three) == 3 {
				p := netip.PrefixFrom(short(three), int(three[2])%33).Masked()
				from, prefixes = append(from, p.String()), append(prefixes, p)
			}
		}
		if len(addr) < 2 {
			return
		}
		inAny := slices.ContainsFunc(prefixes, func(p netip.Prefix) bool {
			return p.Contains(short(addr))
		})
		got := ranges(t, address.RangesConfig{From: from}).Check(short(addr))
		if (got == address.Inside) != inAny {
			t.Errorf("%s in %s: got %s", short(addr), from, got)
		}
	})
}

// short returns an address made of two bytes.
func short(b []byte) netip.Addr { return netip.AddrFrom4([4]byte{b[0], b[1], b[1], b[0]}) }

// An address is unknown while a list was never loaded, unless another range contains it.
func TestCheckBeforeListIsLoaded(t *testing.T) {
	t.Parallel()
	r := ranges(t, address.RangesConfig{From: []string{"203.0.113.0/24", "salesforce"}})
	for addr, want := range map[string]address.Place{
		"203.0.113.9": address.Inside, "198.51.100.1": address.Unknown,
	} {
		if got := r.Check(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
	if got := r.Check(netip.Addr{}); got != address.Outside {
		t.Errorf("no address: got %s, want outside", got)
	}
	want := []string{"the list of address ranges at https://ip-ranges.salesforce.com/ip-ranges.json " +
		"has never been loaded: it is not known which addresses are on it"}
	if diff := cmp.Diff(want, r.Warnings(time.Now())); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestNewRangesRejects(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	empty := writeFile(t, filepath.Join(folder, "empty.txt"), "# empty\n")
	secret := "hunter2"
	for _, test := range []struct {
		from []string
		want string
	}{
		{nil, "none is given"},
		{[]string{""}, `"" is not an address or range, nor a readable file`},
		{[]string{"Salesforce"}, "or salesforce"},
		{[]string{"203.0.113.9/24"}, "an address within 203.0.113.0/24"},
		{[]string{"203.0.113.0/33"}, "is not an address or range"},
		{[]string{"203.0.113.0/24", "missing.txt"}, `read file "missing.txt"`},
		{[]string{folder}, "not a regular file"},
		{[]string{empty}, "it contains no prefix"},
		{
			[]string{"http://ranges.example.com/v1.json"},
			"the list at ranges.example.com would be fetched over http://",
		},
		{[]string{"http://127.0.0.1.example.com/"}, "over http://"},
		{[]string{"http://localhost.example.com/"}, "over http://"},
		{[]string{"http://0.0.0.0/"}, "over http://"},
		{[]string{"ftp://ranges.example.com/"}, "over ftp://: use https://"},
		{[]string{"file:///etc/passwd"}, "https://host/path"},
		{[]string{"https://"}, "https://host/path"},
		{
			[]string{"https://user:" + secret + "@ranges.example.com/"},
			"at ranges.example.com contains credentials",
		},
		{[]string{"https://user:" + secret + "@%zz/"}, "https://host/path"},
	} {
		_, err := address.NewRanges(address.RangesConfig{From: test.from})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %q", test.from, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: the error contains the password", test.from)
		}
	}
	for _, refresh := range []time.Duration{-time.Hour, 1, time.Millisecond} {
		_, err := address.NewRanges(address.RangesConfig{From: []string{"::1"}, Refresh: refresh})
		if err == nil || !strings.Contains(err.Error(), "too often") {
			t.Errorf("refresh %s: got %v, want it rejected", refresh, err)
		}
	}
}

// The loopback interface cannot be reached from the network.
func TestNewRangesAcceptsHTTPFromLoopback(t *testing.T) {
	t.Parallel()
	ranges(t, address.RangesConfig{From: []string{
		"http://localhost/", "http://127.0.0.2:80/", "http://[::1]:8080/x",
	}})
}

// BenchmarkRangesCheck measures lookups in ten times as many prefixes as Salesforce publishes.
func BenchmarkRangesCheck(b *testing.B) {
	var from []string
	for i := range 5000 {
		from = append(from, fmt.Sprintf("%d.%d.%d.0/25", 1+i/500, i%250, i%7))
	}
	r := ranges(b, address.RangesConfig{From: from})
	for name, addr := range map[string]string{
		"inside": "5.100.6.1", "outside": "5.100.250.200", "ipv6": "2001:db8::1",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			addr := netip.MustParseAddr(addr)
			for b.Loop() {
				r.Check(addr)
			}
		})
	}
}

func ranges(tb testing.TB, c address.RangesConfig) *address.Ranges {
	tb.Helper()
	r, err := address.NewRanges(c)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func writeFile(tb testing.TB, path, content string) string {
	tb.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}
