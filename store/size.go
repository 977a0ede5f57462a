package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jmoiron/sqlx"
)

// Size is how large a database is, and how long its disk lasts.
type Size struct {
	// Bytes is the size of the database on its disk: on SQLite that of its files, on PostgreSQL that
	// of the whole database, which ackbox may share with others.
	Bytes int64
	// Free is by how many bytes the content can grow: the free space of the disk and, on SQLite, of
	// the file. It is nil on PostgreSQL, whose disk cannot be asked.
	Free *int64
	// Growth is by how many bytes the content grows a day, 0 if it shrinks. It is nil until sizes of
	// at least an hour are recorded.
	Growth *int64
}

// MaxDaysLeft is the greatest number of days that [Size.DaysLeft] returns.
const MaxDaysLeft = 3650

// DaysLeft returns in how many days the disk is full if the database goes on growing as it does, at
// most [MaxDaysLeft]. Ok is false if that is not known.
func (z Size) DaysLeft() (days int, ok bool) {
	switch {
	case z.Free == nil || z.Growth == nil:
		return 0, false
	case *z.Growth <= 0:
		return MaxDaysLeft, true
	}
	return int(min(*z.Free / *z.Growth, MaxDaysLeft)), true
}

// Size measures the database. Its growth is that since the oldest recorded size of the last day or
// of the last week, whichever is greater: a disk that a day's load would fill soon is noticed soon.
func (s *Store) Size(ctx context.Context, now time.Time) (Size, error) {
	var size Size
	err := s.await(ctx, func() error {
		used, measured, err := s.measure(ctx)
		if err != nil {
			return err
		}
		taken, err := s.sizesSince(ctx, now.Add(-growthPeriod), now)
		measured.Growth = growth(taken, used, now)
		size = measured
		return err
	})
	if err != nil {
		return Size{}, fmt.Errorf("measure database: %w", err) // size may still be written to
	}
	return size, nil
}

const (
	// sizeInterval is the time between recorded sizes.
	sizeInterval = time.Hour
	// growthPeriod is how far back sizes tell how the database grows.
	growthPeriod = 7 * 24 * time.Hour
	day          = 24 * time.Hour
)

// RecordSize records the size of the database at now, unless one of the last hour is recorded, and
// deletes those that are no longer needed.
func (s *Store) RecordSize(ctx context.Context, now time.Time) error {
	err := s.recordSize(ctx, now)
	if err != nil {
		return fmt.Errorf("record size of database: %w", err)
	}
	return nil
}

func (s *Store) recordSize(ctx context.Context, now time.Time) error {
	var taken []sizeTaken
	var used int64
	err := s.await(ctx, func() (err error) {
		taken, err = s.sizesSince(ctx, now.Add(-sizeInterval), now)
		if err == nil && len(taken) == 0 {
			used, _, err = s.measure(ctx)
		}
		return err
	})
	if err != nil || len(taken) > 0 {
		return err
	}
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`
			insert into database_sizes (taken_at, bytes) values (?, ?)
			on conflict (taken_at) do nothing`), timestamp{now}, used)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, tx.Rebind(`delete from database_sizes where taken_at < ?`),
			timestamp{now.Add(-growthPeriod - day)})
		return err
	})
}

// sizeTaken is a recorded size.
type sizeTaken struct {
	At    timestamp `db:"taken_at"`
	Bytes int64     `db:"bytes"`
}

// sizesSince returns the recorded sizes between two times, the oldest first.
func (s *Store) sizesSince(
	ctx context.Context, since, until time.Time,
) (taken []sizeTaken, err error) {
	err = s.read.SelectContext(ctx, &taken, s.read.Rebind(`
		select taken_at, bytes from database_sizes
		where taken_at > ? and taken_at <= ? order by taken_at`), timestamp{since}, timestamp{until})
	return taken, err
}

// growth returns by how many bytes a day the database has grown since the oldest size that was
// taken or since the oldest of the last day, whichever is greater, or nil if none is an hour old.
func growth(taken []sizeTaken, used int64, now time.Time) *int64 {
	var most *int64
	for i, size := range taken {
		age := now.Sub(size.At.Time)
		isOldest := i == 0 || age <= day && now.Sub(taken[i-1].At.Time) > day
		if !isOldest || age < sizeInterval {
			continue
		}
		perDay := int64(float64(max(used-size.Bytes, 0)) / age.Hours() * day.Hours())
		if most == nil || perDay > *most {
			most = &perDay
		}
	}
	return most
}

// measure returns the size of the content, as it is recorded, and that of the database.
func (s *Store) measure(ctx context.Context) (used int64, size Size, err error) {
	if s.driver == driverSQLite {
		return s.measureSQLite(ctx)
	}
	err = s.read.GetContext(ctx, &used, `select pg_database_size(current_database())`)
	return used, Size{Bytes: used}, err
}

func (s *Store) measureSQLite(ctx context.Context) (used int64, size Size, err error) {
	var pages struct {
		Size  int64 `db:"page_size"`
		All   int64 `db:"page_count"`
		Spare int64 `db:"freelist_count"`
	}
	err = s.read.GetContext(ctx, &pages, `
		select page_size, page_count, freelist_count
		from pragma_page_size, pragma_page_count, pragma_freelist_count`)
	if err != nil {
		return 0, size, err
	}
	path, err := filepath.EvalSymlinks(s.path) // the write-ahead log is beside the file itself
	if err != nil {
		return 0, size, err
	}
	if size.Bytes, err = fileSizes(path, path+"-wal"); err != nil {
		return 0, size, err
	}
	if free, ok := diskFree(filepath.Dir(path)); ok {
		free += pages.Spare * pages.Size
		size.Free = &free
	}
	return (pages.All - pages.Spare) * pages.Size, size, nil
}

// fileSizes returns the size of all files that exist.
func fileSizes(paths ...string) (bytes int64, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err == nil:
			bytes += info.Size()
		case !errors.Is(err, fs.ErrNotExist):
			return 0, err
		}
	}
	return bytes, nil
}
