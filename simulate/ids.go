package simulate

import (
	"math/rand/v2"

	"ackbox/ledger"
)

// Prefixes of ids, which identify the type.
const (
	prefixOrganization = "00D"
	prefixAction       = "04k"
	prefixNotification = "04l"
)

// recordPrefixes holds the prefixes of the standard objects that outbound messages are most used
// for.
var recordPrefixes = map[string]string{
	"Account": "001", "Campaign": "701", "Case": "500", "Contact": "003", "Contract": "800",
	"Event": "00U", "Lead": "00Q", "Opportunity": "006", "OpportunityLineItem": "00k", "Order": "801",
	"Quote":    "0Q0",
	"Solution": "501", "Task": "00T", "User": "005",
}

// customPrefix is a prefix of a custom object. An organization assigns them from a00 on.
const customPrefix = "a0X"

func recordPrefix(object string) string {
	if prefix, ok := recordPrefixes[object]; ok {
		return prefix
	}
	return customPrefix
}

// FullID returns the 18-character form of a 15-character id, as [ledger.FullID] does.
func FullID(id string) string { return ledger.FullID(id) }

func first15(id string) string { return id[:min(15, len(id))] }

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// maxSerial is the number of ids of one prefix and instance: nine base-62 digits.
const maxSerial = 62 * 62 * 62 * 62 * 62 * 62 * 62 * 62 * 62

// ids generates the ids of one type. They count up from a random start.
type ids struct {
	prefix string // 6 characters, the instance included
	serial uint64
}

func newIDs(random *rand.Rand, prefix, instance string) ids {
	return ids{prefix: prefix + instance, serial: random.Uint64N(maxSerial)}
}

func (s *ids) next() string {
	s.serial = (s.serial + 1) % maxSerial
	return s.at(0)
}

// at returns the id that comes so many after the present one.
func (s *ids) at(after uint64) string {
	var id [15]byte
	copy(id[:], s.prefix)
	for i, rest := 14, (s.serial+after)%maxSerial; i >= 6; i-- {
		id[i] = base62[rest%62]
		rest /= 62
	}
	return FullID(string(id[:]))
}
