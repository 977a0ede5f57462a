package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"ackbox/internal/secret"
	"ackbox/store"
)

// secretFlags hold the keys by which the secrets of destinations are encrypted.
type secretFlags struct {
	Keys string `name:"secret-key" env:"ACKBOX_SECRET_KEY" placeholder:"KEY" help:"The key that encrypts the secrets of destinations: the base64 of 32 bytes. In a rotation two, separated by a comma: the first encrypts, both decrypt (default: on SQLite, a file beside the database)."`
}

// errNoKey is the error without a key on PostgreSQL.
var errNoKey = errors.New("secrets are stored only encrypted, and " + secret.Variable + " is not set: " +
	"make a key once and give all processes the same:\n" +
	"  export " + secret.Variable + "=\"$(" + secret.MakeKey + ")\"\n" +
	"or on Heroku:\n" +
	"  heroku config:set " + secret.Variable + "=\"$(" + secret.MakeKey + ")\"\n" +
	"Keep a copy of it, but not where the backups of the database are")

// keyFile returns the file with the key of a SQLite database, "" on PostgreSQL.
func keyFile(db *store.Store) string {
	if db.File() == "" {
		return ""
	}
	return db.File() + ".key"
}

// keys returns the keys that decrypt: those of the flag, and on SQLite those of the file.
func (f *secretFlags) keys(db *store.Store) (*secret.Keys, error) {
	given, err := f.given()
	path := keyFile(db)
	switch {
	case err != nil:
		return nil, err
	case path == "" && given == nil:
		return nil, usageError{errNoKey}
	case path == "":
		return given, nil
	}
	stored, err := secret.ReadKeyFile(path)
	if given != nil && errors.Is(err, fs.ErrNotExist) {
		return given, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the key of the secrets: %w", err)
	}
	return given.And(stored), nil
}

// keysToSeal returns the keys of which the first encrypts. On SQLite without any, it makes one.
func (f *secretFlags) keysToSeal(t terminal, db *store.Store) (*secret.Keys, error) {
	if path := keyFile(db); path != "" && strings.TrimSpace(f.Keys) == "" {
		_, made, err := secret.MakeKeyFile(path)
		if err != nil {
			return nil, err
		}
		if made {
			t.say("made %s, the key of the secrets: back it up, but apart from the database", path)
		}
	}
	return f.keys(db)
}

// check returns an error if the flag has something else than keys.
func (f *secretFlags) check() error {
	_, err := f.given()
	return err
}

// given returns the keys of the flag, nil for none.
func (f *secretFlags) given() (*secret.Keys, error) {
	if strings.TrimSpace(f.Keys) == "" {
		return nil, nil
	}
	keys, err := secret.ParseKeys(f.Keys)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s or --secret-key: %w", secret.Variable, err)}
	}
	return keys, nil
}

// secretsOf decrypts the secrets of a destination: references are as they were given.
func secretsOf(d *store.Destination, keys *secret.Keys) (map[string]string, error) {
	if len(d.Secret) == 0 {
		return map[string]string{}, nil
	}
	secrets, err := keys.Open(d.Secret, ownerOf(d))
	if errors.Is(err, secret.ErrOtherKey) {
		err = fmt.Errorf("%w: add that key to %s after a comma, or set all of them again: "+
			"ackbox destination edit %s --url REF --secret REF", err, secret.Variable, d.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("secrets of destination %s: %w", d.Name, err)
	}
	return secrets, nil
}

// ownerOf returns what the secrets of a destination are bound to.
func ownerOf(d *store.Destination) string { return d.Kind + " " + d.Name }
