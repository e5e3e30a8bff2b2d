package tree

import (
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// A scalar without quotes and tag can be many things in YAML 1.1. The obvious
// ones are told apart here; for the rest sigs.k8s.io/yaml itself is asked.
type scalarClass uint8

const (
	isString  scalarClass = iota
	isNull                // null, ~ or nothing
	isTrue                // true, yes, on, y
	isFalse               // false, no, off, n
	isInteger             // a decimal integer that JSON writes alike
	isNumber              // a JSON number, from a JSON text
	isUnclear             // ask the library
)

// jsonNumber is the tag of numbers that come from a JSON text, where 1.0 and
// 1 are not the same. No YAML document can have it: a tag holds no NUL.
const jsonNumber = "\x00number"

func classify(n *Node) scalarClass {
	if n.Style == 0 {
		return classifyPlain(n.Value)
	}
	if n.Style&yaml.TaggedStyle == 0 {
		return isString
	}
	switch n.Tag {
	case jsonNumber:
		return isNumber
	case "!!bool", "!!int", "!!float", "!!null", "!!timestamp", "!!binary":
		return isUnclear
	}
	return isString // !!str, and whatever tags there are
}

func classifyPlain(s string) scalarClass {
	if s == "" {
		return isNull
	}
	switch s[0] {
	case 'y', 'Y', 'n', 'N', 't', 'T', 'f', 'F', 'o', 'O', '~':
		return classifyWord(s)
	case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '+', '-', '.':
		return classifyNumber(s)
	}
	return isString
}

func classifyWord(s string) scalarClass {
	switch s {
	case "~", "null", "Null", "NULL":
		return isNull
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return isTrue
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return isFalse
	}
	return isString
}

// classifyNumber looks at a scalar that starts like a number. Most of what it
// sees in manifests is a small integer, a quantity, an IP address or a date.
func classifyNumber(s string) scalarClass {
	digits, dots, letters := 0, 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digits++
		case c == '.':
			dots++
		case c == 'e' || c == 'E' || c == '_' || c == '+' || c == '-':
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			letters++
		default:
			return isString // no number has this; a time stays the string it is
		}
	}
	unsigned := strings.TrimPrefix(s, "-")
	switch {
	case digits == len(unsigned) && digits > 0 && digits <= 18 && (unsigned[0] != '0' || s == "0"):
		return isInteger
	case digits == 0 && !(dots == 1 && letters == 3), dots > 1:
		return isString // no digits: only .inf and .nan are numbers
	case letters > 0 && '1' <= s[0] && s[0] <= '9':
		return isString // 100m, 128Mi: letters need a prefix such as 0x
	}
	return isUnclear
}

// appendScalar appends a scalar as JSON.
func appendScalar(dst []byte, n *Node) ([]byte, *Error) {
	switch classify(n) {
	case isString:
		return appendString(dst, n.Value), nil
	case isNull:
		return append(dst, "null"...), nil
	case isTrue:
		return append(dst, "true"...), nil
	case isFalse:
		return append(dst, "false"...), nil
	case isInteger, isNumber:
		return append(dst, n.Value...), nil
	}
	out, err := sigsyaml.YAMLToJSON(source(n))
	if err != nil || len(out) == 0 || out[0] == '{' || out[0] == '[' {
		return dst, at(n, shown(n.Value)+" is not a value that JSON has: write it in another way, or in quotes")
	}
	return append(dst, out...), nil
}

// source is a YAML text of the scalar alone.
func source(n *Node) []byte {
	if n.Style&yaml.TaggedStyle == 0 {
		return []byte(n.Value)
	}
	return append([]byte(n.Tag+" "), appendString(nil, n.Value)...)
}

// keyText is the string that a key becomes in JSON.
func keyText(n *Node) (string, *Error) {
	if n.Kind != yaml.ScalarNode {
		return "", at(n, "a key must be text, not a list or a map")
	}
	switch classify(n) {
	case isString, isInteger:
		return n.Value, nil
	case isTrue:
		return "true", nil
	case isFalse:
		return "false", nil
	case isNull:
		return "", at(n, "a key must be text, not null")
	}
	text := append([]byte("? "), source(n)...)
	out, err := sigsyaml.YAMLToJSON(append(text, "\n: 0"...))
	var m map[string]int
	if err == nil {
		err = json.Unmarshal(out, &m)
	}
	if err != nil || len(m) != 1 {
		return "", at(n, shown(n.Value)+" can't be a key: put it in quotes")
	}
	for k := range m {
		return k, nil
	}
	return "", nil
}

func appendString(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			quoted, err := json.Marshal(s)
			if err != nil { // a string always has a JSON form
				panic(err)
			}
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// shown is a value as a message shows it: quoted, and not for pages.
func shown(s string) string {
	const most = 60
	if len(s) > most {
		cut := most
		for cut > 0 && s[cut]&0xc0 == 0x80 { // not inside a character
			cut--
		}
		s = s[:cut] + "…"
	}
	return string(appendString(nil, s))
}
