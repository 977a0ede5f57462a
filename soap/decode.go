package soap

import (
	"bytes"

	"ackbox/ledger"
)

// Decode parses the body of a POST: a SOAP 1.1 envelope in UTF-8 with one outbound message of 1 to
// [MaxNotifications] notifications. Fields of the objects in types are written with their JSON
// types, those of other objects as strings. Characters and references in the text of fields that XML
// forbids are kept and counted as oddities. The SessionId is discarded. Every error is a
// *[ParseError]. The batch does not refer to body, which may be reused.
func Decode(body []byte, types *Types) (*ledger.Batch, error) {
	d := decoders.Get().(*decoder)
	defer d.release()
	d.body, d.types = body, types
	if len(body) > maxKept { // the JSON is hardly ever larger; growing to it takes several times as much
		d.out.reserve(len(body))
	}
	if err := d.document(); err != nil {
		d.addRead(err)
		return nil, err
	}
	return d.batch(), nil
}

// decoder parses the elements of an outbound message. It writes into buffers of its own, which
// batch copies and which are reused for the next message.
type decoder struct {
	scanner
	types         *Types
	organization  text
	action        text
	notifications []notification

	texts   writer   // the ids and object types, concatenated
	out     writer   // the JSON of the fields of all records, concatenated
	wire    writer   // the content of the current record as sent, for its digest
	copied  int      // the length of out of which wire has a copy
	members []member // of the objects being written

	repeated []string // the repeated names of the object that was written last

	passedOver int // the number of elements that are not stored
}

// maxPassedOver is the maximum number of elements of a message that are not stored: those in the
// Header, and those of notifications that [decoder.passOver] reads.
const maxPassedOver = 10_000

func (d *decoder) document() *ParseError {
	if err := d.prolog(); err != nil {
		return err
	}
	if !d.startsElement() {
		return d.unexpected("a SOAP envelope is expected here")
	}
	root := d.pos
	e, err := d.start()
	if err != nil {
		return err
	}
	if e.space == spaceEnvelope12 {
		return d.failAt(root, CauseVersion, "this is a SOAP 1.2 envelope; outbound messages are SOAP 1.1")
	}
	if !d.is(e, spaceEnvelope, "Envelope") {
		return d.failAt(root, CauseShape, "the root is not the Envelope of SOAP 1.1")
	}
	if err := d.envelope(e); err != nil {
		return err
	}
	if err := d.misc(); err != nil {
		return err
	}
	if d.pos < len(d.body) {
		return d.unexpected("nothing may follow the envelope")
	}
	return nil
}

// children calls read for each child element of e and reads the end of e. Only white space and
// comments are allowed between the children.
func (d *decoder) children(
	e *element, read func(child *element, offset int) *ParseError,
) *ParseError {
	for !e.empty {
		if err := d.misc(); err != nil {
			return err
		}
		if d.at("</") {
			break
		}
		if !d.startsElement() {
			return d.unexpected("an element is expected here")
		}
		offset := d.pos
		child, err := d.start()
		if err != nil {
			return err
		}
		if err := read(child, offset); err != nil {
			return err
		}
	}
	return d.end(e)
}

// unexpected returns the error for something other than white space, a comment or an element that
// is allowed here.
func (d *decoder) unexpected(problem string) *ParseError {
	switch {
	case d.at("<!DOCTYPE"):
		return d.fail(CauseForbidden, "a DTD is not allowed in a SOAP message")
	case d.at("<?"):
		return d.fail(CauseForbidden, "a processing instruction is not allowed in a SOAP message")
	case d.pos >= len(d.body):
		return d.malformed("")
	case d.charSize() == 0:
		return d.badChar()
	case d.peek() == '<' && !d.startsElement():
		return d.malformed(problem)
	}
	return d.fail(CauseShape, problem)
}

// envelope reads the children of the Envelope: the Header, which it skips, and the Body.
func (d *decoder) envelope(e *element) *ParseError {
	header, body := false, false
	err := d.children(e, func(child *element, offset int) *ParseError {
		switch {
		case d.is(child, spaceEnvelope, "Header") && !header && !body:
			header = true
			return d.skipElement(child)
		case d.is(child, spaceEnvelope, "Body") && !body:
			body = true
			return d.bodyOf(child)
		}
		return d.failAt(offset, CauseShape,
			"an envelope has one Body, after a Header at most, and nothing else")
	})
	if err == nil && !body {
		return d.fail(CauseShape, "the envelope has no Body")
	}
	return err
}

// bodyOf reads the Body, which has one child, notifications.
func (d *decoder) bodyOf(e *element) *ParseError {
	read := false
	err := d.children(e, func(child *element, offset int) *ParseError {
		if read || !d.is(child, spaceOutbound, "notifications") {
			return d.failAt(offset, CauseShape,
				"the Body must hold one notifications element of "+OutboundNS)
		}
		read = true
		return d.messageOf(child)
	})
	if err == nil && !read {
		return d.fail(CauseShape, "the Body holds no notifications element")
	}
	return err
}

// messageOf reads the element notifications.
func (d *decoder) messageOf(e *element) *ParseError {
	err := d.children(e, func(child *element, offset int) *ParseError {
		switch {
		case d.is(child, spaceOutbound, "OrganizationId"):
			return d.once(child, offset, &d.organization)
		case d.is(child, spaceOutbound, "ActionId"):
			return d.actionOf(child, offset)
		case d.is(child, spaceOutbound, "Notification"):
			return d.notificationOf(child, offset)
		}
		return d.passOver(child, offset)
	})
	switch {
	case err != nil:
		return err
	case isBlank(d.bytesOf(d.organization)):
		return d.fail(CauseIdentity, "the message names no OrganizationId")
	case len(d.bytesOf(d.organization)) > MaxID:
		return d.fail(CauseIdentity, "the OrganizationId is longer than 255 bytes")
	case len(d.notifications) == 0:
		return d.fail(CauseCount, "the message holds no Notification")
	}
	return nil
}

// actionOf reads the ActionId.
func (d *decoder) actionOf(e *element, offset int) *ParseError {
	if err := d.once(e, offset, &d.action); err != nil {
		return err
	}
	if len(d.bytesOf(d.action)) > MaxID {
		return d.failAt(offset, CauseLimit, "the ActionId is longer than 255 bytes")
	}
	return nil
}

// notificationOf reads a Notification: its Id and its record, if any.
func (d *decoder) notificationOf(e *element, offset int) *ParseError {
	if len(d.notifications) == MaxNotifications {
		return d.failAt(offset, CauseCount, "the message holds more than 100 Notifications")
	}
	d.notifications = append(d.notifications, notification{digest: noRecord})
	n := &d.notifications[len(d.notifications)-1]
	err := d.children(e, func(child *element, offset int) *ParseError {
		switch {
		case d.is(child, spaceOutbound, "Id"):
			return d.once(child, offset, &n.id)
		case d.is(child, spaceOutbound, "sObject"):
			if n.hasRecord {
				return d.failAt(offset, CauseShape, "a Notification holds sObject twice")
			}
			n.hasRecord = true
			return d.record(child, offset, n)
		}
		return d.failAt(offset, CauseShape, "a Notification holds an Id and an sObject of "+OutboundNS+
			", and nothing else")
	})
	if err != nil {
		return err
	}
	if isBlank(d.bytesOf(n.id)) {
		return d.failAt(offset, CauseIdentity, "a Notification has no Id")
	}
	if len(d.bytesOf(n.id)) > MaxID {
		return d.failAt(offset, CauseIdentity, "the Id of a Notification is longer than 255 bytes")
	}
	return nil
}

// once reads the text of an element that must not be repeated.
func (d *decoder) once(e *element, offset int, to *text) *ParseError {
	if to.found {
		return d.failAt(offset, CauseShape, "an element that may stand once stands here again")
	}
	start := d.texts.length
	for !e.empty && !d.at("</") {
		if err := d.textPart(&d.texts, rawText); err != nil {
			return err
		}
		if d.startsElement() {
			return d.fail(CauseShape, "an id must be text")
		}
	}
	*to = d.textFrom(start)
	return d.end(e)
}

// textPart appends the next part of an element's text: a run of characters or a CDATA section. It
// skips a comment. At a start or end tag it does nothing.
func (d *decoder) textPart(to *writer, form textForm) *ParseError {
	switch {
	case d.pos >= len(d.body):
		return d.malformed("")
	case d.body[d.pos] != '<':
		return d.text(to, form)
	case d.at("</") || d.startsElement():
		return nil
	case d.at("<!--"):
		return d.comment()
	case d.at("<![CDATA["):
		return d.cdata(to, form)
	}
	return d.unexpected("text or an element is expected here")
}

// skipElement reads an element only to check that it is well-formed.
func (d *decoder) skipElement(e *element) *ParseError {
	for !e.empty && !d.at("</") {
		d.wire.cut(0)
		if err := d.textPart(&d.wire, rawText); err != nil {
			return err
		}
		if !d.startsElement() {
			continue
		}
		offset := d.pos
		child, err := d.start()
		if err != nil {
			return err
		}
		if err := d.countPassedOver(offset); err != nil {
			return err
		}
		if err := d.skipElement(child); err != nil {
			return err
		}
	}
	return d.end(e)
}

// countPassedOver counts an element that is not stored.
func (d *decoder) countPassedOver(offset int) *ParseError {
	if d.passedOver == maxPassedOver {
		return d.failAt(offset, CauseLimit, "the message has more than 10000 elements that are not stored")
	}
	d.passedOver++
	return nil
}

// messageElements are the names of the elements of notifications.
var messageElements = [...]string{
	"OrganizationId", "ActionId", "SessionId", "EnterpriseUrl", "PartnerUrl", "Notification",
}

// passOver reads an element of notifications that is not stored: SessionId, a URL, or one of an
// unknown name, which must be text. What else is in such an element, or in one that is only named
// like a known one, would be lost, and its sender would take it for received.
func (d *decoder) passOver(e *element, offset int) *ParseError {
	if err := d.countPassedOver(offset); err != nil {
		return err
	}
	local := d.written(e.local)
	for _, name := range messageElements {
		if len(local) == len(name) && bytes.EqualFold(local, []byte(name)) && !d.is(e, spaceOutbound, name) {
			return d.failAt(offset, CauseShape,
				"an element is named like one of an outbound message, in another namespace or case")
		}
	}
	for !e.empty && !d.at("</") {
		d.wire.cut(0)
		if err := d.textPart(&d.wire, rawText); err != nil {
			return err
		}
		if d.startsElement() {
			return d.fail(CauseShape, "this element must be text; the elements in it would be lost")
		}
	}
	return d.end(e)
}

func isBlank[T string | []byte](text T) bool {
	for i := range len(text) {
		if class[text[i]]&space == 0 {
			return false
		}
	}
	return true
}
