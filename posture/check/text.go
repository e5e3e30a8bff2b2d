package check

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sentence makes a sentence of an error's text.
func Sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + strings.TrimSuffix(s[n:], ".") + "."
}

// OrUnset is the value of a field that may be empty.
func OrUnset(s string) string {
	if s == "" {
		return Unset
	}
	return s
}

// Bool is the value of a field that may be unset.
func Bool(b *bool) string {
	if b == nil {
		return Unset
	}
	return strconv.FormatBool(*b)
}

// Int is the value of a field that may be unset.
func Int[T ~int32 | ~int64](i *T) string {
	if i == nil {
		return Unset
	}
	return strconv.FormatInt(int64(*i), 10)
}

// String is the value of a field that may be unset.
func String(s *string) string {
	if s == nil {
		return Unset
	}
	return OrUnset(*s)
}
