package main

import (
	"fmt"

	"github.com/dustin/go-humanize"

	"ackbox/internal/text"
	"ackbox/store"
)

// sizeText says how large the database is and how long its disk lasts, as far as that is known.
func sizeText(size store.Size) string {
	said := "the database takes " + bytesText(size.Bytes)
	if size.Growth != nil {
		said += fmt.Sprintf(" and grows by %s a day", bytesText(*size.Growth))
	}
	if size.Free != nil {
		said += fmt.Sprintf("; its disk has room for %s", bytesText(*size.Free))
	}
	switch days, known := size.DaysLeft(); {
	case !known:
		return said
	case days == 0:
		return said + ", which is less than a day"
	case days == store.MaxDaysLeft:
		return said + ", which is more than ten years"
	default:
		return said + ", which is " + text.Count(days, "day", "days")
	}
}

func bytesText(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }
