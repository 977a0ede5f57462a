package address

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
)

// What a published list may be: whoever publishes it may err, or be broken into, and must not open the door by that.
const (
	maxListSize = 4 << 20 // bytes
	minBitsIPv4 = 8
	minBitsIPv6 = 16
)

// errUnusable says that what was fetched or read is no list that may be put to use, as a whole.
var errUnusable = errors.New("unusable list")

// published is the form of Salesforce's list: https://ip-ranges.salesforce.com/ip-ranges.json. What it has beside the
// prefixes, such as provider and region, does not matter: messages may come from any of them.
type published struct {
	Prefixes     []publishedRegion `json:"prefixes"`
	IPv6Prefixes []publishedRegion `json:"ipv6_prefixes"`
}

type publishedRegion struct {
	IPv4 texts `json:"ip_prefix"`
	IPv6 texts `json:"ipv6_prefix"`
}

// texts is a list of texts, or a single one.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(encoded []byte) error {
	if bytes.HasPrefix(encoded, []byte(`"`)) {
		*t = make(texts, 1)
		return json.Unmarshal(encoded, &(*t)[0])
	}
	return json.Unmarshal(encoded, (*[]string)(t))
}

// parsePublished gives the prefixes of a published list, sorted and each once; all of them or an [errUnusable].
func parsePublished(content string) ([]netip.Prefix, error) {
	if err := checkText(content); err != nil {
		return nil, err
	}
	var list published
	if err := json.Unmarshal([]byte(content), &list); err != nil {
		return nil, fmt.Errorf("%w: it is not JSON of the form {\"prefixes\":[{\"ip_prefix\":[…]}]}: %w", errUnusable, err)
	}
	var entries []string
	for _, region := range slices.Concat(list.Prefixes, list.IPv6Prefixes) {
		entries = append(append(entries, region.IPv4...), region.IPv6...)
	}
	return parseEntries(entries)
}

// parseFile is [parsePublished] for what an operator has in a file: the same JSON, or a prefix or address on each line
// and comments from a # to the end of the line.
func parseFile(content string) ([]netip.Prefix, error) {
	if err := checkText(content); err != nil {
		return nil, err
	}
	content = strings.TrimSpace(strings.TrimPrefix(content, "\uFEFF")) // editors on Windows begin a file with it
	if strings.HasPrefix(content, "{") {
		return parsePublished(content)
	}
	var entries []string
	for line := range strings.Lines(content) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			entries = append(entries, line)
		}
	}
	return parseEntries(entries)
}

func parseEntries(entries []string) ([]netip.Prefix, error) {
	if len(entries) == 0 {
		return nil, fmt.Errorf("%w: it has no prefix", errUnusable)
	}
	prefixes := make([]netip.Prefix, len(entries))
	for i, entry := range entries {
		prefix, err := parsePrefix(entry)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errUnusable, err)
		}
		if least := minBits(prefix); prefix.Bits() < least {
			return nil, fmt.Errorf("%w: %s is wider than /%d", errUnusable, prefix, least)
		}
		prefixes[i] = prefix
	}
	slices.SortFunc(prefixes, netip.Prefix.Compare)
	return slices.Compact(prefixes), nil
}

// minBits is how long a published prefix must be at least.
func minBits(prefix netip.Prefix) int {
	if prefix.Addr().Is4() {
		return minBitsIPv4
	}
	return minBitsIPv6
}

// readList reads a list, and no more of what is too long than it takes to see that it is.
func readList(r io.Reader) (string, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxListSize+1))
	return string(content), err
}

// checkText tells what is wrong with a list before it is looked into.
func checkText(content string) error {
	switch {
	case len(content) > maxListSize:
		return fmt.Errorf("%w: it has more than %d MiB", errUnusable, maxListSize>>20)
	case !utf8.ValidString(content):
		return fmt.Errorf("%w: it is not UTF-8", errUnusable)
	}
	return nil
}
