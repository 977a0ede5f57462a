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

// The limits of a list. Its publisher may make a mistake or be compromised, which must not allow
// access from everywhere.
const (
	maxListSize = 4 << 20 // bytes
	minBitsIPv4 = 8
	minBitsIPv6 = 16
)

// errUnusable is the error of content that fails a check. No part of it is put to use.
var errUnusable = errors.New("unusable list")

// published is the format of Salesforce's list, https://ip-ranges.salesforce.com/ip-ranges.json.
// Other fields, such as provider and region, are ignored: messages may come from any of them.
type published struct {
	Prefixes     []publishedRegion `json:"prefixes"`
	IPv6Prefixes []publishedRegion `json:"ipv6_prefixes"`
}

type publishedRegion struct {
	IPv4 texts `json:"ip_prefix"`
	IPv6 texts `json:"ipv6_prefix"`
}

// texts is a JSON array of strings, or a single string.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(encoded []byte) error {
	if bytes.HasPrefix(encoded, []byte(`"`)) {
		*t = make(texts, 1)
		return json.Unmarshal(encoded, &(*t)[0])
	}
	return json.Unmarshal(encoded, (*[]string)(t))
}

// parsePublished returns the prefixes of a published list, sorted and without duplicates. Its error
// is an [errUnusable].
func parsePublished(content string) ([]netip.Prefix, error) {
	if err := checkText(content); err != nil {
		return nil, err
	}
	var list published
	if err := json.Unmarshal([]byte(content), &list); err != nil {
		return nil, fmt.Errorf("%w: it is not JSON of the form {\"prefixes\":[{\"ip_prefix\":[…]}]}: %w",
			errUnusable, err)
	}
	var entries []string
	for _, region := range slices.Concat(list.Prefixes, list.IPv6Prefixes) {
		entries = append(append(entries, region.IPv4...), region.IPv6...)
	}
	return parseEntries(entries)
}

// parseFile is like [parsePublished] for the content of a file: the same JSON, or one prefix or
// address on each line, with comments from # to the end of the line.
func parseFile(content string) ([]netip.Prefix, error) {
	if err := checkText(content); err != nil {
		return nil, err
	}
	content = strings.TrimPrefix(content, "\uFEFF") // editors on Windows may write it
	content = strings.TrimSpace(content)
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
		return nil, fmt.Errorf("%w: it contains no prefix", errUnusable)
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

// minBits returns the minimum length of a prefix of its family.
func minBits(prefix netip.Prefix) int {
	if prefix.Addr().Is4() {
		return minBitsIPv4
	}
	return minBitsIPv6
}

// readList reads a list. It stops one byte beyond maxListSize, for checkText to reject it.
func readList(r io.Reader) (string, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxListSize+1))
	return string(content), err
}

// checkText checks the size and encoding of a list before it is parsed.
func checkText(content string) error {
	switch {
	case len(content) > maxListSize:
		return fmt.Errorf("%w: it is larger than %d MiB", errUnusable, maxListSize>>20)
	case !utf8.ValidString(content):
		return fmt.Errorf("%w: it is not UTF-8", errUnusable)
	}
	return nil
}
