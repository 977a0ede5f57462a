package secret_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ackbox/internal/secret"
)

// keyText returns a key of 32 equal bytes.
func keyText(b byte) string {
	return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
}

func parse(tb testing.TB, text string) *secret.Keys {
	tb.Helper()
	keys, err := secret.ParseKeys(text)
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

var values = map[string]string{"url": "https://example.com/hook?token=marker", "secret": "env:HOOK"}

const owner = "webhook crm"

func TestSealedValuesAreReadByTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	keys := parse(t, keyText(1))
	sealed, err := keys.Seal(values, owner)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("marker")) || bytes.Contains(sealed, []byte("HOOK")) {
		t.Error("the values can be read without the key")
	}
	got, err := keys.Open(sealed, owner)
	if diff := cmp.Diff(values, got); diff != "" || err != nil {
		t.Errorf("got %v\n%s", err, diff)
	}
	if got, err := keys.Open(sealed, "webhook erp"); err == nil {
		t.Errorf("got %v for another owner, want an error", got)
	}
	again, err := keys.Seal(values, owner)
	if err != nil || bytes.Equal(again, sealed) {
		t.Errorf("got the same bytes a second time (%v), want another nonce", err)
	}
}

func TestEveryBitOfSealedValuesIsAuthentic(t *testing.T) {
	t.Parallel()
	keys := parse(t, keyText(1))
	sealed, err := keys.Seal(values, owner)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(sealed) {
		changed := bytes.Clone(sealed)
		changed[i/8] ^= 1 << (i % 8)
		if got, err := keys.Open(changed, owner); err == nil {
			t.Fatalf("got %v with bit %d changed, want an error", got, i)
		}
	}
	for n := range sealed {
		if _, err := keys.Open(sealed[:n], owner); err == nil {
			t.Fatalf("got no error for the first %d bytes", n)
		}
	}
}

func TestARotationReadsBothKeysAndWritesTheFirst(t *testing.T) {
	t.Parallel()
	before, after := parse(t, keyText(1)), parse(t, keyText(2))
	both := parse(t, " "+keyText(2)+" , "+keyText(1)+"\n")
	old, err := before.Seal(values, owner)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := both.Open(old, owner); err != nil || cmp.Diff(values, got) != "" {
		t.Errorf("got %v, %v with both keys", got, err)
	}
	if both.Current(old) {
		t.Error("what the second key has sealed is current, want only the first")
	}
	renewed, err := both.Seal(values, owner)
	if err != nil || !both.Current(renewed) {
		t.Errorf("got %v, current %v, want it sealed with the first", err, both.Current(renewed))
	}
	if got, err := after.Open(renewed, owner); err != nil || cmp.Diff(values, got) != "" {
		t.Errorf("got %v, %v with the new key alone", got, err)
	}
	if _, err := after.Open(old, owner); !errors.Is(err, secret.ErrOtherKey) {
		t.Errorf("got %v, want ErrOtherKey", err)
	}
}

func TestKeysThatAreNoneAreRefusedWithTheLineThatMakesOne(t *testing.T) {
	t.Parallel()
	short := base64.StdEncoding.EncodeToString([]byte("marker-of-a-short-key"))
	for _, text := range []string{"", ",", short, keyText(1) + ",", keyText(1) + "," + short, "not base64 marker"} {
		_, err := secret.ParseKeys(text)
		if err == nil || !strings.Contains(err.Error(), secret.MakeKey) {
			t.Errorf("%q: got %v, want %s in it", text, err, secret.MakeKey)
		}
		if err != nil && (strings.Contains(err.Error(), short) || strings.Contains(err.Error(), "marker")) {
			t.Errorf("the error repeats the key: %v", err)
		}
	}
}

func TestReferencesAreResolvedAndTextIsTheSecret(t *testing.T) {
	t.Setenv("SECRET_TEST", " from the environment\n")
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("from a file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"env:SECRET_TEST": "from the environment", "file:" + path: "from a file", " as it is ": " as it is ",
	} {
		if got, err := secret.Resolve(text); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
	if got := secret.Shown("env:SECRET_TEST"); got != "env:SECRET_TEST" {
		t.Errorf("got %q, want the reference", got)
	}
	if got := secret.Shown("hidden"); strings.Contains(got, "hidden") {
		t.Errorf("got %q, which shows the secret", got)
	}
}

func TestWhatAReferenceLacksIsNamed(t *testing.T) {
	t.Setenv("SECRET_EMPTY", " ")
	folder := t.TempDir()
	large := filepath.Join(folder, "large")
	if err := os.WriteFile(large, bytes.Repeat([]byte("marker"), 20_000), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"env:SECRET_EMPTY":                         "SECRET_EMPTY",
		"env:SECRET_NOT_SET":                       "SECRET_NOT_SET",
		"file:" + folder:                           folder,
		"file:" + large:                            large,
		"file:" + filepath.Join(folder, "missing"): "missing",
	} {
		_, err := secret.Resolve(text)
		if !errors.Is(err, secret.ErrMissing) || !strings.Contains(err.Error(), want) ||
			strings.Contains(err.Error(), "marker") {
			t.Errorf("%s: got %v, want ErrMissing with %s", text, err, want)
		}
	}
}

func TestAKeyFileIsMadeOnceAndPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ackbox.db.key")
	if _, err := secret.ReadKeyFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that there is none", err)
	}
	const processes = 8
	var all [processes]*secret.Keys
	made := make(chan bool, processes)
	var running sync.WaitGroup
	for i := range all {
		running.Go(func() {
			keys, isMade, err := secret.MakeKeyFile(path)
			if err != nil {
				t.Error(err)
			}
			all[i] = keys
			made <- isMade
		})
	}
	running.Wait()
	close(made)
	n := 0
	for isMade := range made {
		if isMade {
			n++
		}
	}
	if n != 1 {
		t.Errorf("got %d that have made the file, want 1", n)
	}
	sealed, err := all[0].Seal(values, owner)
	if err != nil {
		t.Fatal(err)
	}
	for _, keys := range all {
		if _, err := keys.Open(sealed, owner); err != nil {
			t.Errorf("got %v, want all to have the same key", err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("got the permissions %v, %v, want 0600", info.Mode(), err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("got the files %v, %v, want the key alone", entries, err)
	}
}

func TestADamagedKeyFileIsNotReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ackbox.db.key")
	if err := os.WriteFile(path, []byte("marker"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, made, err := secret.MakeKeyFile(path)
	if err == nil || made || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "marker") {
		t.Errorf("got %v, made %v, want an error that names the file alone", err, made)
	}
	if content, _ := os.ReadFile(path); string(content) != "marker" {
		t.Errorf("got the content %q, want the old one", content)
	}
}
