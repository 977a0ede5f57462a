package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/jmoiron/sqlx"
)

// Token is the secret in a source's URL. Only its SHA-256 is stored, see [TokenSHA256].
type Token struct {
	SHA256    [32]byte
	CreatedAt time.Time
	// ExpiresAt is nil for a token that has not been rotated.
	ExpiresAt *time.Time
}

// Valid reports whether the token has not expired yet.
func (t Token) Valid(now time.Time) bool { return t.ExpiresAt == nil || now.Before(*t.ExpiresAt) }

// TokenSHA256 returns what is stored of a token, given as it stands in the URL.
func TokenSHA256(token string) [32]byte {
	var room [64]byte // for a token without a further allocation
	return sha256.Sum256(append(room[:0], token...))
}

// newToken returns 256 random bits as 43 characters that need no escape in a URL.
func newToken() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return base64.RawURLEncoding.EncodeToString(secret)
}

// RotateToken adds a new token to a source and returns it. It is not stored and cannot be shown
// again. The tokens that the source had stay valid for keep, but not beyond their own expiry; 0
// ends them at once. It returns [ErrNotFound] if there is no such source.
func (s *Store) RotateToken(
	ctx context.Context, name string, keep time.Duration, now time.Time,
) (string, error) {
	token := newToken()
	end := timestamp{now.Add(max(keep, 0))}
	err := s.changeSource(ctx, "rotate the token of", name, func(tx *sqlx.Tx, id int64) error {
		_, err := tx.ExecContext(ctx, tx.Rebind(`
			update source_tokens set expires_at = ?
			where source_id = ? and (expires_at is null or expires_at > ?)`),
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

func insertToken(
	ctx context.Context, tx *sqlx.Tx, sourceID int64, token string, now time.Time,
) error {
	digest := TokenSHA256(token)
	_, err := tx.ExecContext(ctx, tx.Rebind(`
		insert into source_tokens (sha256, source_id, created_at) values (?, ?, ?)`),
		digest[:], sourceID, timestamp{now})
	return err
}
