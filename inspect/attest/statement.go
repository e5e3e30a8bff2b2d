package attest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	testresult "github.com/in-toto/attestation/go/predicates/test_result/v0"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/kubeassay/assay/finding"
)

const (
	// PredicateType is that of in-toto's test results.
	PredicateType = "https://in-toto.io/attestation/test-result/v0.1"
	// payloadType is what DSSE calls an in-toto statement.
	payloadType = "application/vnd.in-toto+json"
)

// Signer signs statements. It may be used by several goroutines at once.
type Signer struct{ envelopes *dsse.EnvelopeSigner }

// Sign returns a DSSE envelope, as one line of JSON without its end, that
// holds a statement about a result. Access is what the run used; it may be nil.
func (s *Signer) Sign(r Result, access *finding.Access) ([]byte, error) {
	statement, err := r.statement(access)
	if err != nil {
		return nil, err
	}
	payload, err := protojson.Marshal(statement)
	if err != nil {
		return nil, err
	}
	// protojson spaces its output at random, so that nobody relies on it.
	var compact bytes.Buffer
	if err := json.Compact(&compact, payload); err != nil {
		return nil, err
	}
	envelope, err := s.envelopes.SignPayload(context.Background(), payloadType, compact.Bytes())
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope)
}

func (r *Result) statement(access *finding.Access) (*intoto.Statement, error) {
	algorithm, digest, ok := strings.Cut(r.Target.ImageDigest, ":")
	if !ok || digest == "" {
		return nil, errors.New("the digest of its image is not known, so there is nothing that a statement could be about")
	}
	annotations, err := structpb.NewStruct(r.annotations(access))
	if err != nil {
		return nil, err
	}
	predicate, err := r.predicate(access)
	if err != nil {
		return nil, err
	}
	statement := &intoto.Statement{
		Type: intoto.StatementTypeUri,
		Subject: []*intoto.ResourceDescriptor{{
			Name: r.Target.Image, Digest: map[string]string{algorithm: digest}, Annotations: annotations,
		}},
		PredicateType: PredicateType,
		Predicate:     predicate,
	}
	if err := statement.Validate(); err != nil {
		return nil, err
	}
	return statement, nil
}

// annotations say which container ran the image.
func (r *Result) annotations(access *finding.Access) map[string]any {
	a := map[string]any{
		"namespace": r.Target.Namespace, "pod": r.Target.Pod, "podUID": r.Target.UID,
		"container": r.Target.Container, "containerID": r.Target.ContainerID,
		"workload": r.Workload.String(), "cluster": r.Target.Cluster,
	}
	if len(r.Approaches) > 0 {
		a["approaches"] = strings.Join(r.Approaches, ",")
	}
	if access != nil {
		a["grants"] = len(access.Grants)
	}
	return a
}

func (r *Result) predicate(access *finding.Access) (*structpb.Struct, error) {
	result, passed, warned, failed, unseen := r.sorted()
	configuration := []*intoto.ResourceDescriptor{
		described("profile/"+r.Profile.Name, r.Profile.SHA256, map[string]any{"version": r.Profile.Version}),
		described("result", r.Digest(), map[string]any{"controls": len(r.Verdicts), "notReviewed": strings.Join(unseen, ",")}),
	}
	if r.Snapshot != "" {
		configuration = append(configuration, described("snapshot", r.Snapshot, nil))
	}
	if access != nil && access.AuditHead != "" {
		configuration = append(configuration, described("audit-log", access.AuditHead, map[string]any{"lines": access.AuditLines}))
	}
	encoded, err := protojson.Marshal(&testresult.TestResult{
		Result: result, Configuration: configuration, PassedTests: passed, WarnedTests: warned, FailedTests: failed,
	})
	if err != nil {
		return nil, err
	}
	predicate := &structpb.Struct{}
	return predicate, protojson.Unmarshal(encoded, predicate)
}

func described(name, sha256 string, annotations map[string]any) *intoto.ResourceDescriptor {
	d := &intoto.ResourceDescriptor{Name: name, Digest: map[string]string{"sha256": sha256}}
	if s, err := structpb.NewStruct(annotations); err == nil && len(annotations) > 0 {
		d.Annotations = s
	}
	return d
}

// Statement is what a verified envelope says.
type Statement struct {
	Image, ImageDigest        string
	Namespace, Pod, Container string
	Profile, ProfileSHA256    string
	Result                    string
	ResultSHA256              string
	AuditHead                 string
	Passed, Warned, Failed    []string
}

// errNotSigned is the error of an envelope that none of the keys has signed.
var errNotSigned = errors.New("no signature of it is by the key given")

// IsNotSigned reports whether an envelope could be read, but its signature is
// not by any of the keys.
func IsNotSigned(err error) bool { return errors.Is(err, errNotSigned) }

// Verify checks one envelope against public keys, of which one must have
// signed it, and returns what it says.
func Verify(line []byte, keys ...Key) (*Statement, error) {
	var envelope dsse.Envelope
	if err := json.Unmarshal(line, &envelope); err != nil {
		return nil, fmt.Errorf("it is no DSSE envelope: %w", err)
	}
	if envelope.PayloadType != payloadType || len(envelope.Signatures) == 0 {
		return nil, fmt.Errorf("it is no signed in-toto statement, but a %q with %d signatures", envelope.PayloadType, len(envelope.Signatures))
	}
	verifier, err := dsse.NewEnvelopeVerifier(keys...)
	if err != nil {
		return nil, err
	}
	// The payload that was verified, decoded once: no second decoding can see another.
	_, payload, err := verifier.VerifyAndDecode(context.Background(), &envelope)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", errNotSigned, err)
	}
	return read(payload)
}

func read(payload []byte) (*Statement, error) {
	var s intoto.Statement
	if err := protojson.Unmarshal(payload, &s); err != nil {
		return nil, fmt.Errorf("its statement can't be read: %w", err)
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("its statement is not valid: %w", err)
	}
	if s.GetPredicateType() != PredicateType || len(s.GetSubject()) != 1 {
		return nil, fmt.Errorf("it is a %q about %d subjects, not the result of an inspection", s.GetPredicateType(), len(s.GetSubject()))
	}
	encoded, err := protojson.Marshal(s.GetPredicate())
	if err != nil {
		return nil, err
	}
	var p testresult.TestResult
	if err := protojson.Unmarshal(encoded, &p); err != nil {
		return nil, fmt.Errorf("its predicate can't be read: %w", err)
	}
	subject := s.GetSubject()[0]
	about := subject.GetAnnotations().AsMap()
	text := func(key string) string { s, _ := about[key].(string); return s }
	out := &Statement{
		Image: subject.GetName(), Namespace: text("namespace"), Pod: text("pod"), Container: text("container"),
		Result: p.GetResult(), Passed: p.GetPassedTests(), Warned: p.GetWarnedTests(), Failed: p.GetFailedTests(),
	}
	for algorithm, digest := range subject.GetDigest() {
		out.ImageDigest = algorithm + ":" + digest
	}
	for _, c := range p.GetConfiguration() {
		digest := c.GetDigest()["sha256"]
		switch name, rest, _ := strings.Cut(c.GetName(), "/"); name {
		case "profile":
			out.Profile, out.ProfileSHA256 = rest, digest
		case "result":
			out.ResultSHA256 = digest
		case "audit-log":
			out.AuditHead = digest
		}
	}
	return out, nil
}
