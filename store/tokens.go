package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/jmoiron/sqlx"
)

// Token is the secret in a source's URL, of which only the SHA-256 is known, see [TokenSHA256].
type Token struct {
	SHA256    [32]byte
	CreatedAt time.Time
	// ExpiresAt is nil for a token that has not been rotated.
	ExpiresAt *time.Time
}

// Valid tells whether the token's time is not over yet.
func (t Token) Valid(now time.Time) bool { return t.ExpiresAt == nil || now.Before(*t.ExpiresAt) }

// TokenSHA256 is what is stored of a token, as it stands in the URL.
func TokenSHA256(token string) [32]byte { return sha256.Sum256([]byte(token)) }

// newToken is 256 random bits, in 43 characters that need no escape in a URL.
func newToken() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return base64.RawURLEncoding.EncodeToString(secret)
}

// RotateToken gives a source a new token, which it returns: it is not stored and cannot be shown again. The tokens that
// it had stay valid for keep, but no longer than they were to; 0 ends them at once. [ErrNotFound].
func (s *Store) RotateToken(ctx context.Context, name string, keep time.Duration, now time.Time) (string, error) {
	token := newToken()
	end := timestamp{now.Add(max(keep, 0))}
	err := s.changeSource(ctx, "rotate the token of", name, func(tx *sqlx.Tx, id int64) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`
			update source_tokens set expires_at = ? where source_id = ? and (expires_at is null or expires_at > ?)`),
			end, id, end)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, tx.Rebind(`
			delete from source_tokens where source_id = ? and expires_at <= ?`), id, timestamp{now})
		if err != nil {
			return err
		}
		return insertToken(ctx, tx, id, token, now)
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

func insertToken(ctx context.Context, tx *sqlx.Tx, sourceID int64, token string, now time.Time) error {
	digest := TokenSHA256(token)
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		insert into source_tokens (sha256, source_id, created_at) values (?, ?, ?)`),
		digest[:], sourceID, timestamp{now})
	return err
}
