package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kubeassay/assay/gate"
	"github.com/kubeassay/assay/inspect/attest"
	"github.com/kubeassay/assay/report"
)

func newAttest(s *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "attest",
		Short: "Check signed statements about inspections",
		Args:  args(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAttestVerify(s))
	return cmd
}

func newAttestVerify(s *streams) *cobra.Command {
	var keyFiles []string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check who signed the statements in a file, and show what they say",
		Long: `Check every statement in a file that assay inspect --attest has written (DSSE
envelopes, one a line) and show what each says. "-" is standard input.

Exit codes: 0 all are signed by one of the keys, 1 one is not, 2 one can't be
read, 3 wrong usage. A statement that says FAILED is a good statement.`,
		Example: `  assay attest verify assay.intoto.jsonl --key inspector.pub`,
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, files []string) error {
			if len(keyFiles) == 0 {
				return usagef("give the public key of whoever you trust with --key FILE")
			}
			var keys []attest.Key
			for _, f := range keyFiles {
				k, err := attest.LoadKey(f)
				if err != nil {
					return usagef("--key: %w", err)
				}
				keys = append(keys, k)
			}
			return verifyStatements(s, files[0], keys)
		},
	}
	cmd.Flags().StringArrayVar(&keyFiles, "key", nil, "Public key or certificate (PEM); repeatable, any one must have signed")
	return cmd
}

// longestStatement bounds one line; a statement takes a few KiB.
const longestStatement = 16 << 20

func verifyStatements(s *streams, name string, keys []attest.Key) error {
	in := s.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return usage(err)
		}
		defer func() { _ = f.Close() }() // only read
		in = f
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "RESULT\tTARGET\tPROFILE\tFAILED\tIMAGE DIGEST")
	code, n, err := eachStatement(in, func(n int, line []byte) int {
		st, err := attest.Verify(line, keys...)
		if err != nil {
			_, _ = fmt.Fprintf(s.err, "assay: %s:%d: %s\n", name, n, report.Printable(err.Error()))
			if attest.IsNotSigned(err) {
				return gate.Failed
			}
			return gate.Incomplete
		}
		row := []string{st.Result, st.Namespace + "/" + st.Pod + "/" + st.Container, st.Profile, fmt.Sprint(len(st.Failed)), st.ImageDigest}
		_, _ = fmt.Fprintln(w, report.Printable(strings.Join(row, "\t")))
		return gate.OK
	})
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if n == 0 {
		return fmt.Errorf("%s holds no statement", name)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if code != gate.OK {
		return exit(code)
	}
	return nil
}

// eachStatement calls check for each line that is not empty, and returns the
// highest code and the number of lines.
func eachStatement(in io.Reader, check func(n int, line []byte) int) (code, count int, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longestStatement)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		count++
		code = max(code, check(n, line))
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return code, count, fmt.Errorf("line %d has more than %d MiB: that is no statement", count+1, longestStatement>>20)
	}
	return code, count, lines.Err()
}
