package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/kube/audit"
	"github.com/kubeassay/assay/report"
)

// newAudit is about the trails that --audit-log writes.
func newAudit(s *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Verify the trail of Assay's own API calls",
		Args:  args(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAuditVerify(s))
	return cmd
}

// noLines is the value of --lines that says nothing.
const noLines = -1

func newAuditVerify(s *streams) *cobra.Command {
	var head string
	var lines int
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Verify that an audit log is whole: no line changed, removed or put elsewhere",
		Long: `Verify a file that --audit-log wrote ("-" for standard input). Each line holds the
hash of the one before, so a line that was changed, removed or put elsewhere is
found. A change to the last line, or lines cut off at the end, show only against
what was kept elsewhere: give the hash and the number of lines that the report
holds (access.auditHead, access.auditLines) as --head and --lines. Lines that
later runs added after them are no fault. A file without a line is whole only with
--lines 0.

Exit codes: 0 whole, 1 broken, 2 the file can't be read, 3 wrong usage.`,
		Example: "  assay audit verify calls.jsonl\n  assay audit verify calls.jsonl --head 5f70bf18a086... --lines 12",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name one audit log; see %s --help", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			want := &expected{head: strings.ToLower(head), lines: lines}
			if err := want.check(cmd.Flags().Changed("head"), cmd.Flags().Changed("lines")); err != nil {
				return err
			}
			return verifyTrail(s, args[0], want)
		},
	}
	cmd.Flags().StringVar(&head, "head", "", "Hash of the last line, as the report of the run holds it")
	cmd.Flags().IntVar(&lines, "lines", noLines, "Number of lines, as the report of the run holds it")
	cmd.Flags().Lookup("lines").DefValue = "" // -1 means nothing to people
	return cmd
}

// expected is what was kept elsewhere about a trail.
type expected struct {
	head  string // empty: not kept
	lines int    // noLines: not kept
}

func (e *expected) check(head, lines bool) error {
	if b, err := hex.DecodeString(e.head); head && (err != nil || len(b) != sha256.Size) {
		return usagef("--head %q: give the hash as the report holds it: %d characters of 0-9 and a-f", e.head, 2*sha256.Size)
	}
	if lines && e.lines < 0 {
		return usagef("--lines %d: give 0 or more", e.lines)
	}
	return nil
}

func verifyTrail(s *streams, name string, want *expected) error {
	in := s.in
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("reading the audit log: %w", err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	heads := &headFinder{want: want.head, sum: sha256.New()}
	if want.head == strings.Repeat("0", 2*sha256.Size) {
		heads.at = 0 // what a trail without lines has
	} else {
		heads.at = noLines
	}
	lines, head, err := audit.Verify(io.TeeReader(in, heads))
	var broken *audit.BrokenError
	switch {
	case errors.As(err, &broken):
	case err != nil:
		return fmt.Errorf("reading the audit log %s: %w", name, err)
	default:
		err = want.compare(lines, head, heads.at)
	}
	if err != nil {
		// It may quote what the file holds.
		_, err := fmt.Fprintf(s.out, "broken: %s: %s\n", report.Printable(name), report.Printable(err.Error()))
		if err != nil {
			return err
		}
		return exit(gate.Failed)
	}
	_, err = fmt.Fprintf(s.out, "whole: %s: %d lines, head %s%s\n", report.Printable(name), lines, head, want.remark(lines))
	return err
}

// compare says how a trail that holds together differs from what was kept. At
// is the line that has the hash that was kept.
func (e *expected) compare(lines int, head string, at int) error {
	switch {
	case e.lines > lines:
		return fmt.Errorf("it has %d lines and had %d: lines are missing at its end", lines, e.lines)
	case lines == 0 && e.head == "" && e.lines != 0:
		return fmt.Errorf("it has no line: either no call was made (then give --lines 0), or somebody emptied it")
	case e.head == "":
		return nil
	case at < 0:
		return fmt.Errorf("it holds together, but no line has the hash %s (its last one has %s): "+
			"lines are missing at its end, the last one was changed, or all of it was written anew", e.head, head)
	case e.lines != noLines && at != e.lines:
		return fmt.Errorf("the hash that was kept is that of line %d, not of line %d", at, e.lines)
	}
	return nil
}

// remark says what the verdict does not cover.
func (e *expected) remark(lines int) string {
	switch {
	case e.head == "" && e.lines == noLines:
		return " (without --head it can't be seen whether lines are missing at its end)"
	case e.head == "":
		return " (without --head it can't be seen whether its last lines were changed)"
	case e.lines != noLines && lines > e.lines:
		return fmt.Sprintf(" (%d lines after the one that was kept)", lines-e.lines)
	}
	return ""
}

// headFinder looks for the line that has a hash, in what is written to it.
type headFinder struct {
	want string
	sum  hash.Hash
	line int // lines so far
	at   int // the line that was looked for; noLines where there is none
}

func (h *headFinder) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, rest, whole := bytes.Cut(p, []byte("\n"))
		_, _ = h.sum.Write(line) // never fails
		if !whole {
			return n, nil
		}
		h.line++
		if hex.EncodeToString(h.sum.Sum(nil)) == h.want {
			h.at = h.line
		}
		h.sum.Reset()
		p = rest
	}
}
