package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// keyPrefix is what the text of a key begins with.
const keyPrefix = "whsec_"

// The sizes of a key in bytes, by the specification.
const (
	minKey = 24
	maxKey = 64
	newKey = 32
)

// NewKey returns the text of a new random key.
func NewKey() string {
	key := make([]byte, newKey)
	_, _ = rand.Read(key) // it never fails
	return keyPrefix + base64.StdEncoding.EncodeToString(key)
}

// ParseKey returns the bytes of a key. Its error does not contain the text.
func ParseKey(text string) ([]byte, error) {
	encoded, found := strings.CutPrefix(text, keyPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !found || err != nil || len(key) < minKey || len(key) > maxKey {
		return nil, errors.New("the secret of a webhook is whsec_ and the base64 of 24 to 64 bytes; " +
			"without --secret one is made")
	}
	return key, nil
}

// sign sets the headers by which the receiver recognizes a message: its id, the time of the attempt
// in seconds, and a signature for each key.
func sign(h http.Header, keys [][]byte, id string, now time.Time, body []byte) {
	stamp := strconv.FormatInt(now.Unix(), 10)
	h["webhook-id"] = []string{id}
	h["webhook-timestamp"] = []string{stamp}
	signatures := make([]string, len(keys))
	for i, key := range keys {
		signatures[i] = Signature(key, id, stamp, body)
	}
	if len(signatures) > 0 {
		h["webhook-signature"] = []string{strings.Join(signatures, " ")}
	}
}

// Signature returns the signature of a message by a key, in the version v1.
func Signature(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
