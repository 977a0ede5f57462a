package ledger_test

import (
	"strings"
	"testing"

	"ackbox/ledger"
)

const (
	short = "00Dxx0000001gPL"
	full  = "00Dxx0000001gPLEAY"
)

func TestFullID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		short: full, full: full, "": "", "00D": "00D", strings.Repeat("A", 15): strings.Repeat("A", 15) + "555",
		strings.Repeat("0", 15): strings.Repeat("0", 15) + "AAA",
	} {
		if got := ledger.FullID(id); got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
}

func TestRepairIDRestoresTheCase(t *testing.T) {
	t.Parallel()
	for _, id := range []string{full, strings.ToLower(full), strings.ToUpper(full), "00DXX0000001GplEaY"} {
		if got, ok := ledger.RepairID(id); !ok || got != full {
			t.Errorf("%q: got %q, %t, want %q", id, got, ok, full)
		}
	}
	for _, id := range []string{
		"", short, full + "0", full[:17], "00Dxx0000001gPLEA6", "00Dxx0000001gPL555", "00Dxx0000001gP-EAY",
		"00Dxx0000001gPLEA9", "00Dxx0000001gPéEA", "00Dxx0000001gP\u212aEA", // K of Kelvin folds to k
	} {
		if got, ok := ledger.RepairID(id); ok {
			t.Errorf("%q: got %q, want none", id, got)
		}
	}
}

func TestIsID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		short: true, full: true, "": false, strings.ToLower(full): false, short + "EAX": false,
		"00D!!!!!!!!!!!!": false, full[:16]: false,
	} {
		if got := ledger.IsID(id); got != want {
			t.Errorf("%q: got %t, want %t", id, got, want)
		}
	}
}
