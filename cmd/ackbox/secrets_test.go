package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"ackbox/store/storetest"
)

// otherKey is a second key.
var otherKey = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{8}, 32))

// with runs a subcommand of destination with a key.
func (r *rig) with(key string, args ...string) result {
	r.t.Helper()
	return r.on(append(append([]string{"destination"}, args...), "--secret-key", key)...)
}

func TestTheKeyIsChangedWithoutALoss(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		secret := r.add("hook")
		if got := r.with(otherKey, "test", "hook"); got.code != exitFailed || !strings.Contains(got.err, "another key") {
			t.Errorf("got %+v, want that the key is another", got)
		}
		r.ok(r.with(otherKey+","+testKey, "test", "hook"))
		r.ok(r.with(otherKey+","+testKey, "reencrypt"))
		r.hook.take()
		r.ok(r.with(otherKey, "test", "hook"))
		if got := r.hook.take(); len(got) != 1 || !got[0].signedBy(t, secret) {
			t.Errorf("got %+v, want an event that is signed as before", got)
		}
		if got := r.with(testKey, "test", "hook"); got.code != exitFailed {
			t.Errorf("got %+v with the old key, want that it is of no use any more", got)
		}
		r.requireNoSecrets(secret)
	})
}

func TestSecretsAreSetAgainWhenTheKeyIsLost(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.Database) {
		r := newRig(t, db)
		r.add("hook")
		if got := r.with(otherKey, "edit", "hook", "--url", r.hook.url); got.code != exitFailed ||
			!strings.Contains(got.err, "--secret REF") {
			t.Errorf("got %+v, want what must be given", got)
		}
		r.hook.take()
		next := "whsec_" + otherKey
		r.ok(r.with(otherKey, "edit", "hook", "--url", r.hook.url, "--secret", next))
		if got := r.hook.take(); len(got) != 1 || !got[0].signedBy(t, next) {
			t.Errorf("got %+v, want a test event with the new secret", got)
		}
	})
}

func TestSQLiteHasItsKeyBesideTheFile(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.New(t, "sqlite"))
	path := strings.TrimPrefix(r.db.URL, "sqlite:") + ".key"
	if _, err := os.Stat(path); err == nil {
		t.Fatal("there is a key before one is needed")
	}
	got := r.ok(r.on("destination", "add", "hook", "--kind", "webhook", "--url", r.hook.url, "--allow-private"))
	if !strings.Contains(got.err, path) {
		t.Errorf("got %q, want the path of the key", got.err)
	}
	r.ok(r.on("destination", "test", "hook"))
	r.ok(r.with(testKey, "test", "hook")) // the key of the file decrypts, too
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.printed.String(), strings.TrimSpace(string(content))) {
		t.Error("the key was printed")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := r.on("destination", "test", "hook"); got.code != exitFailed || !strings.Contains(got.err, path) {
		t.Errorf("got %+v without the key, want its path", got)
	}
}

func TestReferencesAreReadWhenTheyAreUsed(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.New(t, "sqlite"))
	url, header := t.TempDir()+"/url", t.TempDir()+"/header"
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(url, r.hook.url)
	write(header, "FirstMarker")
	r.ok(r.destination("add", "hook", "--kind", "webhook", "--url", "file:"+url, "--allow-private",
		"--header", "X-Token=file:"+header))
	write(header, "SecondMarker")
	r.ok(r.destination("test", "hook"))
	got := r.hook.take()
	if len(got) != 2 || got[0].header.Get("X-Token") != "FirstMarker" || got[1].header.Get("X-Token") != "SecondMarker" {
		t.Errorf("got %+v, want the value of each time", got)
	}
	shown := r.ok(r.destination("show", "hook")).out
	if !strings.Contains(shown, "file:"+url) || !strings.Contains(shown, "file:"+header) {
		t.Errorf("got %s, want the paths", shown)
	}
	r.ok(r.destination("edit", "hook", "--header", "x-token=", "--no-test"))
	r.ok(r.destination("test", "hook"))
	if got := r.hook.take(); len(got) != 1 || got[0].header.Get("X-Token") != "" {
		t.Errorf("got %+v, want no header any more", got)
	}
	if strings.Contains(r.printed.String(), "Marker") {
		t.Error("a secret was printed")
	}
}
