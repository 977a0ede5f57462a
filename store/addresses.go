package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// AddressList returns the stored copy of the address ranges published at origin, a URL, as they
// were fetched, and the time of the fetch. Content is "" if there is no copy.
func (s *Store) AddressList(
	ctx context.Context, origin string,
) (content string, fetchedAt time.Time, err error) {
	var kept struct {
		Content   string    `db:"content"`
		FetchedAt timestamp `db:"fetched_at"`
	}
	err = s.await(ctx, func() error {
		return s.read.GetContext(ctx, &kept, s.read.Rebind(`
			select content, fetched_at from address_lists where origin = ?`), origin)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", time.Time{}, nil
	}
	if err != nil {
		return "", time.Time{}, fmt.Errorf("read address list: %w", err)
	}
	return kept.Content, kept.FetchedAt.Time, nil
}

// KeepAddressList stores a copy of the address ranges published at origin, in place of the previous
// one. Content is UTF-8 without the character 0.
func (s *Store) KeepAddressList(
	ctx context.Context, origin, content string, fetchedAt time.Time,
) error {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`
			insert into address_lists (origin, fetched_at, content) values (?, ?, ?)
			on conflict (origin) do update
				set fetched_at = excluded.fetched_at, content = excluded.content`),
			origin, timestamp{fetchedAt}, content)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep address list: %w", err)
	}
	return nil
}
