package simulate

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"time"

	"ackbox/internal/text"
)

// Stats holds a Sender's numbers at one moment.
type Stats struct {
	// Queued is how many messages wait for a free worker or for their next try. New ones count if
	// their number is known, or once they are due by the rate.
	Queued int64
	// InFlight is how many messages are being delivered.
	InFlight int64
	// Messages is how many messages were created, and Notifications how many notifications were in
	// them.
	Messages, Notifications int64
	// Posts is how many deliveries have ended, and Retried how many were started of messages that
	// had been tried before.
	Posts, Retried int64
	// Acked, Dropped and Failed count notifications: acked by the listener, dropped at the end of
	// the retry curve, failed after their only try. The rest are still in the queue.
	Acked, Dropped, Failed int64
	// Reasons counts the deliveries without an Ack by the Reason of their [Failure].
	Reasons map[string]int64
	// Failures has the same deliveries by their answers, too: at most 20, and [OtherAnswers] of each
	// Reason.
	Failures []FailureCount
	// Elapsed is the real time since the start.
	Elapsed time.Duration
	// Rate is how many notifications were acked per second of real time.
	Rate float64
	// P50, P99 and P999 are the times within which 50, 99 and 99.9 % of the deliveries ended, to
	// within 6 %.
	P50, P99, P999 time.Duration
}

// AllAcked reports whether every notification that was created has been acked. After a Run that
// returned an error, there may be messages that were not created.
func (s *Stats) AllAcked() bool { return s.Acked == s.Notifications }

// String returns one line for a terminal.
func (s Stats) String() string {
	return fmt.Sprintf("queued %d, in flight %d, acked %d, retried %d, dropped %d, failed %d, "+
		"%.0f/s, p50 %s, p99 %s",
		s.Queued, s.InFlight, s.Acked, s.Retried, s.Dropped, s.Failed, s.Rate, round(s.P50), round(s.P99))
}

// Summary returns the numbers in several lines.
func (s *Stats) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s with %s in %s\n", text.Count(s.Messages, "message", "messages"),
		text.Count(s.Notifications, "notification", "notifications"), round(s.Elapsed))
	fmt.Fprintf(&b, "%d acked, %d dropped, %d failed, %d left\n",
		s.Acked, s.Dropped, s.Failed, s.Notifications-s.Acked-s.Dropped-s.Failed)
	fmt.Fprintf(&b, "%s, %d of them again; %.0f notifications/s, p50 %s, p99 %s, p99.9 %s\n",
		text.Count(s.Posts, "delivery", "deliveries"), s.Retried, s.Rate,
		round(s.P50), round(s.P99), round(s.P999))
	for _, reason := range slices.Sorted(maps.Keys(s.Reasons)) {
		fmt.Fprintf(&b, "%d × %s\n", s.Reasons[reason], reason)
		for _, f := range s.Failures {
			if answer := f.answer(); f.Reason == reason && answer != "" {
				fmt.Fprintf(&b, "    %d × %s\n", f.Deliveries, answer)
			}
		}
	}
	return b.String()
}

// round rounds d to about three digits.
func round(d time.Duration) time.Duration {
	for unit := time.Microsecond; unit < time.Second; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit)
		}
	}
	return d.Round(time.Second / 10)
}

// MarshalJSON writes times in milliseconds or seconds, as the names say.
func (s Stats) MarshalJSON() ([]byte, error) {
	const millisecond = float64(time.Millisecond)
	return json.Marshal(struct {
		Messages      int64            `json:"messages"`
		Notifications int64            `json:"notifications"`
		Queued        int64            `json:"queued"`
		InFlight      int64            `json:"in_flight"`
		Posts         int64            `json:"posts"`
		Retried       int64            `json:"retried"`
		Acked         int64            `json:"acked"`
		Dropped       int64            `json:"dropped"`
		Failed        int64            `json:"failed"`
		Reasons       map[string]int64 `json:"reasons"`
		Failures      []FailureCount   `json:"failures"`
		Elapsed       float64          `json:"elapsed_seconds"`
		Rate          float64          `json:"acked_per_second"`
		P50           float64          `json:"p50_ms"`
		P99           float64          `json:"p99_ms"`
		P999          float64          `json:"p999_ms"`
	}{
		s.Messages, s.Notifications, s.Queued, s.InFlight, s.Posts, s.Retried, s.Acked, s.Dropped,
		s.Failed, s.Reasons, append([]FailureCount{}, s.Failures...),
		s.Elapsed.Seconds(), s.Rate, float64(s.P50) / millisecond, float64(s.P99) / millisecond,
		float64(s.P999) / millisecond,
	})
}

// histogram counts durations in buckets of 1/16 of a power of two, so its size is fixed.
type histogram struct {
	counts [64 * subBuckets]int64
	total  int64
}

const (
	subBits    = 4
	subBuckets = 1 << subBits
)

func (h *histogram) add(d time.Duration) {
	h.counts[bucketOf(uint64(max(d, 0)))]++
	h.total++
}

func bucketOf(v uint64) int {
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - subBits - 1
	return (shift+1)*subBuckets + int(v>>shift) - subBuckets
}

// upperBound returns the longest duration in a bucket.
func upperBound(bucket int) time.Duration {
	if bucket < subBuckets {
		return time.Duration(bucket)
	}
	shift := bucket/subBuckets - 1
	return time.Duration((uint64(bucket%subBuckets+subBuckets+1) << shift) - 1)
}

// quantile returns the duration within which a part of all, 0 to 1, lies; 0 if the histogram is
// empty.
func (h *histogram) quantile(part float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	left := max(1, int64(part*float64(h.total)+0.5))
	for bucket, count := range h.counts {
		if left -= count; left <= 0 {
			return upperBound(bucket)
		}
	}
	return 0
}
