package ledger

import "strings"

// checkCharacters are those of the last three characters of an 18-character id.
const checkCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

// FullID returns the 18-character form of a 15-character id of Salesforce, which stays unique when
// case is ignored: each of the last three characters says which of five are upper-case. It returns
// an id of another length unchanged.
func FullID(id string) string {
	if len(id) != 15 {
		return id
	}
	full := append(make([]byte, 0, 18), id...)
	for part := range 3 {
		bits := 0
		for i, c := range []byte(id[part*5 : part*5+5]) {
			if 'A' <= c && c <= 'Z' {
				bits |= 1 << i
			}
		}
		full = append(full, checkCharacters[bits])
	}
	return string(full)
}

// RepairID returns the 18-character id that differs from id in the case of letters only: its last
// three characters, in any case, say which case is the right one. It returns false if id does not
// have 18 ASCII letters and digits, or if these three do not fit the others.
func RepairID(id string) (repaired string, ok bool) {
	if len(id) != 18 || !isAlphanumeric(id) {
		return "", false
	}
	lower := []byte(strings.ToLower(id[:15]))
	for part, c := range []byte(strings.ToUpper(id[15:])) {
		bits := strings.IndexByte(checkCharacters, c)
		if bits < 0 {
			return "", false
		}
		for i := range 5 {
			if bits&(1<<i) != 0 {
				lower[part*5+i] = strings.ToUpper(string(lower[part*5+i]))[0]
			}
		}
	}
	repaired = FullID(string(lower))
	return repaired, strings.EqualFold(repaired, id)
}

// IsID reports whether id is an id of Salesforce: 15 ASCII letters and digits, or 18 of which the
// last three fit the others.
func IsID(id string) bool {
	return isAlphanumeric(id) && (len(id) == 15 || len(id) == 18 && FullID(id[:15]) == id)
}

func isAlphanumeric(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		default:
			return false
		}
	}
	return true
}
