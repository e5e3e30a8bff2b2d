package check

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// sentence makes a sentence of an error's text.
func sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + strings.TrimSuffix(s[n:], ".") + "."
}

func orUnset(s string) string {
	if s == "" {
		return Unset
	}
	return s
}

func boolValue(b *bool) string {
	if b == nil {
		return Unset
	}
	return strconv.FormatBool(*b)
}

func intValue(i *int64) string {
	if i == nil {
		return Unset
	}
	return strconv.FormatInt(*i, 10)
}

func stringValue(s *string) string {
	if s == nil {
		return Unset
	}
	return orUnset(*s)
}
