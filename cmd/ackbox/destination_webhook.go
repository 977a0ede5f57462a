package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"ackbox/internal/secret"
	"ackbox/relay/webhook"
)

// webhookKind posts each event to a URL.
var webhookKind = &kind{
	flags:     []string{"url", "secret", "header", "allow-private", "binary", "concurrency"},
	configure: configureWebhook,
	endpoint:  webhookEndpoint,
	open:      webhook.Open,
	newSecret: webhook.NewKey, checkSecret: checkWebhookSecret,
}

func checkWebhookSecret(text string) error {
	_, err := webhook.ParseKey(text)
	return err
}

// webhookFlags are the flags of webhooks.
type webhookFlags struct {
	Secret       *string  `placeholder:"REF" help:"What signs the events: env:NAME, file:PATH or whsec_… itself (default: one is made and printed once)."`
	Header       []string `sep:"none" placeholder:"NAME=REF" help:"Send this header, whose value is env:NAME, file:PATH or the text itself. May be repeated; NAME= removes it."`
	AllowPrivate *bool    `negatable:"" help:"Also send to addresses of private networks and of this machine."`
	Binary       *bool    `negatable:"" help:"Send the attributes of an event as headers, and the notification as the body."`
	Concurrency  *int     `placeholder:"32" help:"Send so many requests at the same time."`
}

func configureWebhook(f *kindFlags, c *configuration) error {
	var settings webhook.Settings
	if len(c.settings) > 0 {
		if err := json.Unmarshal(c.settings, &settings); err != nil {
			return fmt.Errorf("settings of webhook: %w", err)
		}
	}
	if err := f.setURL(c, &settings); err != nil {
		return err
	}
	if err := f.Webhook.setSecret(c); err != nil {
		return err
	}
	for _, header := range f.Webhook.Header {
		if err := setHeader(c, header); err != nil {
			return err
		}
	}
	set(&settings.AllowPrivate, f.Webhook.AllowPrivate)
	set(&settings.Binary, f.Webhook.Binary)
	set(&settings.Concurrency, f.Webhook.Concurrency)
	if err := settings.Validate(); err != nil {
		return err
	}
	encoded, err := json.Marshal(settings)
	c.settings = encoded
	return err
}

// set changes a setting if its flag was given.
func set[T any](setting, flag *T) {
	if flag != nil {
		*setting = *flag
	}
}

// setURL changes the URL. What is shown of it is its scheme and host, or where it is.
func (f *kindFlags) setURL(c *configuration, settings *webhook.Settings) error {
	if f.URL == nil {
		if c.secrets[secretAddress] == "" {
			return errors.New("a webhook needs --url")
		}
		return nil
	}
	text := strings.TrimSpace(*f.URL)
	c.secrets[secretAddress] = text
	if settings.Endpoint = text; secret.IsReference(text) {
		return nil // it is checked when it is read
	}
	u, err := webhook.ParseURL(text)
	if err != nil {
		return err
	}
	settings.Endpoint = u.Scheme + "://" + u.Host
	return nil
}

// setSecret sets the secret that is given. Without any, it makes one.
func (f *webhookFlags) setSecret(c *configuration) error {
	switch {
	case f.Secret != nil:
		return c.replaceSecret(*f.Secret, checkWebhookSecret)
	case c.secrets[secretKey] == "":
		c.made = webhook.NewKey()
		c.secrets[secretKey] = c.made
	}
	return nil
}

// headerName is a token by RFC 9110, section 5.6.2.
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// setHeader sets or removes a header, which is given as NAME=REF.
func setHeader(c *configuration, text string) error {
	name, value, found := strings.Cut(text, "=")
	name = http.CanonicalHeaderKey(name)
	switch {
	case !found, !headerName.MatchString(name):
		return errors.New("--header must be NAME=REF, such as Authorization=env:HOOK_TOKEN")
	case strings.ContainsAny(value, "\r\n\x00"):
		return fmt.Errorf("--header %s: the value has a line break", name)
	case value == "":
		delete(c.secrets, webhook.SecretHeader+name)
		return nil
	}
	c.secrets[webhook.SecretHeader+name] = value
	return nil
}

func webhookEndpoint(settings json.RawMessage) string {
	var s webhook.Settings
	if json.Unmarshal(settings, &s) != nil {
		return ""
	}
	return s.Endpoint
}
