package kube

import (
	"bytes"
	"fmt"
	"iter"

	"google.golang.org/protobuf/encoding/protowire"
)

const protobufType = "application/vnd.kubernetes.protobuf"

// Page is a part of a list. It and its items are valid until the next page is asked for.
type Page struct {
	// Continue is the server's mark for what comes after; empty on the last page.
	Continue string
	// ResourceVersion is the moment that the page shows.
	ResourceVersion string
	// Remaining is how many items come after this page, where the server says so.
	Remaining int64
	// Inconsistent: this page shows another moment than the first did, so
	// objects may have come and gone in between.
	Inconsistent bool

	list []byte // the list message; its items are slices of it
	len  int
	last []byte // the last item
	// after, where set, is the last object handed out before the list was
	// started again; it and what comes before it are passed over.
	after *key
}

// Len is the number of items.
func (p *Page) Len() int { return p.len }

// Items yields each object as protobuf, without envelope: what Pod.Unmarshal
// takes. The bytes must not be changed, nor kept.
func (p *Page) Items() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := p.list; len(rest) > 0; {
			e, n := take(rest)
			if n < 0 {
				return // can't be: parsePage has been through it
			}
			rest = rest[n:]
			if e.num == listItems && !p.skips(e.value) && !yield(e.value) {
				return
			}
		}
	}
}

// skips says whether an item was handed out before.
func (p *Page) skips(item []byte) bool {
	if p.after == nil {
		return false
	}
	namespace, name, _ := ObjectKey(item)
	return CompareKeys(namespace, name, p.after.namespace, p.after.name) <= 0
}

// Field numbers, the same in every list and object of the API.
const (
	unknownTypeMeta, unknownRaw, unknownEncoding = 1, 2, 3
	typeMetaKind                                 = 2
	listMeta, listItems                          = 1, 2
	metaResourceVersion, metaContinue, metaLeft  = 2, 3, 4
	objectMeta, metaName, metaNamespace          = 1, 1, 3
)

var envelopeMark = []byte("k8s\x00")

// openEnvelope takes off what the API server puts around every protobuf message.
func openEnvelope(b []byte) (raw []byte, kind string, err error) {
	b, ok := bytes.CutPrefix(b, envelopeMark)
	if !ok {
		return nil, "", &malformedError{"it is not Kubernetes protobuf"}
	}
	var typeMeta, encoding []byte
	for len(b) > 0 {
		e, n := take(b)
		if n < 0 {
			return nil, "", cutOff("envelope", n)
		}
		b = b[n:]
		switch {
		case e.text(unknownTypeMeta):
			typeMeta = e.value
		case e.text(unknownRaw):
			raw = e.value
		case e.text(unknownEncoding):
			encoding = e.value
		}
	}
	if len(raw) == 0 {
		// Even an empty list says of which moment it is. Without this, an answer
		// cut off in the wrong place would look like a list of nothing.
		return nil, "", &malformedError{"it ends after its envelope"}
	}
	if len(encoding) > 0 {
		return nil, "", &malformedError{fmt.Sprintf("it is packed as %q", encoding)}
	}
	for len(typeMeta) > 0 {
		e, n := take(typeMeta)
		if n < 0 {
			return nil, "", cutOff("type", n)
		}
		typeMeta = typeMeta[n:]
		if e.text(typeMetaKind) {
			kind = string(e.value)
		}
	}
	return raw, kind, nil
}

// parsePage goes once through a whole page, so that what is handed out is known to be whole.
func parsePage(body []byte, kind string) (*Page, error) {
	raw, got, err := openEnvelope(body)
	if err != nil {
		return nil, err
	}
	if got != kind {
		return nil, &malformedError{fmt.Sprintf("asked for a %s, got a %q", kind, got)}
	}
	p := &Page{}
	if err := p.parseList(raw); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Page) parseList(raw []byte) error {
	p.list = raw
	for rest := raw; len(rest) > 0; {
		e, n := take(rest)
		if n < 0 {
			return cutOff("list", n)
		}
		rest = rest[n:]
		switch {
		case e.text(listMeta):
			if err := p.parseMeta(e.value); err != nil {
				return err
			}
		case e.text(listItems):
			p.len++
			p.last = e.value
		case e.num == listMeta || e.num == listItems:
			return &malformedError{"list: metadata or item is not a message"}
		}
	}
	return nil
}

func (p *Page) parseMeta(b []byte) error {
	for len(b) > 0 {
		e, n := take(b)
		if n < 0 {
			return cutOff("list metadata", n)
		}
		b = b[n:]
		switch {
		case e.text(metaResourceVersion):
			p.ResourceVersion = string(e.value)
		case e.text(metaContinue):
			p.Continue = string(e.value)
		case e.num == metaResourceVersion || e.num == metaContinue:
			return &malformedError{"list metadata: the mark for the next page is not a text"}
		case e.num == metaLeft && e.typ == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(e.value)
			p.Remaining = int64(v)
		}
	}
	return nil
}

// ObjectKey reads namespace and name of an object without decoding the rest.
func ObjectKey(object []byte) (namespace, name string, err error) {
	for len(object) > 0 {
		e, n := take(object)
		if n < 0 {
			return "", "", cutOff("object", n)
		}
		object = object[n:]
		if !e.text(objectMeta) {
			continue
		}
		for meta := e.value; len(meta) > 0; {
			e, n := take(meta)
			if n < 0 {
				return "", "", cutOff("object metadata", n)
			}
			meta = meta[n:]
			switch {
			case e.text(metaName):
				name = string(e.value)
			case e.text(metaNamespace):
				namespace = string(e.value)
			}
		}
	}
	return namespace, name, nil
}

// element is one field of a message.
type element struct {
	num   protowire.Number
	typ   protowire.Type
	value []byte // without its length, where it has one
}

// text says whether the element is that field, holding bytes, a text or a message.
func (e *element) text(num protowire.Number) bool {
	return e.num == num && e.typ == protowire.BytesType
}

// take takes the first field off a message; n is the bytes it takes, negative when it is broken.
func take(b []byte) (e element, n int) {
	num, typ, tag := protowire.ConsumeTag(b)
	if tag < 0 {
		return e, tag
	}
	e.num, e.typ = num, typ
	if typ == protowire.BytesType {
		e.value, n = protowire.ConsumeBytes(b[tag:])
	} else if n = protowire.ConsumeFieldValue(num, typ, b[tag:]); n >= 0 {
		e.value = b[tag : tag+n]
	}
	if n < 0 {
		return e, n
	}
	return e, tag + n
}

func cutOff(part string, code int) error {
	return &malformedError{fmt.Sprintf("%s: %v", part, protowire.ParseError(code))}
}
