package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// ClientCertificate is a certificate that a client showed with messages for a source.
type ClientCertificate struct {
	SourceID int64
	// Source is the source's name, which only [Store.ClientCertificates] fills in.
	Source string
	// SHA256 is of the certificate in DER: its fingerprint.
	SHA256          [sha256.Size]byte
	Subject, Issuer string
	// NotBefore and NotAfter are the first and the last moment of its validity.
	NotBefore, NotAfter time.Time
	// FirstSeen is given by the store: the LastSeen of the first time.
	FirstSeen, LastSeen time.Time
	// Problem says what was wrong when it was last shown; "" when it was accepted.
	Problem string
	// Chain is what was shown, in PEM, the client's own certificate first.
	Chain string
}

const (
	// maxCertificates is how many are kept of a source, of those that are accepted and of the others: a client that shows
	// another one each time neither fills the disk nor drives out those in use.
	maxCertificates = 20
	// maxCertificateChain is how much of a chain is kept, in bytes.
	maxCertificateChain = 64 << 10
)

// ObserveCertificate records that a certificate was shown to a source at LastSeen. Of one that is known, the time, which
// only grows, the problem and the chain are new. Of a source the 20 that were seen last are kept, of those that are
// accepted and of the others. Texts are cut to 1000 bytes, the chain to those certificates that fit in 64 KiB.
// [ErrNotFound] is for the source.
func (s *Store) ObserveCertificate(ctx context.Context, c ClientCertificate) error {
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := s.lockCertificates(ctx, tx, c.SourceID); err != nil {
			return err
		}
		if err := upsertCertificate(ctx, tx, c); err != nil {
			return err
		}
		return dropOldCertificates(ctx, tx, c)
	})
	if err != nil {
		return fmt.Errorf("record client certificate: %w", err)
	}
	return nil
}

// lockCertificates lets one process at a time change those of a source: two that add one each would not see each
// other's, and keep one too many. Messages for the source are not held up.
func (s *Store) lockCertificates(ctx context.Context, tx *sqlx.Tx, sourceID int64) error {
	query := `select id from sources where id = ?`
	if s.driver == driverPostgres { // SQLite's writer is alone, and does not know the words
		query += ` for no key update`
	}
	var id int64
	err := tx.GetContext(ctx, &id, tx.Rebind(query), sourceID)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

func upsertCertificate(ctx context.Context, tx *sqlx.Tx, c ClientCertificate) error {
	seen := timestamp{c.LastSeen}
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		insert into client_certificates as known (source_id, sha256, not_before, not_after, first_seen, last_seen,
			subject, issuer, problem, chain)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (source_id, sha256) do update set
			last_seen = case when excluded.last_seen > known.last_seen then excluded.last_seen else known.last_seen end,
			problem = excluded.problem, chain = excluded.chain`),
		c.SourceID, c.SHA256[:], sinceYearOne(c.NotBefore), sinceYearOne(c.NotAfter), seen, seen,
		plain(c.Subject), plain(c.Issuer), plain(c.Problem), plainChain(c.Chain))
	return err
}

// dropOldCertificates leaves those of a source that were seen last, of those that are accepted or not as this one is.
func dropOldCertificates(ctx context.Context, tx *sqlx.Tx, c ClientCertificate) error {
	alike := "problem <> ''"
	if c.Problem == "" {
		alike = "problem = ''"
	}
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		delete from client_certificates where source_id = ? and `+alike+` and sha256 not in (
			select sha256 from client_certificates where source_id = ? and `+alike+`
			order by last_seen desc, sha256 limit ?)`),
		c.SourceID, c.SourceID, maxCertificates)
	return err
}

// sinceYearOne is a time that both databases take: a certificate can name the year 0, which PostgreSQL does not know.
func sinceYearOne(t time.Time) timestamp {
	if t.UTC().Year() < 1 {
		return timestamp{}
	}
	return timestamp{t}
}

// plainChain cuts a chain to the certificates that fit, as text that both databases take.
func plainChain(chain string) string {
	chain = strings.ReplaceAll(strings.ToValidUTF8(chain, ""), "\x00", "")
	if len(chain) <= maxCertificateChain {
		return chain
	}
	const end = "-----END CERTIFICATE-----\n"
	last := strings.LastIndex(chain[:maxCertificateChain], end)
	if last < 0 {
		return ""
	}
	return chain[:last+len(end)]
}

// ClientCertificates are those that were shown, by the names of their sources, and those seen last first.
func (s *Store) ClientCertificates(ctx context.Context) ([]ClientCertificate, error) {
	var found []ClientCertificate
	err := s.await(ctx, func() (err error) {
		found, err = readCertificates(ctx, s.read)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read client certificates: %w", err)
	}
	return found, nil
}

func readCertificates(ctx context.Context, db sqlx.QueryerContext) ([]ClientCertificate, error) {
	rows, err := db.QueryContext(ctx, `
		select c.source_id, s.name, c.sha256, c.subject, c.issuer, c.not_before, c.not_after, c.first_seen, c.last_seen,
			c.problem, c.chain
		from client_certificates c join sources s on s.id = c.source_id
		order by s.name, c.last_seen desc, c.sha256`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := []ClientCertificate{}
	for rows.Next() {
		c, err := scanCertificate(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, c)
	}
	return found, rows.Err()
}

func scanCertificate(rows *sql.Rows) (c ClientCertificate, err error) {
	var sum []byte
	var notBefore, notAfter, firstSeen, lastSeen timestamp
	err = rows.Scan(&c.SourceID, &c.Source, &sum, &c.Subject, &c.Issuer, &notBefore, &notAfter, &firstSeen, &lastSeen,
		&c.Problem, &c.Chain)
	copy(c.SHA256[:], sum)
	c.NotBefore, c.NotAfter, c.FirstSeen, c.LastSeen = notBefore.Time, notAfter.Time, firstSeen.Time, lastSeen.Time
	return c, err
}
