package simulate

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"ackbox/internal/text"
)

// FailureCount is how many deliveries failed for one reason with the same answer.
type FailureCount struct {
	// Reason, Status and Fault are those of the [Failure].
	Reason string `json:"reason"`
	Status int    `json:"status"`
	Fault  string `json:"fault"`
	// Deliveries is their number.
	Deliveries int64 `json:"deliveries"`
}

// answer returns the status and the faultstring, or "" if there was no answer.
func (f FailureCount) answer() string {
	switch {
	case f.Status == 0:
		return f.Fault
	case f.Fault == "":
		return fmt.Sprintf("HTTP %d", f.Status)
	}
	return fmt.Sprintf("HTTP %d: %s", f.Status, f.Fault)
}

// OtherAnswers is the Fault of a [FailureCount] of all the answers that are not counted apart,
// because there are too many different ones. Its Status is 0.
const OtherAnswers = "other answers"

// maxFailureCounts bounds how many answers are counted apart: a listener may write anything into
// its Faults.
const maxFailureCounts = 20

// failureCounts counts failures by reason and answer.
type failureCounts map[FailureCount]int64

func (c failureCounts) add(f *Failure) {
	key := FailureCount{Reason: f.Reason, Status: f.Status, Fault: f.Fault}
	if _, known := c[key]; !known && len(c) >= maxFailureCounts {
		key = FailureCount{Reason: f.Reason, Fault: OtherAnswers}
	}
	c[key]++
}

// list returns the counts in the order of the reasons, the most frequent answer first.
func (c failureCounts) list() []FailureCount {
	list := make([]FailureCount, 0, len(c))
	for key, n := range c {
		key.Deliveries = n
		list = append(list, key)
	}
	slices.SortFunc(list, func(a, b FailureCount) int {
		return cmp.Or(strings.Compare(a.Reason, b.Reason), cmp.Compare(b.Deliveries, a.Deliveries),
			cmp.Compare(a.Status, b.Status), strings.Compare(a.Fault, b.Fault))
	})
	return list
}

// maxFault bounds the Fault of a [Failure], in bytes.
const maxFault = 300

// faultString reads a Fault, and returns the text of its faultstring as far as it can
// be read: at most maxFault bytes, printable, in one line.
func (p *ackParser) faultString() string {
	for {
		start, err := p.child()
		if err != nil {
			return ""
		}
		if start.Name.Local == "faultstring" {
			break
		}
		if p.skip() != nil {
			return ""
		}
	}
	var found strings.Builder
	for found.Len() < maxFault {
		token, err := p.token()
		if t, isText := token.(xml.CharData); isText {
			found.Write(t)
		} else if _, isComment := token.(xml.Comment); err != nil || !isComment {
			break // the end, or what no faultstring contains
		}
	}
	return oneLine(found.String())
}

// oneLine returns at most maxFault bytes of a text of another party, in one printable line.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return text.Printable(strings.ToValidUTF8(s[:min(len(s), maxFault)], ""))
}
