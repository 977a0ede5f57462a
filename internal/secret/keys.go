package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Variable is the environment variable with the keys.
const Variable = "ACKBOX_SECRET_KEY"

// MakeKey is the command that prints a new key.
const MakeKey = "openssl rand -base64 32"

const keySize = 32

// Keys encrypt and decrypt secrets by AES-256-GCM. The first of them encrypts, all of them decrypt.
type Keys struct{ all []key }

// key is one key. Its id, which says what was encrypted with it, is derived from it.
type key struct {
	id   [keyIDSize]byte
	aead cipher.AEAD
}

const keyIDSize = 8

// ErrOtherKey means that secrets were encrypted with a key that is not among those that are given.
var ErrOtherKey = errors.New("the secrets are encrypted with another key")

// errKeys never repeats what was given.
var errKeys = errors.New("a key is the base64 of 32 bytes, as " + MakeKey + " prints it; " +
	"two of them are separated by a comma")

// ParseKeys parses keys: each is 32 bytes in base64, and several are separated by commas.
func ParseKeys(text string) (*Keys, error) {
	keys := &Keys{}
	for part := range strings.SplitSeq(text, ",") {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(part))
		if err != nil || len(raw) != keySize {
			return nil, errKeys
		}
		k, err := newKey(raw)
		if err != nil {
			return nil, err
		}
		keys.all = append(keys.all, k)
	}
	return keys, nil
}

func newKey(raw []byte) (k key, err error) {
	block, err := aes.NewCipher(raw)
	if err == nil {
		k.aead, err = cipher.NewGCM(block)
	}
	if err != nil {
		return key{}, fmt.Errorf("use key: %w", err)
	}
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte("ackbox key id"))
	copy(k.id[:], mac.Sum(nil))
	return k, nil
}

// version is the first byte of what is sealed: the id of the key follows, then the nonce, then the
// JSON of the values, encrypted.
const version = 1

// Seal encrypts values for an owner. Only for the same owner can they be decrypted again, so that
// nobody who can write to the database gives one destination the secrets of another.
func (k *Keys) Seal(values map[string]string, owner string) ([]byte, error) {
	text, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("seal secrets: %w", err)
	}
	first := k.all[0]
	sealed := append([]byte{version}, first.id[:]...)
	nonce := make([]byte, first.aead.NonceSize())
	_, _ = rand.Read(nonce) // it never fails
	sealed = append(sealed, nonce...)
	return first.aead.Seal(sealed, nonce, text, associated(sealed, owner)), nil
}

// Open decrypts what was sealed for an owner. It returns [ErrOtherKey] without the key for it.
func (k *Keys) Open(sealed []byte, owner string) (map[string]string, error) {
	used, err := k.of(sealed)
	if err != nil {
		return nil, err
	}
	const begin = 1 + keyIDSize
	end := begin + used.aead.NonceSize()
	if len(sealed) < end {
		return nil, errDamaged
	}
	text, err := used.aead.Open(nil, sealed[begin:end], sealed[end:], associated(sealed, owner))
	if err != nil {
		return nil, errDamaged
	}
	values := map[string]string{}
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, errDamaged // the error might repeat a value
	}
	return values, nil
}

var errDamaged = errors.New("the encrypted secrets are damaged, or belong to another destination: set them again")

// of returns the key that something was sealed with.
func (k *Keys) of(sealed []byte) (key, error) {
	switch {
	case len(sealed) < 1+keyIDSize:
		return key{}, errDamaged
	case sealed[0] != version:
		return key{}, errors.New("the secrets were encrypted by a newer version of ackbox: update it")
	}
	for _, candidate := range k.all {
		if candidate.id == [keyIDSize]byte(sealed[1:]) {
			return candidate, nil
		}
	}
	return key{}, ErrOtherKey
}

// Current reports whether something was sealed with the first of the keys.
func (k *Keys) Current(sealed []byte) bool {
	used, err := k.of(sealed)
	return err == nil && used.id == k.all[0].id
}

// associated returns what is authenticated beside the values: the version, the key and the owner.
func associated(sealed []byte, owner string) []byte {
	return append(sealed[:1+keyIDSize:1+keyIDSize], owner...)
}

// And returns keys that decrypt what either of two decrypts, and encrypt as the first of them. The
// first may be nil.
func (k *Keys) And(others *Keys) *Keys {
	if k == nil {
		return others
	}
	return &Keys{append(k.all[:len(k.all):len(k.all)], others.all...)}
}
