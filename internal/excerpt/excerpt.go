// Package excerpt shortens foreign text for a message, so that what somebody
// else has written can't fill the screen. It is not for hiding secrets.
//
//	fmt.Errorf("there is no check %s", excerpt.Quote(name))
package excerpt

import (
	"strconv"
	"strings"
)

// inMessage is how much of a value a sentence can carry.
const inMessage = 60

// Of is the beginning of a text, of at most that many bytes. Where something
// was left out, it ends in "…".
func Of(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// Line is [Of] a text that may have several lines, made one.
func Line(s string, most int) string {
	return Of(strings.Join(strings.Fields(s), " "), most)
}

// Word is a value as a sentence shows it: as it is, or in quotes where it could
// be mistaken for more than one word.
func Word(s string) string {
	short := Of(s, inMessage)
	if strings.ContainsFunc(short, func(r rune) bool { return !strconv.IsPrint(r) || r == ' ' }) || short == "" {
		return strconv.Quote(short)
	}
	return short
}

// Quote is a value in quotes, in one line.
func Quote(s string) string { return strconv.Quote(Of(s, inMessage)) }
