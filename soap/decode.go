package soap

import "ackbox/ledger"

// Decode reads the body of a POST, a SOAP 1.1 envelope in UTF-8 with one outbound message of 1 to [MaxNotifications]
// notifications. The fields of the objects that types know get their JSON types. A SessionId is not kept. Every error is
// a *[ParseError]. The body may be used again afterwards: nothing of the batch points into it.
func Decode(body []byte, types *Types) (*ledger.Batch, error) {
	d := decoders.Get().(*decoder)
	defer d.release()
	d.body, d.types = body, types
	if err := d.document(); err != nil {
		return nil, err
	}
	return d.batch(), nil
}

// decoder knows the elements of an outbound message and their order. What it writes is its own, and is used again for
// the next message, after batch has made copies of the size that is needed.
type decoder struct {
	scanner
	types         *Types
	organization  text
	action        text
	notifications []notification

	texts   writer   // of the ids and types, one after the other
	out     writer   // the JSON of all records' fields, one after the other
	wire    writer   // the content of the record being read, as sent: what its digest is made of
	members []member // of the objects being written

	repeated []string // the names that the object written last had several times
}

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

// children calls read for each child element of e, up to its end. Between them only white space and comments may stand.
func (d *decoder) children(e *element, read func(child *element, offset int) *ParseError) *ParseError {
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

// unexpected is the error for what is neither white space, a comment nor an element that belongs here.
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

// envelope reads Header, which is passed over, and Body.
func (d *decoder) envelope(e *element) *ParseError {
	header, body := false, false
	err := d.children(e, func(child *element, offset int) *ParseError {
		switch {
		case d.is(child, spaceEnvelope, "Header") && !header && !body:
			header = true
			return d.passOver(child)
		case d.is(child, spaceEnvelope, "Body") && !body:
			body = true
			return d.bodyOf(child)
		}
		return d.failAt(offset, CauseShape, "an envelope has one Body, after a Header at most, and nothing else")
	})
	if err == nil && !body {
		return d.fail(CauseShape, "the envelope has no Body")
	}
	return err
}

// bodyOf reads the Body, whose one element is notifications.
func (d *decoder) bodyOf(e *element) *ParseError {
	read := false
	err := d.children(e, func(child *element, offset int) *ParseError {
		if read || !d.is(child, spaceOutbound, "notifications") {
			return d.failAt(offset, CauseShape, "the Body must hold one notifications element of "+OutboundNS)
		}
		read = true
		return d.messageOf(child)
	})
	if err == nil && !read {
		return d.fail(CauseShape, "the Body holds no notifications element")
	}
	return err
}

// messageOf reads notifications, the one message of the envelope. Elements that it does not know are passed over, as is
// SessionId.
func (d *decoder) messageOf(e *element) *ParseError {
	err := d.children(e, func(child *element, offset int) *ParseError {
		switch {
		case d.is(child, spaceOutbound, "OrganizationId"):
			return d.once(child, offset, &d.organization)
		case d.is(child, spaceOutbound, "ActionId"):
			return d.once(child, offset, &d.action)
		case d.is(child, spaceOutbound, "Notification"):
			return d.notificationOf(child, offset)
		}
		return d.passOver(child)
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

// notificationOf reads one Notification: its Id and its record, if it has one.
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
			return d.record(child, n)
		}
		return d.passOver(child)
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

// once reads the text of an element that may come one time only.
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

// textPart appends what comes next of an element's text: a run of characters, a CDATA section or, to no effect, a
// comment. At a start or an end tag it does nothing.
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

// passOver reads an element that nobody asked for, for its form only.
func (d *decoder) passOver(e *element) *ParseError {
	for !e.empty && !d.at("</") {
		d.wire.cut(0)
		if err := d.textPart(&d.wire, rawText); err != nil {
			return err
		}
		if !d.startsElement() {
			continue
		}
		child, err := d.start()
		if err != nil {
			return err
		}
		if err := d.passOver(child); err != nil {
			return err
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
