package store_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ackbox/store"
	"ackbox/store/storetest"
)

func size(t *testing.T, db *store.Store, at time.Time) store.Size {
	t.Helper()
	got, err := db.Size(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSizeGrowsWithTheDatabase(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		source := addSource(t, db.Store, "one")
		before := size(t, db.Store, now)
		save(t, db.Store, source, large("04l", 8), now)
		after := size(t, db.Store, now)
		if grown := after.Bytes - before.Bytes; before.Bytes <= 0 || grown < 50_000 {
			t.Errorf("got %d bytes, then %d", before.Bytes, after.Bytes)
		}
		if _, known := after.DaysLeft(); known || after.Growth != nil {
			t.Errorf("got %+v, want no growth without a recorded size", after)
		}
		path, isSQLite := strings.CutPrefix(db.URL, "sqlite:")
		if !isSQLite {
			if after.Free != nil {
				t.Errorf("got %d bytes free, want none: the disk cannot be asked", *after.Free)
			}
			return
		}
		if after.Free == nil || *after.Free <= 0 {
			t.Errorf("got %v, want the free space of the disk", after.Free)
		}
		if info, err := os.Stat(path); err != nil || after.Bytes < info.Size() {
			t.Errorf("got %d bytes, %v, want those of the file at least", after.Bytes, err)
		}
	})
}

// What is deleted in a SQLite file is used again: it is no growth, and free.
func TestSpaceThatIsFreeInTheFileCountsAsFree(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, storetest.SQLite)
	source := addSource(t, db.Store, "one")
	if err := db.Store.RecordSize(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	save(t, db.Store, source, large("04l", 64), now.Add(-100*time.Hour))
	full := size(t, db.Store, now.Add(2*time.Hour))
	if _, err := db.Store.Prune(t.Context(), now, store.Retention{OlderThan: store.MinRetention}, nil); err != nil {
		t.Fatal(err)
	}
	pruned := size(t, db.Store, now.Add(2*time.Hour))
	if *full.Growth < 12*(64<<20) || *pruned.Growth > 1<<20 {
		t.Errorf("got a growth of %d, and of %d after the prune", *full.Growth, *pruned.Growth)
	}
	if got := *pruned.Free - *full.Free; got < 32<<20 { // others use the disk, too
		t.Errorf("got %d bytes more that are free, want those of the file", got)
	}
}

func TestSizesAreRecordedOnceAnHour(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		other := storetest.Open(t, db.URL).Store
		for _, after := range []time.Duration{
			0, time.Minute, 59 * time.Minute, time.Hour, 2*time.Hour - time.Second, 150 * time.Hour,
			8*24*time.Hour + time.Second,
		} {
			for _, s := range []*store.Store{db.Store, other} {
				if err := s.RecordSize(t.Context(), now.Add(after)); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := texts(t, openRaw(t, db), `select cast(count(*) as text) from database_sizes`)
		if got[0] != "3" { // of 1, 150 and 192 hours; those before are too old
			t.Errorf("got %s sizes, want 3", got[0])
		}
	})
}

func TestGrowthIsThatOfTheLastDayOrWeek(t *testing.T) {
	t.Parallel()
	const mega = 1_000_000
	type taken struct {
		ago   time.Duration
		grown int64 // since then
	}
	day := 24 * time.Hour
	tests := map[string]struct {
		sizes []taken
		want  int64 // a day, in millions of bytes; -1 if it is not known
	}{
		"no size":                  {nil, -1},
		"less than an hour":        {[]taken{{59 * time.Minute, 5000 * mega}}, -1},
		"two hours":                {[]taken{{2 * time.Hour, 1000 * mega}, {time.Minute, 0}}, 12_000},
		"a week":                   {[]taken{{6 * day, 6000 * mega}, {12 * time.Hour, 10 * mega}}, 1000},
		"a day of many":            {[]taken{{6 * day, 6000 * mega}, {12 * time.Hour, 5000 * mega}}, 10_000},
		"older than a week":        {[]taken{{8 * day, 99_000 * mega}, {5 * day, 5000 * mega}}, 1000},
		"the oldest of a day":      {[]taken{{20 * time.Hour, 5000 * mega}, {2 * time.Hour, 4000 * mega}}, 6000},
		"less than before":         {[]taken{{6 * day, -6000 * mega}, {2 * time.Hour, -mega}}, 0},
		"of a clock that was fast": {[]taken{{-2 * day, 5000 * mega}}, -1},
	}
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		raw := openRaw(t, db)
		for name, test := range tests {
			bytes := size(t, db.Store, now).Bytes
			execAll(t, raw, `delete from database_sizes`)
			for _, s := range test.sizes {
				execAll(t, raw, fmt.Sprintf(`insert into database_sizes values ('%s', %d)`,
					now.Add(-s.ago).UTC().Format("2006-01-02T15:04:05.000000Z"), bytes-s.grown))
			}
			got := int64(-1)
			if growth := size(t, db.Store, now).Growth; growth != nil {
				got = (*growth + mega/2) / mega
			}
			if slack := test.want / 100; got < test.want-slack || got > test.want+slack {
				t.Errorf("%s: got a growth of %d MB a day, want %d", name, got, test.want)
			}
		}
	})
}

func TestDaysLeft(t *testing.T) {
	t.Parallel()
	tests := []struct {
		size  store.Size
		want  int
		known bool
	}{
		{store.Size{}, 0, false},
		{store.Size{Free: new(int64(100))}, 0, false},
		{store.Size{Growth: new(int64(100))}, 0, false},
		{store.Size{Free: new(int64(1000)), Growth: new(int64(300))}, 3, true},
		{store.Size{Free: new(int64(100)), Growth: new(int64(300))}, 0, true},
		{store.Size{Free: new(int64(1 << 60)), Growth: new(int64(1))}, store.MaxDaysLeft, true},
		{store.Size{Free: new(int64(1)), Growth: new(int64(0))}, store.MaxDaysLeft, true},
	}
	for _, test := range tests {
		if got, known := test.size.DaysLeft(); got != test.want || known != test.known {
			t.Errorf("%+v: got %d, %t, want %d, %t", test.size, got, known, test.want, test.known)
		}
	}
}
