package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"

	"ackbox/ledger"
)

// Erased counts what was deleted of a record.
type Erased struct {
	Notifications, Deliveries, Marks int64
}

// CountRecord returns how many notifications there are of the record with that id, in its form of 15
// or of 18 characters, the latter in any case.
func (s *Store) CountRecord(ctx context.Context, record string) (int64, error) {
	var n int64
	err := s.await(ctx, func() error {
		where := recordCondition("record_id", record)
		var found int64
		err := s.read.GetContext(ctx, &found,
			s.read.Rebind(`select count(*) from notifications where `+where.sql()), where.args...)
		n = found
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count notifications of record: %w", err)
	}
	return n, nil
}

func recordCondition(column, record string) conditions {
	return withIDs(column, recordForms(record))
}

// EraseRecord deletes all notifications of the record with that id, with what is known about their
// delivery, in one transaction. What a destination has still to get of it, it does not get.
func (s *Store) EraseRecord(ctx context.Context, record string) (Erased, error) {
	var erased Erased
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		var done Erased
		var ids []int64
		where := recordCondition("record_id", record)
		err := tx.SelectContext(ctx, &ids,
			tx.Rebind(`delete from notifications where `+where.sql()+` returning id`), where.args...)
		if err != nil {
			return err
		}
		done.Notifications = int64(len(ids))
		if done.Deliveries, err = eraseDeliveries(ctx, tx, ids); err != nil {
			return err
		}
		if done.Marks, err = eraseMarks(ctx, tx, record); err != nil {
			return err
		}
		erased = done
		return nil
	})
	if err != nil {
		return Erased{}, fmt.Errorf("erase record: %w", err)
	}
	return erased, nil
}

// eraseDeliveries deletes the deliveries of notifications, and the attempts.
func eraseDeliveries(ctx context.Context, tx *sqlx.Tx, ids []int64) (deleted int64, err error) {
	var destinations []int64
	if err := tx.SelectContext(ctx, &destinations, `select id from destinations`); err != nil {
		return 0, err
	}
	for len(ids) > 0 {
		n := min(len(ids), 500) // SQLite has a limit of parameters
		list := make([]any, n)
		for i := range list {
			list[i] = ids[i]
		}
		for _, d := range destinations { // the key begins with it
			where := conditions{}.with("destination_id = ?", d).and(withIDs("notification_id", list))
			_, err := tx.ExecContext(ctx, tx.Rebind(`delete from delivery_attempts where `+where.sql()), where.args...)
			if err != nil {
				return 0, err
			}
			gone, err := affected(tx.ExecContext(ctx, tx.Rebind(`delete from deliveries where `+where.sql()), where.args...))
			if err != nil {
				return 0, err
			}
			deleted += gone
		}
		ids = ids[n:]
	}
	return deleted, nil
}

// eraseMarks deletes the marks of a record, whose keys end in the first 15 characters of its id.
func eraseMarks(ctx context.Context, tx *sqlx.Tx, record string) (deleted int64, err error) {
	if full, ok := ledger.RepairID(record); ok {
		record = full
	}
	suffix := "/" + record[:min(15, len(record))]
	escaped := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(suffix)
	return affected(tx.ExecContext(ctx, tx.Rebind(
		`delete from record_marks where record_key like ? escape '\'`), "%"+escaped))
}
