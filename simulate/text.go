package simulate

import "unicode/utf8"

// appendText appends text as the content of an element. It writes a carriage return as a reference,
// because an XML parser would turn it into a line feed, and replaces what XML cannot contain by
// U+FFFD.
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

// plainText reports for each byte whether it is written as it is, regardless of what follows.
var plainText = func() (plain [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		plain[c] = c != '<' && c != '>' && c != '&'
	}
	plain['\t'], plain['\n'] = true, true
	return plain
}()

// escaped returns what is written for the first character of text, and the length of that character
// in text.
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
