package simulate

import "unicode/utf8"

// appendText appends text as the content of an element. A carriage return is written as a reference, as XML would
// make a line feed of it; what XML cannot carry becomes U+FFFD.
func appendText(to []byte, text string) []byte {
	done := 0
	for i := 0; i < len(text); {
		if plainText[text[i]] {
			i++
			continue
		}
		written, size := escaped(text[i:])
		to = append(to, text[done:i]...)
		to = append(to, written...)
		i += size
		done = i
	}
	return append(to, text[done:]...)
}

// plainText has the bytes that stand for themselves and need no look at what follows.
var plainText = func() (plain [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		plain[c] = c != '<' && c != '>' && c != '&'
	}
	plain['\t'], plain['\n'] = true, true
	return plain
}()

// escaped gives what is written for the character that text begins with, and how long that is in text.
func escaped(text string) (written string, size int) {
	switch text[0] {
	case '<':
		return "&lt;", 1
	case '>':
		return "&gt;", 1
	case '&':
		return "&amp;", 1
	case '\r':
		return "&#13;", 1
	}
	r, size := utf8.DecodeRuneInString(text)
	if r == utf8.RuneError || r < ' ' || r == 0xFFFE || r == 0xFFFF {
		return "\uFFFD", size
	}
	return text[:size], size
}
