package exec

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kubeassay/assay/inspect/collect/stream"
	"github.com/kubeassay/assay/inspect/snapshot"
	"github.com/kubeassay/assay/kube/audit"
)

// mostRounds is how often the script runs: what is there, what is in it, and
// what that showed to be missing.
const mostRounds = 3

// grace is what a round trip may take beyond its time: the script then ends by
// itself, and says so in that nothing comes any more.
const grace = 10 * time.Second

var errTime = errors.New("the time for one round trip is over")

func (a *attempt) shell() error {
	for round := range mostRounds {
		r := a.first()
		if round > 0 {
			if r = a.missing(nil); r.empty() {
				return nil
			}
			a.budget(r)
		}
		err := a.ask(r)
		switch {
		case err == nil:
		case !a.greeted || a.ctx.Err() != nil:
			return err
		case errors.Is(err, errLimit), errors.Is(err, errTime):
			// There may be time and room for other things; not for those trees again.
			a.problem = a.because(err)
			for _, t := range r.trees {
				a.b.Add(snapshot.Entry{Path: t.path, Listing: a.problem})
			}
		default:
			a.problem = a.because(err)
			return nil
		}
	}
	return nil
}

// budget leaves out contents that the limit on all of them has no room for.
func (a *attempt) budget(r *request) {
	left := a.room
	kept := r.many[:0]
	for _, p := range r.many {
		size := a.sizes[p]
		if size > left {
			a.refused[p] = a.cut(0)
			a.b.SetContent(p, []byte{}, a.cut(0))
			continue
		}
		left -= size
		kept = append(kept, p)
	}
	r.many = kept
}

// ask runs the script once.
func (a *attempt) ask(r *request) error {
	nonce, err := newNonce()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(a.ctx, a.limits.Time+grace, errTime)
	defer cancel()
	left := make(chan struct{})
	out, in := io.Pipe()
	command := a.command(shellCommand())
	command.Stdin = &held{Reader: bytes.NewReader(r.text(nonce, a.limits)), until: left}
	command.Stdout = in
	var result stream.Result
	var ran error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		result, ran = a.c.run.Run(ctx, command)
		_ = in.CloseWithError(io.EOF)
	}()
	a.expect(r)
	read := (&answer{in: bufio.NewReaderSize(out, readBuffer), nonce: nonce, to: a}).read()
	if read == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(out, mostName)) // nothing should come any more
	}
	_ = out.CloseWithError(read)
	close(left)
	if read != nil && !errors.Is(read, io.EOF) && !errors.Is(read, io.ErrUnexpectedEOF) {
		cancel()
	}
	<-ended
	a.used(command.Argv, &result)
	if err := outcome(a.ctx, ctx, read, ran, &result); err != nil {
		a.breakOff(a.because(err))
		return err
	}
	a.settle()
	return nil
}

// outcome chooses the error that tells most.
func outcome(outer, ctx context.Context, read, ran error, result *stream.Result) error {
	var written *audit.WriteError
	switch {
	case errors.As(ran, &written):
		return ran // what was not written down was not read
	case read == nil:
		return nil // the end was marked: what became of the streams after it does not matter
	case outer.Err() != nil:
		return context.Cause(outer)
	case errors.Is(read, errLimit):
		return read
	case errors.Is(context.Cause(ctx), errTime):
		return errTime
	case !errors.Is(read, io.EOF) && !errors.Is(read, io.ErrUnexpectedEOF):
		return read
	case ran != nil:
		return ran
	case result.ExitCode == 137:
		return fmt.Errorf("%w, or the command was killed in the container", errTime)
	}
	return fmt.Errorf("the answer broke off after %d bytes without its end mark (exit code %d)", result.Bytes, result.ExitCode)
}

// because says it as the reason why something is not known.
func (a *attempt) because(err error) snapshot.Fact {
	if errors.Is(err, errLimit) {
		return snapshot.Fact{State: snapshot.Truncated, Detail: fmt.Sprintf("the limit of %d entries is reached", a.limits.Files)}
	}
	if errors.Is(err, errTime) {
		return snapshot.Fact{State: snapshot.Truncated, Detail: fmt.Sprintf("%v (limit %v)", err, a.limits.Time)}
	}
	return snapshot.Fact{State: snapshot.Failed, Detail: err.Error()}
}

// held is the script's standard input: the request, and then nothing until the
// answer is whole. Its end tells the script that nobody listens any more.
type held struct {
	*bytes.Reader
	until <-chan struct{}
}

func (h *held) Read(p []byte) (int, error) {
	if h.Len() > 0 {
		return h.Reader.Read(p)
	}
	<-h.until
	return 0, io.EOF
}

// WriteTo is not bytes.Reader's, which would end too early.
func (h *held) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{h})
}

// newNonce makes the random number that nothing in the container knows.
func newNonce() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(b[:]), nil
}
