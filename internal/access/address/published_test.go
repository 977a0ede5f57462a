package address_test

import (
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"ackbox/internal/access/address"
)

func TestListInAFile(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"JSON": `{"syncToken": "1", "createDate": "2026-07-06", "prefixes": [
			{"provider": "aws", "region": "x", "ip_prefix": ["192.0.2.0/24", "203.0.113.0/24"]},
			{"provider": "gcp", "region": "y", "ip_prefix": [], "ipv6_prefix": ["2001:db8::/32"]}]}`,
		"single strings":  `{"prefixes":[{"ip_prefix":"203.0.113.0/24","ipv6_prefix":"2001:db8::/32"}]}`,
		"IPv6 list":       `{"prefixes":[{"ip_prefix":["203.0.113.0/24"]}],"ipv6_prefixes":[{"ipv6_prefix":["2001:db8::/32"]}]}`,
		"null":            `{"prefixes":[null,{"ip_prefix":null},{"ip_prefix":["203.0.113.0/24","2001:db8::/32"]}]}`,
		"lines":           "# ours\n203.0.113.0/24 # the office\n\n  2001:db8::/32",
		"byte order mark": "\uFEFF203.0.113.0/24\r\n2001:db8::/32\r\n",
		"addresses":       "203.0.113.9\n2001:db8::9\n203.0.113.9\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := ranges(t, address.RangesConfig{
				From: []string{writeFile(t, filepath.Join(t.TempDir(), "list"), content)},
				Log:  slog.New(slog.DiscardHandler),
			})
			for addr, want := range map[string]address.Place{
				"203.0.113.9": address.Inside, "2001:db8::9": address.Inside, "203.0.114.9": address.Outside,
			} {
				if got := r.Check(netip.MustParseAddr(addr)); got != want {
					t.Errorf("%s: got %s, want %s", addr, got, want)
				}
			}
		})
	}
}

// unusable has lists that must be rejected, by a part of their errors.
var unusable = map[string]string{
	"it is not JSON":                        `{"prefixes":[{"ip_prefix":["203.0.113.0/24"]}]`,
	"invalid character 'x' after":           `{"prefixes":[{"ip_prefix":["203.0.113.0/24"]}]} x`,
	"cannot unmarshal number":               `{"prefixes":[{"ip_prefix":[1]}]}`,
	"cannot unmarshal object":               `{"prefixes":{"ip_prefix":["203.0.113.0/24"]}}`,
	"it contains no prefix":                 `{"syncToken":"1","prefixes":[{"region":"x","ip_prefix":[]}]}`,
	"not UTF-8":                             "{\"prefixes\":[{\"region\":\"\xff\",\"ip_prefix\":[\"203.0.113.0/24\"]}]}",
	`"203.0.113" is not an address`:         listOf("203.0.113.0/24", "203.0.113"),
	`"" is not an address`:                  listOf("203.0.113.0/24", ""),
	`" 203.0.113.0/24" is not an address`:   listOf(" 203.0.113.0/24"),
	"203.0.113.9/24\" is not a range":       listOf("203.0.113.9/24"),
	"0.0.0.0/0 is wider than /8":            listOf("203.0.113.0/24", "0.0.0.0/0"),
	"128.0.0.0/1 is wider than /8":          listOf("0.0.0.0/8", "128.0.0.0/1"),
	"202.0.0.0/7 is wider than /8":          listOf("202.0.0.0/7"),
	"::/0 is wider than /16":                listOf("203.0.113.0/24", "::/0"),
	"2000::/3 is wider than /16":            listOf("2000::/3"),
	"2000::/15 is wider than /16":           listOf("2000::/15"),
	`"::ffff:0.0.0.0/96" is not an address`: listOf("::ffff:0.0.0.0/96"),
	`"fe80::%x/0" is not an address`:        listOf("fe80::%x/0"),
	"it is larger than 4 MiB":               listOf("203.0.113.0/24") + strings.Repeat(" ", 4<<20),
	`"` + strings.Repeat("y", 80) + `" i`:   listOf(strings.Repeat("y", 1000)),
}

func listOf(prefixes ...string) string {
	return `{"prefixes":[{"provider":"x","region":"y","ip_prefix":["` +
		strings.Join(prefixes, `","`) + `"]}]}`
}

func TestUnusableListInAFile(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		`"203.0.113.0/2O"`:      "203.0.113.0/24\n203.0.113.0/2O\n",
		`"<html>"`:              "<html>\n",
		"wider than /8":         "0.0.0.0/0\n",
		"it contains no prefix": "\n# 203.0.113.0/24\n",
		"larger than 4 MiB":     strings.Repeat("# 203.0.113.0/24\n", 4<<20/17+1),
	}
	for want, content := range unusable {
		cases[want] = content
	}
	for want, content := range cases {
		path := writeFile(t, filepath.Join(t.TempDir(), "list"), content)
		_, err := address.NewRanges(address.RangesConfig{
			From: []string{path}, Log: slog.New(slog.DiscardHandler),
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %.200v, want %q", err, want)
		}
		if err != nil && len(err.Error()) > 500 {
			t.Errorf("want a short error, got %d bytes", len(err.Error()))
		}
	}
}

// TestWidestPrefixes has the widest accepted prefix of each family.
func TestWidestPrefixes(t *testing.T) {
	t.Parallel()
	path := writeFile(t, filepath.Join(t.TempDir(), "list"), listOf("203.0.0.0/8", "2001::/16"))
	r := ranges(t, address.RangesConfig{From: []string{path}, Log: slog.New(slog.DiscardHandler)})
	if got := r.Check(netip.MustParseAddr("203.255.255.255")); got != address.Inside {
		t.Errorf("got %s, want inside", got)
	}
}

// An entry of a list allows at most one of the 256 networks /8, and errors are short.
func FuzzList(f *testing.F) {
	f.Add("203.0.113.0/24\n# x\r\n::1")
	f.Add(listOf("203.0.113.0/24", "2001:db8::/32"))
	for _, content := range unusable {
		f.Add(content[:min(len(content), 1000)])
	}
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, content string) {
		path := writeFile(t, filepath.Join(folder, "list"), content)
		r, err := address.NewRanges(address.RangesConfig{
			From: []string{path}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			return
		}
		inside := 0
		for first := range 256 {
			if r.Check(netip.AddrFrom4([4]byte{byte(first), 77, 177, 77})) == address.Inside {
				inside++
			}
		}
		if entries := len(content) / len("1.1.1.1"); inside > entries {
			t.Errorf("%q: %d networks are inside", content, inside)
		}
	})
}
