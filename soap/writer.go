package soap

import "slices"

// writer is an append-only buffer. Appending to a []byte field would cost the garbage collector's
// write barrier each time, a tenth of the decoding time under load.
type writer struct {
	buffer []byte // len is the capacity
	length int    // of the written part
}

func (w *writer) written() []byte { return w.buffer[:w.length] }

// from returns what was written from an offset on. It is valid until the next write.
func (w *writer) from(start int) []byte { return w.buffer[start:w.length] }

// cut truncates what was written to a length.
func (w *writer) cut(length int) { w.length = length }

func (w *writer) write(text []byte) {
	if len(w.buffer)-w.length < len(text) {
		w.grow(len(text))
	}
	w.length += copy(w.buffer[w.length:], text)
}

func (w *writer) writeString(text string) {
	if len(w.buffer)-w.length < len(text) {
		w.grow(len(text))
	}
	w.length += copy(w.buffer[w.length:], text)
}

func (w *writer) writeByte(c byte) {
	if len(w.buffer) == w.length {
		w.grow(1)
	}
	w.buffer[w.length] = c
	w.length++
}

// writeName writes the name of a member of a JSON object, and the colon.
func (w *writer) writeName(name []byte) {
	n := len(name) + len(`"":`)
	if len(w.buffer)-w.length < n {
		w.grow(n)
	}
	to := w.buffer[w.length : w.length+n]
	to[0] = '"'
	copy(to[1:], name)
	to[n-2], to[n-1] = '"', ':'
	w.length += n
}

// reserve makes room for n bytes at once, and for no more.
func (w *writer) reserve(n int) {
	if len(w.buffer) < n {
		w.buffer = append(make([]byte, 0, n), w.written()...)[:n]
	}
}

// grow makes room for n more bytes, and for further ones in advance, as append does.
func (w *writer) grow(n int) {
	larger := slices.Grow(w.buffer[:w.length], n)
	w.buffer = larger[:cap(larger)]
}
