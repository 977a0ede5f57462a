package main

import (
	"strings"
	"testing"

	"ackbox/store"
	"ackbox/store/storetest"
)

// settle gives the destination called hook exceptions.
func (r *rig) settle(deliveries ...store.Delivery) {
	r.t.Helper()
	lease, ok, err := r.db.Store.TakeLease(r.t.Context(), r.stored("hook").ID)
	if err != nil || !ok {
		r.t.Fatalf("take over: got %t, %v", ok, err)
	}
	done := store.Settlement{At: t0, Deliveries: deliveries}
	if err := r.db.Store.Settle(r.t.Context(), lease, done); err != nil {
		r.t.Fatal(err)
	}
}

func TestDeliveriesAreListed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.save(4)
		r.add("hook", "--from", "beginning")
		r.settle(
			store.Delivery{
				NotificationID: 1, Record: "crm/00D/1", State: store.Dead, Attempts: 9, Since: t0, SettledAt: &t0,
				LastStatus: 422, LastError: "answered 422",
			},
			store.Delivery{
				NotificationID: 2, Record: "crm/00D/2", State: store.Retry, Attempts: 1, Since: t0, NextAttemptAt: &t0,
			},
			store.Delivery{
				NotificationID: 3, Record: "crm/00D/2", State: store.Delivered, Attempts: 2, Since: t0, SettledAt: &t0,
			},
		)
		const at, waiting = `"2026-11-22T01:02:03.456789Z"`, `{"destination":"hook","state":"waiting","count":4}` + "\n"
		dead := `{"destination":"hook","state":"dead","notification":1,"record":"crm/00D/1","attempts":9,"since":` + at +
			`,"next_attempt_at":null,"last_status":422,"last_error":"answered 422","settled_at":` + at + "}\n"
		retry := `{"destination":"hook","state":"retry","notification":2,"record":"crm/00D/2","attempts":1,"since":` + at +
			`,"next_attempt_at":` + at + `,"last_status":0,"last_error":"","settled_at":null}` + "\n"
		for _, test := range []struct {
			args []string
			want string
		}{
			{nil, waiting + dead + retry},
			{[]string{"--destination", "hook", "--state", "waiting"}, waiting},
			{[]string{"--state", "retry,dead"}, dead + retry},
			{[]string{"--state", "dead", "--record", "00Qxx0000000001"}, dead},
			{[]string{"--state", "dead", "--record", "00Qxx0000000002"}, ""},
			{[]string{"--state", "waiting", "--record", "00Qxx0000000002"}, strings.Replace(waiting, "4", "1", 1)},
		} {
			got := r.ok(r.on(append([]string{"deliveries", "--json"}, test.args...)...))
			if got.out != test.want {
				t.Errorf("%q: got\n%swant\n%s", test.args, got.out, test.want)
			}
		}
		table := r.ok(r.on("deliveries")).out
		if strings.Count(table, "\n") != 4 || !strings.Contains(table, "4 in all") ||
			!strings.Contains(table, "answered 422") {
			t.Errorf("got\n%s", table)
		}
		list := r.ok(r.on("destination", "list")).out
		if strings.Count(list, "\n") != 2 || !strings.Contains(list, "http://127.0.0.1:") {
			t.Errorf("got\n%s", list)
		}
	})
}

func TestStatesWithoutRowsCannotBeListed(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"before", "filtered", "odd"} {
		if got := on(t, "sqlite:none.db", "deliveries", "--state", state); got.code != exitUsage {
			t.Errorf("%s: got %+v, want exit code %d", state, got, exitUsage)
		}
	}
}
