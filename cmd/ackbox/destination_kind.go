package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"ackbox/internal/secret"
	"ackbox/relay"
	"ackbox/store"
)

// kind is one way in which destinations get events.
type kind struct {
	// flags are the names of those that it has beside those of all destinations.
	flags []string
	// configure changes the settings and secrets of a destination as its flags say. Flags that were
	// not given are nil.
	configure func(f *kindFlags, c *configuration) error
	// endpoint returns what to show of where the events go, by the settings.
	endpoint func(settings json.RawMessage) string
	open     func(c relay.Config) (relay.Sender, error)
	// newSecret makes a secret that the receiver is told, and checkSecret checks one. They are nil if
	// the kind has none to rotate. It is the one called secretKey.
	newSecret   func() string
	checkSecret func(text string) error
}

// The names of secrets that all kinds with a secret to rotate have.
const (
	secretKey     = "secret"
	secretBefore  = "previous_secret" // valid until secretUntil
	secretUntil   = "previous_until"  // a time by RFC 3339
	secretAddress = "url"
)

// kinds are all kinds by their names.
var kinds = map[string]*kind{"webhook": webhookKind}

// kindFlags are the flags of all kinds.
type kindFlags struct {
	URL     *string      `placeholder:"URL" help:"Where the events go: a URL, which is stored encrypted, or env:NAME or file:PATH for where it is."`
	Webhook webhookFlags `embed:"" group:"Webhooks:"`
}

// configuration is what is stored of a destination for its kind.
type configuration struct {
	settings json.RawMessage
	secrets  map[string]string
	// made is a secret that was made just now, "" for none.
	made string
}

// kindNamed returns the kind with a name.
func kindNamed(name string) (*kind, error) {
	if k := kinds[name]; k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("kind %q is not one of this version of ackbox; it has %s", name,
		strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
}

// checkFlags returns an error for a flag that was given and belongs to other kinds.
func (k *kind) checkFlags(name string, command *kong.Context) error {
	for _, part := range command.Path {
		if part.Flag == nil || slices.Contains(k.flags, part.Flag.Name) {
			continue
		}
		for _, other := range kinds {
			if slices.Contains(other.flags, part.Flag.Name) {
				return usageError{fmt.Errorf("--%s is not for destinations of the kind %s", part.Flag.Name, name)}
			}
		}
	}
	return nil
}

// endpointOf returns what to show of where the events go.
func endpointOf(d *store.Destination) string {
	k, err := kindNamed(d.Kind)
	if err != nil {
		return ""
	}
	return k.endpoint(d.Settings)
}

// configurationOf returns the present configuration of a destination.
func configurationOf(d *store.Destination, keys *secret.Keys) (*configuration, error) {
	secrets, err := secretsOf(d, keys)
	if err != nil {
		return nil, err
	}
	return &configuration{settings: d.Settings, secrets: secrets}, nil
}

// seal encrypts the secrets of a configuration for a destination. A secret that is not valid any
// more is left out.
func (c *configuration) seal(d *store.Destination, keys *secret.Keys) error {
	if until := c.previousUntil(); !until.IsZero() && !time.Now().Before(until) {
		delete(c.secrets, secretBefore)
		delete(c.secrets, secretUntil)
	}
	d.Settings, d.Secret = c.settings, nil
	if len(c.secrets) == 0 {
		return nil
	}
	sealed, err := keys.Seal(c.secrets, ownerOf(d))
	d.Secret = sealed
	return err
}

// replaceSecret sets a secret, which ends the others.
func (c *configuration) replaceSecret(text string, check func(string) error) error {
	text = strings.TrimSpace(text)
	if !secret.IsReference(text) {
		if err := check(text); err != nil {
			return err
		}
	}
	c.secrets[secretKey] = text
	delete(c.secrets, secretBefore)
	delete(c.secrets, secretUntil)
	return nil
}

// previousUntil returns until when the secret before the present one is valid, the zero time if
// there is none.
func (c *configuration) previousUntil() time.Time {
	until, err := time.Parse(time.RFC3339, c.secrets[secretUntil])
	if err != nil || c.secrets[secretBefore] == "" {
		return time.Time{}
	}
	return until
}

// open returns a sender with the secrets that the configuration refers to.
func (c *configuration) open(d *store.Destination) (relay.Sender, error) {
	k, err := kindNamed(d.Kind)
	if err != nil {
		return nil, err
	}
	until := c.previousUntil()
	if !time.Now().Before(until) { // or there is none
		return c.openWith(k, d, false)
	}
	both, err := c.openWith(k, d, true)
	if err != nil {
		return nil, err
	}
	later, err := c.openWith(k, d, false)
	if err != nil {
		_ = both.Close() // the error that counts is the other one
		return nil, err
	}
	return &rotatedSender{both, later, until}, nil
}

// openWith returns a sender, with or without the secret before the present one.
func (c *configuration) openWith(k *kind, d *store.Destination, previous bool) (relay.Sender, error) {
	config := relay.Config{Name: d.Name, Settings: c.settings, Secrets: map[string]string{}}
	for name, text := range c.secrets {
		if name == secretUntil || name == secretBefore && !previous {
			continue
		}
		value, err := secret.Resolve(text)
		if err != nil {
			return nil, fmt.Errorf("%s of destination %s: %w", name, d.Name, err)
		}
		config.Secrets[name] = value
	}
	return k.open(config)
}
