package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

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
	var out bytes.Buffer
	code, n, err := eachStatement(in, func(n int, line []byte) int {
		st, err := attest.Verify(line, keys...)
		if err != nil {
			_, _ = fmt.Fprintf(s.err, "assay: %s:%d: %s\n", name, n, report.Printable(err.Error()))
			if attest.IsNotSigned(err) {
				return gate.Failed
			}
			return gate.Incomplete
		}
		writeStatement(&out, st)
		return gate.OK
	})
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if n == 0 {
		return fmt.Errorf("%s holds no statement", name)
	}
	if _, err := out.WriteTo(s.out); err != nil {
		return err
	}
	if code != gate.OK {
		return exit(code)
	}
	return nil
}

// writeStatement shows what a statement says, in lines that fit on 80 columns.
func writeStatement(out *bytes.Buffer, st *attest.Statement) {
	line := func(format string, args ...any) {
		text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
		out.WriteString(report.Printable(text) + "\n")
	}
	line("%-6s  %s/%s/%s", st.Result, st.Namespace, st.Pod, st.Container)
	counts := fmt.Sprintf("%d failed, %d passed", len(st.Failed), len(st.Passed))
	switch {
	case len(st.Warned) > 0:
		counts += fmt.Sprintf(", %d waived", len(st.Warned))
	case st.Result == attest.Warned:
		counts += ", others were not reviewed"
	}
	line("        profile %s: %s", st.Profile, counts)
	if st.ImageDigest == "" {
		line("        image %s, whose digest is not known", st.Image)
	} else {
		line("        %s", st.ImageDigest)
	}
	if st.AuditHead != "" {
		line("        the audit log's head was then")
		line("        %s", st.AuditHead)
	}
}

// eachStatement calls check for each line that is not empty, and returns the
// highest code and the number of lines.
func eachStatement(in io.Reader, check func(n int, line []byte) int) (code, count int, err error) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longestStatement)
	n := 1
	for ; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		count++
		code = max(code, check(n, line))
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return code, count, fmt.Errorf("line %d has more than %d MiB: that is no statement", n, longestStatement>>20)
	}
	return code, count, lines.Err()
}
