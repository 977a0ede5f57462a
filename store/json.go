package store

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"time"

	"ackbox/ledger"
)

// The JSON of this package's types is defined here, once for the export, the lists of the commands,
// the relay and the API.

// MarshalJSON writes the notification as in the export. Text stays as sent: <, > and & are not
// escaped unless the surrounding encoder escapes them.
func (n Notification) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		ID             int64             `json:"id"`
		Source         string            `json:"source"`
		OrganizationID string            `json:"organization_id"`
		ActionID       string            `json:"action_id"`
		NotificationID string            `json:"notification_id"`
		Revision       int               `json:"revision"`
		ObjectType     *string           `json:"object_type"`
		RecordID       *string           `json:"record_id"`
		Fields         json.RawMessage   `json:"fields"`
		ReceivedAt     string            `json:"received_at"`
		Intake         ledger.Intake     `json:"intake"`
		Operation      *ledger.Operation `json:"operation"`
		ChangedAt      *string           `json:"changed_at"`
	}{
		n.ID, n.Source, n.OrganizationID, n.ActionID, n.NotificationID, n.Revision, n.ObjectType,
		n.RecordID, n.Fields, ledger.FormatTime(n.ReceivedAt), n.Intake, n.Operation,
		formatOptional(n.ChangedAt),
	})
}

// MarshalJSON writes the refusal as ackbox refusals lists it.
func (r Refusal) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		ID             int64  `json:"id"`
		Source         string `json:"source"`
		OrganizationID string `json:"organization_id"`
		ActionID       string `json:"action_id"`
		ObjectType     string `json:"object_type"`
		Notifications  int    `json:"notifications"`
		Cause          string `json:"cause"`
		Status         int    `json:"status"`
		Reported       bool   `json:"reported"`
		Detail         string `json:"detail"`
		Line           int    `json:"line"`
		Column         int    `json:"column"`
		Size           int64  `json:"size"`
		RequestID      string `json:"request_id"`
		RemoteAddr     string `json:"remote_addr"`
		RefusedAt      string `json:"refused_at"`
	}{
		r.ID, r.Source, r.OrganizationID, r.ActionID, r.ObjectType, r.Notifications, r.Cause, r.Status, r.Reported,
		r.Detail, r.Line, r.Column, r.Size, r.RequestID, r.RemoteAddr, ledger.FormatTime(r.At),
	})
}

// MarshalJSON writes the count as ackbox refusals --counts lists it.
func (c RefusalCount) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		Day      string `json:"day"`
		Source   string `json:"source"`
		Cause    string `json:"cause"`
		Status   int    `json:"status"`
		Reported bool   `json:"reported"`
		Refusals int64  `json:"refusals"`
	}{c.Day.Format(time.DateOnly), c.Source, c.Cause, c.Status, c.Reported, c.Refusals})
}

// MarshalJSON writes the source as ackbox source list does: without its tokens, but with the number
// of those whose URLs work now.
func (s Source) MarshalJSON() ([]byte, error) {
	urls, oldEnds := s.URLs(time.Now())
	return marshal(struct {
		Name          string     `json:"name"`
		Enabled       bool       `json:"enabled"`
		Organizations []string   `json:"organizations"`
		URLs          int        `json:"urls"`
		OldURLEnds    *time.Time `json:"old_url_ends"`
		CreatedAt     time.Time  `json:"created_at"`
	}{s.Name, s.DisabledAt == nil, append([]string{}, s.Organizations...), urls, oldEnds, s.CreatedAt})
}

// MarshalJSON writes the replay as ackbox replay lists it.
func (r Replay) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		ID        int64       `json:"id"`
		State     ReplayState `json:"state"`
		Selection Selection   `json:"selection"`
		Total     int64       `json:"total"`
		Delivered int64       `json:"delivered"`
		Filtered  int64       `json:"filtered"`
		Skipped   int64       `json:"skipped"`
		Failed    int64       `json:"failed"`
		Cursor    int64       `json:"cursor"`
		To        int64       `json:"to"`
		Rate      int         `json:"rate"`
		Reason    string      `json:"reason"`
		By        string      `json:"by"`
		CreatedAt string      `json:"created_at"`
		EndedAt   *string     `json:"ended_at"`
	}{
		r.ID, r.State, r.Selection, r.Total, r.Delivered, r.Filtered, r.Skipped, r.Failed, r.Cursor, r.To,
		r.Rate, r.Reason, r.By, ledger.FormatTime(r.CreatedAt), formatOptional(r.EndedAt),
	})
}

// MarshalJSON writes the certificate as ackbox certificates lists it, with the number of days left.
func (c ClientCertificate) MarshalJSON() ([]byte, error) {
	return marshal(struct {
		Source      string `json:"source"`
		Subject     string `json:"subject"`
		Issuer      string `json:"issuer"`
		Fingerprint string `json:"fingerprint"`
		NotBefore   string `json:"not_before"`
		NotAfter    string `json:"not_after"`
		DaysLeft    int    `json:"days_left"`
		FirstSeen   string `json:"first_seen"`
		LastSeen    string `json:"last_seen"`
		Verdict     string `json:"verdict"`
		Chain       string `json:"chain"`
	}{
		c.Source, c.Subject, c.Issuer, hex.EncodeToString(c.SHA256[:]), ledger.FormatTime(c.NotBefore),
		ledger.FormatTime(c.NotAfter), c.DaysLeft(time.Now()), ledger.FormatTime(c.FirstSeen),
		ledger.FormatTime(c.LastSeen), c.Verdict(), c.Chain,
	})
}

// URLs returns how many URLs of the source work at now, and when the last of the rotated ones
// expires, or nil if there is none.
func (s Source) URLs(now time.Time) (urls int, oldEnds *time.Time) {
	for _, token := range s.Tokens {
		if !token.Valid(now) {
			continue
		}
		urls++
		if end := token.ExpiresAt; end != nil && (oldEnds == nil || end.After(*oldEnds)) {
			oldEnds = end
		}
	}
	return urls, oldEnds
}

// DaysLeft returns the number of whole days until the certificate expires; it is below 0 if the
// certificate has expired.
func (c ClientCertificate) DaysLeft(now time.Time) int {
	return int(math.Floor(float64(c.NotAfter.Unix()-now.Unix()) / (24 * 60 * 60)))
}

// Verdict returns "accepted", or the problem of a certificate that was not accepted.
func (c ClientCertificate) Verdict() string {
	if c.Problem == "" {
		return "accepted"
	}
	return c.Problem
}

func formatOptional(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := ledger.FormatTime(*t)
	return &text
}

// marshal returns v as JSON without HTML escapes: adding them is up to the surrounding encoder.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return escapeLines(bytes.TrimRight(b.Bytes(), "\n")), nil
}

// escapeLines escapes U+0085, U+2028 and U+2029 in JSON, where they occur in strings only. Some
// readers of lines take them for the end of one. encoding/json leaves them in a json.RawMessage.
func escapeLines(text []byte) []byte {
	for raw, escaped := range map[string]string{
		"\u0085": `\u0085`, "\u2028": `\u2028`, "\u2029": `\u2029`,
	} {
		text = bytes.ReplaceAll(text, []byte(raw), []byte(escaped))
	}
	return text
}
