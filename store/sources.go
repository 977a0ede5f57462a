package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
)

// Source is an endpoint for outbound messages, with its own URLs and its own notifications.
type Source struct {
	ID        int64
	Name      string
	CreatedAt time.Time
	// DisabledAt is nil if the source is enabled.
	DisabledAt *time.Time
	// Organizations are the ids, as given, of the organizations that may post to the source,
	// sorted. If there are none, any organization may.
	Organizations []string
	// Tokens are the secrets of the source's URLs, the oldest first. Expired ones may be among
	// them: see [Token.Valid].
	Tokens []Token
}

// Allows reports whether an organization may post to the source. The forms of an id with 15 and
// with 18 characters are the same id.
func (s Source) Allows(organizationID string) bool {
	for _, allowed := range s.Organizations {
		if sameOrganization(allowed, organizationID) {
			return true
		}
	}
	return len(s.Organizations) == 0
}

// sourceRow is a source with one of its organizations and one of its tokens, if it has any.
type sourceRow struct {
	ID             int64      `db:"id"`
	Name           string     `db:"name"`
	CreatedAt      timestamp  `db:"created_at"`
	DisabledAt     *timestamp `db:"disabled_at"`
	Organization   *string    `db:"organization"`
	SHA256         []byte     `db:"sha256"`
	TokenCreatedAt *timestamp `db:"token_created_at"`
	ExpiresAt      *timestamp `db:"expires_at"`
}

// Sources returns all sources with their organizations and tokens, by name. It is one query, so
// organizations and tokens are those of one moment.
func (s *Store) Sources(ctx context.Context) ([]Source, error) {
	var found []Source
	err := s.await(ctx, func() (err error) {
		found, err = readSources(ctx, s.read)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read sources: %w", err)
	}
	return found, nil
}

func readSources(ctx context.Context, db sqlx.QueryerContext) ([]Source, error) {
	var rows []sourceRow
	err := sqlx.SelectContext(ctx, db, &rows, `
		select s.id, s.name, s.created_at, s.disabled_at,
			o.organization || o.organization_suffix as organization,
			t.sha256, t.created_at as token_created_at, t.expires_at
		from sources s
		left join source_organizations o on o.source_id = s.id
		left join source_tokens t on t.source_id = s.id
		order by s.name, o.organization, t.created_at, t.sha256`)
	return joinSources(rows), err
}

// joinSources returns the sources of rows that combine each organization with each token.
func joinSources(rows []sourceRow) []Source {
	sources := []Source{}
	for i, r := range rows {
		isNew := i == 0 || rows[i-1].ID != r.ID
		if isNew {
			sources = append(sources, Source{
				ID: r.ID, Name: r.Name, CreatedAt: r.CreatedAt.Time, DisabledAt: r.DisabledAt.pointer(),
			})
		}
		source := &sources[len(sources)-1]
		if r.Organization != nil && (isNew || *rows[i-1].Organization != *r.Organization) {
			source.Organizations = append(source.Organizations, *r.Organization)
		}
		// The rows of its first organization have all its tokens.
		if r.SHA256 != nil && len(source.Organizations) <= 1 {
			token := Token{CreatedAt: r.TokenCreatedAt.Time, ExpiresAt: r.ExpiresAt.pointer()}
			copy(token.SHA256[:], r.SHA256)
			source.Tokens = append(source.Tokens, token)
		}
	}
	return sources
}

// sourceName matches the valid names. They are also safe as a command's argument, in a path and as
// a metric label.
var sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// AddSource creates a source with its first token, and returns both. The token is not stored and
// cannot be shown again. Only the organizations may post to the source, or any if there are none.
// It returns [ErrName] if the name is not valid, and [ErrExists] if it is taken.
func (s *Store) AddSource(
	ctx context.Context, name string, organizations []string, now time.Time,
) (Source, string, error) {
	if !sourceName.MatchString(name) {
		return Source{}, "", fmt.Errorf("add source %q: %w", name, ErrName)
	}
	token := newToken()
	var added Source
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		id, err := insertSource(ctx, tx, name, now)
		if err != nil {
			return err
		}
		for _, organization := range organizations {
			if err := allow(ctx, tx, id, organization); err != nil {
				return err
			}
		}
		if err := insertToken(ctx, tx, id, token, now); err != nil {
			return err
		}
		sources, err := readSources(ctx, tx)
		if i := slices.IndexFunc(sources, func(s Source) bool { return s.ID == id }); i >= 0 {
			added = sources[i]
		}
		return err
	})
	if err != nil {
		return Source{}, "", fmt.Errorf("add source %q: %w", name, err)
	}
	return added, token, nil
}

func insertSource(
	ctx context.Context, tx *sqlx.Tx, name string, now time.Time,
) (id int64, err error) {
	err = tx.GetContext(ctx, &id, tx.Rebind(`
		insert into sources (name, created_at) values (?, ?) on conflict (name) do nothing returning id`),
		name, timestamp{now})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, ErrExists
	}
	return id, err
}

// DisableSource makes a source receive nothing until it is enabled. A source that is disabled
// already stays as it is. It returns [ErrNotFound] if there is no such source.
func (s *Store) DisableSource(ctx context.Context, name string, now time.Time) error {
	return s.changeSource(ctx, "disable", name, func(tx *sqlx.Tx, id int64) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`
			update sources set disabled_at = ? where id = ? and disabled_at is null`), timestamp{now}, id)
		return err
	})
}

// EnableSource makes a source receive again. A source that is enabled already stays as it is. It
// returns [ErrNotFound] if there is no such source.
func (s *Store) EnableSource(ctx context.Context, name string) error {
	return s.changeSource(ctx, "enable", name, func(tx *sqlx.Tx, id int64) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`update sources set disabled_at = null where id = ?`), id)
		return err
	})
}

// AllowOrganization allows an organization to post to a source. A source accepts any organization
// until the first is allowed. An organization may be allowed already. It returns [ErrNotFound] if
// there is no such source.
func (s *Store) AllowOrganization(ctx context.Context, name, organizationID string) error {
	return s.changeSource(ctx, "change", name, func(tx *sqlx.Tx, id int64) error {
		return allow(ctx, tx, id, organizationID)
	})
}

func allow(ctx context.Context, tx *sqlx.Tx, sourceID int64, organizationID string) error {
	organization, suffix := organizationKey(organizationID)
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		insert into source_organizations (source_id, organization, organization_suffix) values (?, ?, ?)
		on conflict (source_id, organization) do nothing`), sourceID, organization, suffix)
	return err
}

// DenyOrganization reverses [Store.AllowOrganization]. A source without any organization left
// accepts any again. It returns [ErrNotFound] if there is no such source, or if it does not list
// the organization.
func (s *Store) DenyOrganization(ctx context.Context, name, organizationID string) error {
	organization, _ := organizationKey(organizationID)
	return s.changeSource(ctx, "change", name, func(tx *sqlx.Tx, id int64) error {
		result, err := tx.ExecContext(ctx, tx.Rebind(`
			delete from source_organizations where source_id = ? and organization = ?`), id, organization)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); n > 0 || err != nil {
			return err
		}
		return fmt.Errorf("organization %q: %w", organizationID, ErrNotFound)
	})
}

// RemoveSource removes a source with its tokens, organizations and client certificates. Its
// refusals stay, without a source. It returns [ErrNotEmpty] if the source has notifications, and
// [ErrNotFound] if there is no such source.
func (s *Store) RemoveSource(ctx context.Context, name string) error {
	return s.changeSource(ctx, "remove", name, func(tx *sqlx.Tx, id int64) error {
		var hasNotifications bool
		err := tx.GetContext(ctx, &hasNotifications, tx.Rebind(`
			select exists (select 1 from notifications where source_id = ?)`), id)
		if err != nil {
			return err
		}
		if hasNotifications {
			return ErrNotEmpty
		}
		// The lock of changeSource and the foreign key keep out a notification that comes in now.
		_, err = tx.ExecContext(ctx, tx.Rebind(`delete from sources where id = ?`), id)
		return err
	})
}

// changeSource runs change in a transaction, with the source of that name locked. Verb is for the
// error.
func (s *Store) changeSource(
	ctx context.Context, verb, name string, change func(tx *sqlx.Tx, id int64) error,
) error {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		query := `select id from sources where name = ?`
		if s.driver == driverPostgres { // SQLite has one writer and lacks the clause
			query += ` for update`
		}
		var id int64
		err := tx.GetContext(ctx, &id, tx.Rebind(query), name)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		return change(tx, id)
	})
	if err != nil {
		return fmt.Errorf("%s source %q: %w", verb, name, err)
	}
	return nil
}
