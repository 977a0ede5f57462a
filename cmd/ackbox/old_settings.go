package main

import (
	"log/slog"
	"maps"
	"os"
	"slices"
)

// oldSettings are the variables that have another name by now, under which they still work, or ""
// for those that have no effect any more.
var oldSettings = map[string]string{
	"ACKBOX_RANGES":         "ACKBOX_ALLOWED_RANGES",
	"ACKBOX_RANGES_MODE":    "ACKBOX_ALLOWED_RANGES_MODE",
	"ACKBOX_RANGES_REFRESH": "ACKBOX_ALLOWED_RANGES_REFRESH",
	"ACKBOX_BODIES_LIMIT":   "",
	"ACKBOX_QUEUE_BYTES":    "",
	"ACKBOX_HEADER_TIMEOUT": "",
	"ACKBOX_READ_TIMEOUT":   "",
	"ACKBOX_WRITE_TIMEOUT":  "",
	"ACKBOX_IDLE_TIMEOUT":   "",
}

// warnOldSettings logs which of them are set.
func warnOldSettings() {
	for _, old := range slices.Sorted(maps.Keys(oldSettings)) {
		switch current := oldSettings[old]; {
		case os.Getenv(old) == "":
		case current == "":
			slog.Warn("this setting has no effect any more: remove it", "name", old)
		default:
			slog.Warn("this setting has another name: rename it", "name", old, "new_name", current)
		}
	}
}
