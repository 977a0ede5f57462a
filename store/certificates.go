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

// ClientCertificate is a certificate that a client presented when it posted to a source.
type ClientCertificate struct {
	SourceID int64
	// Source is the source's name. Only [Store.ClientCertificates] sets it.
	Source string
	// SHA256 is the certificate's fingerprint: the SHA-256 of its DER.
	SHA256          [sha256.Size]byte
	Subject, Issuer string
	// NotBefore and NotAfter are the first and the last moment of the validity.
	NotBefore, NotAfter time.Time
	// FirstSeen is set by the store: it is the LastSeen of the first observation.
	FirstSeen, LastSeen time.Time
	// Problem says why the certificate was not accepted when it was last presented; it is "" if it
	// was accepted.
	Problem string
	// Chain is the presented chain in PEM, the client's own certificate first.
	Chain string
}

const (
	// maxCertificates is how many accepted certificates, and how many others, are kept per source:
	// a client that presents a new one each time neither fills the disk nor evicts those in use.
	maxCertificates = 20
	// maxCertificateChain is how many bytes of a chain are kept.
	maxCertificateChain = 64 << 10
)

// ObserveCertificate records that a certificate was presented to a source at LastSeen. For a
// certificate that is recorded already, it updates LastSeen, which never decreases, the problem and
// the chain. Of each source it keeps the 20 accepted certificates and the 20 others that were seen
// last. Texts are cut to 1000 bytes, the chain to the certificates that fit in 64 KiB. It returns
// [ErrNotFound] if the source does not exist.
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

// lockCertificates lets one process at a time change the certificates of a source: two that each
// add one would not see the other's, and would keep one too many. It does not delay batches for the
// source.
func (s *Store) lockCertificates(ctx context.Context, tx *sqlx.Tx, sourceID int64) error {
	query := `select id from sources where id = ?`
	if s.driver == driverPostgres { // SQLite has one writer and lacks the clause
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
		insert into client_certificates as known (source_id, sha256, not_before, not_after,
			first_seen, last_seen, subject, issuer, problem, chain)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (source_id, sha256) do update set
			last_seen = case when excluded.last_seen > known.last_seen
				then excluded.last_seen else known.last_seen end,
			problem = excluded.problem, chain = excluded.chain`),
		c.SourceID, c.SHA256[:], sinceYearOne(c.NotBefore), sinceYearOne(c.NotAfter), seen, seen,
		plain(c.Subject), plain(c.Issuer), plain(c.Problem), plainChain(c.Chain))
	return err
}

// dropOldCertificates deletes all but the [maxCertificates] of a source that were seen last, of the
// accepted ones if c is accepted, otherwise of the others.
func dropOldCertificates(ctx context.Context, tx *sqlx.Tx, c ClientCertificate) error {
	kind := "problem <> ''"
	if c.Problem == "" {
		kind = "problem = ''"
	}
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		delete from client_certificates where source_id = ? and `+kind+` and sha256 not in (
			select sha256 from client_certificates where source_id = ? and `+kind+`
			order by last_seen desc, sha256 limit ?)`),
		c.SourceID, c.SourceID, maxCertificates)
	return err
}

// sinceYearOne returns t, or the zero time for an earlier one: a certificate can name the year 0,
// which PostgreSQL cannot store.
func sinceYearOne(t time.Time) timestamp {
	if t.UTC().Year() < 1 {
		return timestamp{}
	}
	return timestamp{t}
}

// plainChain cuts a chain to the certificates that fit, as text that both databases accept.
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

// ClientCertificates returns the recorded certificates, by the name of their source, those seen
// last first.
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
		select c.source_id, s.name, c.sha256, c.subject, c.issuer, c.not_before, c.not_after,
			c.first_seen, c.last_seen, c.problem, c.chain
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
	err = rows.Scan(&c.SourceID, &c.Source, &sum, &c.Subject, &c.Issuer, &notBefore, &notAfter,
		&firstSeen, &lastSeen, &c.Problem, &c.Chain)
	copy(c.SHA256[:], sum)
	c.NotBefore, c.NotAfter = notBefore.Time, notAfter.Time
	c.FirstSeen, c.LastSeen = firstSeen.Time, lastSeen.Time
	return c, err
}
