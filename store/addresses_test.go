package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ackbox/store"
	"ackbox/store/storetest"
)

const origin = "https://ranges.example.com/v1.json?list=2"

func TestAddressListThatWasNeverStored(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		requireAddressList(t, db.Store, origin, "", time.Time{})
	})
}

// Each origin has one copy, the last that was kept.
func TestKeepAddressList(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		other := origin + "&other"
		keepAddressList(t, db.Store, origin, `{"prefixes":[]} é`, now)
		keepAddressList(t, db.Store, other, "other", now)
		requireAddressList(t, db.Store, origin, `{"prefixes":[]} é`, moment)
		keepAddressList(t, db.Store, origin, "newer", now.Add(time.Hour))
		requireAddressList(t, db.Store, origin, "newer", moment.Add(time.Hour))
		requireAddressList(t, db.Store, other, "other", moment)
	})
}

// A clock that is set back must not keep an old copy in place.
func TestKeepAddressListThatWasFetchedEarlier(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		keepAddressList(t, db.Store, origin, "of a clock that was ahead", now.AddDate(1, 0, 0))
		keepAddressList(t, db.Store, origin, "right", now)
		requireAddressList(t, db.Store, origin, "right", moment)
	})
}

func TestKeepAddressListOfAnySize(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		long := strings.Repeat("192.0.2.0/24\n", 4<<20/13)
		keepAddressList(t, db.Store, origin, long, now)
		requireAddressList(t, db.Store, origin, long, moment)
	})
}

// Two processes of one database share the copies, and a restart finds them.
func TestAddressListOfAnotherProcess(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		keepAddressList(t, storetest.Open(t, db.URL).Store, origin, "kept", now)
		requireAddressList(t, db.Store, origin, "kept", moment)
	})
}

func TestAddressListOfAClosedDatabase(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		if err := db.Store.Close(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := db.Store.AddressList(t.Context(), origin); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("read: got %v, want %v", err, store.ErrUnavailable)
		}
		err := db.Store.KeepAddressList(t.Context(), origin, "content", now)
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("keep: got %v, want %v", err, store.ErrUnavailable)
		}
	})
}

func keepAddressList(t *testing.T, db *store.Store, origin, content string, at time.Time) {
	t.Helper()
	if err := db.KeepAddressList(t.Context(), origin, content, at); err != nil {
		t.Fatal(err)
	}
}

func requireAddressList(t *testing.T, db *store.Store, origin, want string, wantAt time.Time) {
	t.Helper()
	got, at, err := db.AddressList(t.Context(), origin)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("got %d bytes, want %d: %.80q, want %.80q", len(got), len(want), got, want)
	}
	if !at.Equal(wantAt) {
		t.Errorf("got %s, want %s", at, wantAt)
	}
}
