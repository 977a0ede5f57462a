package store

// sameOrganization reports whether two ids identify one organization. Salesforce writes an id with
// 15 characters, or with 18, of which the last three are a checksum; such ids are compared by their
// first 15. Any other id is compared byte by byte.
func sameOrganization(a, b string) bool {
	keyA, _ := organizationKey(a)
	keyB, _ := organizationKey(b)
	return keyA == keyB
}

// organizationKey splits an organization id into the part that identifies the organization and the
// rest. Both together are the id as given.
func organizationKey(id string) (key, suffix string) {
	if len(id) == 18 && isAlphanumeric(id) {
		return id[:15], id[15:]
	}
	return id, ""
}

// isAlphanumeric reports whether text consists of ASCII letters and digits only.
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
