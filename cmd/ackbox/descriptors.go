package main

import "log/slog"

// reservedDescriptors is how many files and connections are kept for the database, the admin
// address, certificates and lists, of those that the system allows.
const reservedDescriptors = 128

// connectionLimit returns how many connections may be open, as set, or fewer if the system allows
// less: when it runs out of file descriptors, the process can neither accept a connection nor reach
// its database.
func connectionLimit(set int) int {
	allowed := maxDescriptors()
	if allowed == 0 {
		return set
	}
	most := max(allowed-reservedDescriptors, allowed/2, 1)
	if set <= most {
		return set
	}
	slog.Warn("ACKBOX_MAX_CONNECTIONS is more than the limit of open files allows: raise that limit (ulimit -n)",
		"max_connections", set, "open_files", allowed, "used", most)
	return most
}
