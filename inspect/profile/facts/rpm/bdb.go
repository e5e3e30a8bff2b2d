package rpm

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The layout of Packages, in the byte order of the machine that wrote it: pages
// of one size, the first one describing the file. A hash page holds offsets of
// keys and values in turn, items growing down from its end; a value is there
// (type 1) or begins on another page (type 3), from which pages are chained.
const (
	bdbHashMagic  = 0x00061561
	bdbMetaSize   = 72
	bdbHeaderSize = 26

	bdbPageHashOld  = 2
	bdbPageOverflow = 7
	bdbPageMeta     = 8
	bdbPageHash     = 13

	bdbItemHere    = 1
	bdbItemOffPage = 3
)

type bdb struct {
	data  []byte
	order binary.ByteOrder
	size  uint64 // of a page
	used  uint64 // bytes of chained pages that were followed so far
}

func readBDB(data []byte, add func([]byte) error) error {
	b := bdb{data: data, order: binary.LittleEndian}
	if binary.BigEndian.Uint32(data[12:]) == bdbHashMagic {
		b.order = binary.BigEndian
	}
	if data[24] != 0 {
		return errors.New("it is encrypted")
	}
	if data[25] != bdbPageMeta {
		return fmt.Errorf("its first page has type %d", data[25])
	}
	b.size = uint64(b.order.Uint32(data[20:]))
	if b.size < 512 || b.size > 65536 || b.size&(b.size-1) != 0 {
		return fmt.Errorf("a page size of %d is not possible", b.size)
	}
	last := uint64(b.order.Uint32(data[32:]))
	if (last+1)*b.size > uint64(len(data)) {
		return fmt.Errorf("it promises %d pages of %d bytes, and has %d bytes", last+1, b.size, len(data))
	}
	for n := uint64(1); n <= last; n++ {
		page := b.page(n)
		if page[25] != bdbPageHash && page[25] != bdbPageHashOld {
			continue
		}
		if err := b.hashPage(page, add); err != nil {
			return fmt.Errorf("page %d: %w", n, err)
		}
	}
	return nil
}

func (b *bdb) page(n uint64) []byte { return b.data[n*b.size : (n+1)*b.size] }

// hashPage reads the pairs of one page.
func (b *bdb) hashPage(page []byte, add func([]byte) error) error {
	count := int(b.order.Uint16(page[20:]))
	if count%2 != 0 || bdbHeaderSize+2*count > len(page) {
		return fmt.Errorf("it promises %d items", count)
	}
	end := len(page)
	for i := range count {
		start := int(b.order.Uint16(page[bdbHeaderSize+2*i:]))
		if start < bdbHeaderSize+2*count || start >= end {
			return errors.New("an item stands outside the page")
		}
		item := page[start:end]
		end = start
		if i%2 == 0 {
			continue // a key: the package's number
		}
		blob, err := b.value(item)
		if err != nil {
			return err
		}
		if len(blob) <= 4 {
			continue // under key 0: the highest number so far
		}
		if err := add(blob); err != nil {
			return err
		}
	}
	return nil
}

func (b *bdb) value(item []byte) ([]byte, error) {
	switch item[0] {
	case bdbItemHere:
		return item[1:], nil
	case bdbItemOffPage:
		if len(item) < 12 {
			return nil, errors.New("an item is too short")
		}
		return b.chain(uint64(b.order.Uint32(item[4:])), uint64(b.order.Uint32(item[8:])))
	}
	return nil, fmt.Errorf("an item has type %d", item[0])
}

// chain puts together what is spread over pages. No page belongs to two values,
// so that all chains together are no longer than the file.
func (b *bdb) chain(n, size uint64) ([]byte, error) {
	var out []byte
	for n != 0 {
		if (n+1)*b.size > uint64(len(b.data)) {
			return nil, fmt.Errorf("page %d is not there", n)
		}
		if b.used += b.size; b.used > uint64(len(b.data)) {
			return nil, errors.New("a chain of pages does not end")
		}
		page := b.page(n)
		if page[25] != bdbPageOverflow {
			return nil, fmt.Errorf("page %d has type %d", n, page[25])
		}
		length := uint64(b.order.Uint16(page[22:]))
		if bdbHeaderSize+length > b.size {
			return nil, fmt.Errorf("page %d is too short", n)
		}
		out = append(out, page[bdbHeaderSize:bdbHeaderSize+length]...)
		n = uint64(b.order.Uint32(page[16:]))
	}
	if uint64(len(out)) != size {
		return nil, fmt.Errorf("a value has %d bytes instead of %d", len(out), size)
	}
	return out, nil
}
