package e2e_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/simulate"
)

// measurements are the quantities that an attack could make grow.
type measurements struct {
	goroutines int
	database   int64            // in bytes, without the notifications
	log        int              // in bytes
	counts     map[string]int64 // of refusals, by cause
	recorded   int              // refusals on record
	most       int              // refusals on record of one cause, at most
	acked      int              // messages
	shed       int              // connections
	peak       int64            // of memory, in bytes
}

// refusals returns the number of refusals of all causes.
func (m measurements) refusals() (all int64) {
	for _, n := range m.counts {
		all += n
	}
	return all
}

// measure returns the measurements before the attack.
func (s *target) measure(t *testing.T) measurements {
	t.Helper()
	return measurements{
		goroutines: s.sample(t).goroutines,
		database:   sizeWithoutNotifications(t, s.database),
		log:        len(s.stderr.String()),
	}
}

// checkConnectionLimit checks that the inbox keeps its limit of connections by closing some.
func (s *target) checkConnectionLimit(t *testing.T) {
	t.Helper()
	got, shed := s.metric(t, "ackbox_connections"), s.metric(t, "ackbox_connections_shed_total")
	if got > s.limit || shed == 0 {
		t.Errorf("got %d connections and %d closed to make room under attack, want %d at most and some",
			got, shed, s.limit)
	}
}

// checkRecovered checks that nothing of the attack is left when it is over, and that the inbox is
// ready.
func (s *target) checkRecovered(t *testing.T, before measurements) {
	t.Helper()
	const kept = 1 // the connection that asks for /readyz
	eventually(t, testTimeout, "all connections end", func() bool {
		return s.metric(t, "ackbox_connections") <= kept
	})
	eventually(t, testTimeout, "all goroutines end", func() bool {
		return s.metric(t, "go_goroutines") <= before.goroutines+kept
	})
	if got := get(t, s.base()+"/readyz"); got.status != 200 {
		t.Errorf("after the attack: got %+v", got)
	}
}

// checkOnlyGood checks that only messages of the sender are stored, and that none of them was
// refused.
func (s *target) checkOnlyGood(t *testing.T, load *faultLoad, sent simulate.Stats) {
	t.Helper()
	for _, l := range s.export() {
		if !load.ackedIDs[l.NotificationID] {
			t.Errorf("%s is stored, but the sender did not send it", l.NotificationID)
		}
	}
	if load.refused > 0 {
		t.Errorf("%d good deliveries were refused", load.refused)
	}
	if load.unanswered > int(sent.Posts)/50 { // a busy machine loses one now and then
		t.Errorf("%d of %d good deliveries got no answer", load.unanswered, sent.Posts)
	}
}

// stopAndMeasure stops the inbox and returns the measurements after the attack.
func (s *target) stopAndMeasure(t *testing.T) measurements {
	t.Helper()
	after := measurements{
		acked:  s.metric(t, `ackbox_messages_total{source="crm"}`),
		shed:   s.metric(t, "ackbox_connections_shed_total"),
		counts: s.refusalMetrics(t), peak: s.peakMemory(),
	}
	if code, took := s.term(); code != 0 || took > testTimeout {
		t.Errorf("SIGTERM: got exit code %d after %s", code, took)
	}
	after.database, after.log = sizeWithoutNotifications(t, s.database), len(s.stderr.String())
	listed := map[string]int{}
	for _, r := range s.refusals() {
		listed[r.Cause]++
		after.recorded++
		after.most = max(after.most, listed[r.Cause])
	}
	return after
}

// countedRefusals is a line of refusals --counts --json.
type countedRefusals struct {
	Day      string `json:"day"`
	Source   string `json:"source"`
	Cause    string `json:"cause"`
	Status   int    `json:"status"`
	Reported bool   `json:"reported"`
	Refusals int64  `json:"refusals"`
}

// accessCauses are the causes of the access checks and of the bounds of a body. Each has an attack
// of its own, so that it comes up on the slowest machine.
var accessCauses = []string{
	"unknown_token", "throttled", "address", "client_certificate", "organization",
	"too_large", "interrupted",
}

// checkCounts checks that every refusal was counted, in the metrics and in the database alike, and
// at least as many as were answered.
func (s *target) checkCounts(t *testing.T, load *faultLoad, after measurements) {
	t.Helper()
	counted := map[string]int64{}
	for _, c := range decodeLines[countedRefusals](t, s.ok("refusals", "--counts", "--json")) {
		counted[c.Cause] += c.Refusals
	}
	if diff := cmp.Diff(after.counts, counted); diff != "" {
		t.Errorf("counts in the database (-metrics +database):\n%s", diff)
	}
	for _, cause := range accessCauses {
		if counted[cause] == 0 {
			t.Errorf("nothing was refused for %s", cause)
		}
	}
	if got, answered := after.refusals(), int64(s.results.faults+load.refused); got < answered {
		t.Errorf("got %d refusals counted, want at least the %d that were answered", got, answered)
	}
}

// The bounds of what an attack may make grow.
const (
	sampleWindow      = 10 * time.Minute
	maxSamples        = 100     // refusals of one source and cause, logged and recorded in a window
	maxRecorded       = 1000    // refusals of one source and cause, kept
	maxLineSize       = 400     // bytes of a line of the log
	maxLogPerSecond   = 1 << 10 // bytes, for warnings that are repeated
	maxDatabaseGrowth = 4 << 20 // bytes in a window, for samples, counts and certificates
)

// checkBounds checks that the log and the database do not grow with the attack. Here each cause is
// of one source.
func (s *target) checkBounds(t *testing.T, before, after measurements) {
	t.Helper()
	windows := 1 + int(s.duration/sampleWindow)
	samples, lines := maxSamples*windows, after.acked
	for _, n := range after.counts {
		lines += min(int(n), samples)
	}
	if limit := min(samples, maxRecorded); after.most > limit {
		t.Errorf("got %d refusals of one cause on record, want %d at most", after.most, limit)
	}
	limit := maxLineSize*lines + maxLogPerSecond*int(s.duration.Seconds())
	if got := after.log - before.log; got > limit {
		t.Errorf("the log has grown by %d bytes, want %d at most", got, limit)
	}
	if got, limit := after.database-before.database, int64(maxDatabaseGrowth*windows); got > limit {
		t.Errorf("the database has grown by %d bytes without the notifications, want %d at most",
			got, limit)
	}
	for _, secret := range append(s.tokens, "SessionMarker", fieldMarker, tokenMarker) {
		if strings.Contains(s.stderr.String(), secret) {
			t.Errorf("%s is in the log", secret)
		}
	}
}

var metricLine = regexp.MustCompile(`(?m)^(\S+) (\S+)$`)

// metric returns the value of a metric, by its name with labels.
func (s *target) metric(t *testing.T, name string) int {
	t.Helper()
	return s.metrics(t)[name]
}

func (s *target) metrics(t *testing.T) map[string]int {
	t.Helper()
	values := map[string]int{}
	page := get(t, "http://"+s.setting("ACKBOX_ADMIN_ADDR")+"/metrics").body
	for _, match := range metricLine.FindAllStringSubmatch(page, -1) {
		value, err := strconv.ParseFloat(match[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		values[match[1]] = int(value)
	}
	return values
}

// refusalMetrics returns the counts of refusals by cause, without those that are 0.
func (s *target) refusalMetrics(t *testing.T) map[string]int64 {
	t.Helper()
	counts := map[string]int64{}
	for name, value := range s.metrics(t) {
		cause, ok := strings.CutPrefix(name, `ackbox_refusals_total{cause="`)
		if ok && value > 0 {
			counts[strings.TrimSuffix(cause, `"}`)] = int64(value)
		}
	}
	return counts
}

// sizeWithoutNotifications returns the size of a database without its notifications, in bytes.
func sizeWithoutNotifications(tb testing.TB, database string) int64 {
	tb.Helper()
	query := `select pg_database_size(current_database()) - pg_total_relation_size('notifications')`
	if strings.HasPrefix(database, "sqlite:") {
		query = `select sum(s.pgsize) from dbstat s left join sqlite_schema m on m.name = s.name
			where coalesce(m.tbl_name, '') <> 'notifications'`
	}
	db := openDirectly(tb, database)
	defer db.Close()
	var size int64
	if err := db.QueryRowContext(tb.Context(), query).Scan(&size); err != nil {
		tb.Fatal(fmt.Errorf("measure the database: %w", err))
	}
	return size
}
