package rpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The layout of Packages.db, all numbers little-endian: pages of 4096 bytes
// hold slots of 16 bytes (the first two are the file's header); a used slot
// says in which blocks of 16 bytes its package is; there, a head, the package's
// header, and a tail.
const (
	ndbMagic     = "RpmP"
	ndbSlotMagic = "Slot"
	ndbBlobMagic = "BlbS"
	ndbPageSize  = 4096
	ndbUnit      = 16 // of a slot, a block, and a blob's head
	ndbTailSize  = 12
)

func readNDB(data []byte, add func([]byte) error) error {
	if len(data) < ndbPageSize {
		return errors.New("it is shorter than a page")
	}
	if v := binary.LittleEndian.Uint32(data[4:]); v != 0 {
		return fmt.Errorf("version %d is not known", v)
	}
	pages := uint64(binary.LittleEndian.Uint32(data[12:]))
	if pages == 0 || pages*ndbPageSize > uint64(len(data)) {
		return fmt.Errorf("it promises %d pages of slots, and has %d bytes", pages, len(data))
	}
	slots := data[2*ndbUnit : pages*ndbPageSize]
	var total uint64
	for ; len(slots) > 0; slots = slots[ndbUnit:] {
		if !bytes.HasPrefix(slots, []byte(ndbSlotMagic)) {
			return errors.New("a slot is damaged")
		}
		index := binary.LittleEndian.Uint32(slots[4:])
		if index == 0 {
			continue
		}
		blob, err := ndbBlob(data, index, binary.LittleEndian.Uint32(slots[8:]), binary.LittleEndian.Uint32(slots[12:]))
		if err != nil {
			return fmt.Errorf("package number %d: %w", index, err)
		}
		// Blocks are never shared, so that all packages together fit into the file.
		if total += uint64(len(blob)); total > uint64(len(data)) {
			return errors.New("packages overlap")
		}
		if err := add(blob); err != nil {
			return err
		}
	}
	return nil
}

func ndbBlob(data []byte, index, block, blocks uint32) ([]byte, error) {
	start, end := uint64(block)*ndbUnit, (uint64(block)+uint64(blocks))*ndbUnit
	if end > uint64(len(data)) || end-start < ndbUnit+ndbTailSize {
		return nil, errors.New("its blocks stand outside the file")
	}
	b := data[start:end]
	if !bytes.HasPrefix(b, []byte(ndbBlobMagic)) || binary.LittleEndian.Uint32(b[4:]) != index {
		return nil, errors.New("its first block is another's")
	}
	size := uint64(binary.LittleEndian.Uint32(b[12:]))
	if ndbUnit+size+ndbTailSize > uint64(len(b)) {
		return nil, errors.New("it is longer than its blocks")
	}
	return b[ndbUnit : ndbUnit+size], nil
}
