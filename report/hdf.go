package report

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/kubeassay/assay/finding"
)

// hdfWriter writes the one inspection of a run as HDF.
type hdfWriter struct {
	out    output
	header hdfHeader
	// first is the target and profile that were written.
	first string
	wrote bool
}

func (h *hdfWriter) Begin(header Header) error {
	h.header = hdfHeaderOf(header)
	return nil
}

func (h *hdfWriter) Inspection(i *finding.Inspection) error {
	name := i.Target.String() + " with profile " + i.Profile.Name
	if h.wrote {
		return fmt.Errorf("a file in the format hdf holds one target and one profile: after %s there is %s; write a folder of files instead", h.first, name)
	}
	h.first, h.wrote = name, true
	b, err := hdfBytes(i, &h.header)
	if err != nil {
		return err
	}
	h.out.Write(b)
	return nil
}

func (h *hdfWriter) End(*finding.Report) error {
	if !h.wrote {
		return errors.New("there is nothing to write in the format hdf: no container was inspected")
	}
	return h.out.flush()
}

// hdfBytes is a whole file about one inspection.
func hdfBytes(i *finding.Inspection, h *hdfHeader) ([]byte, error) {
	var enc jsonEncoder
	b, err := enc.encode(hdfOf(i, h), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the result of %s as HDF: %w", i.Target, err)
	}
	return append(slices.Clone(b), '\n'), nil
}

// hdfHeader is what each file needs of the header.
type hdfHeader struct {
	rules   rulesByID
	version string
}

func hdfHeaderOf(h Header) hdfHeader { return hdfHeader{rulesOf(h), cmp.Or(h.Version, "unknown")} }
