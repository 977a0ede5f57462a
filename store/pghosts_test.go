package store_test

import (
	"fmt"
	"net"
	"testing"

	"ackbox/store"
	"ackbox/store/storetest"
)

// A machine that hangs accepts connections but answers nothing; one that is down not even that.
func TestAHostThatDoesNotAnswerIsPassedOver(t *testing.T) {
	t.Parallel()
	cluster := storetest.NewCluster(t, storetest.Options{})
	source := addSource(t, storetest.Open(t, cluster.URL("postgres")).Store, "one")
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	db, err := store.Open(fmt.Sprintf("postgres://postgres@/postgres?sslmode=disable"+
		"&host=127.0.0.1,127.0.0.1&port=%d,%d&target_session_attrs=read-write",
		silent.Addr().(*net.TCPAddr).Port, cluster.Port()))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	in := store.Inbound{SourceID: source.ID, Batch: benchmarkBatch(0, 1), ReceivedAt: now}
	if saved, err := db.Save(t.Context(), in); err != nil || saved.Stored != 1 {
		t.Errorf("got %+v, %v, want 1 stored", saved, err)
	}
}
