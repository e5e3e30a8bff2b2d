// Command image builds the collector's OCI image without a container engine
// and without a registry:
//
//	go run ./deploy/image -o dist/assay-collector.tar -name registry.example.com/assay-collector:1.0
//
// The image holds one file, the static program assay-collector, for
// linux/amd64 and linux/arm64. The same source, Go version and -version give
// the same bytes, so a digest says what is inside. It prints the reference with
// the digest, which is what "assay inspect --debug-image" takes.
//
// It pushes nothing: the archive is an OCI image layout, which "ctr images
// import", "podman load", "docker load" and "skopeo copy oci-archive:" read.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("o", filepath.Join("dist", "assay-collector.tar"), "the archive to write")
	name := flags.String("name", "localhost/assay-collector:dev", "the image's name and tag")
	version := flags.String("version", "dev", "the version that the image's labels name")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	ref, err := parseName(*name)
	if err != nil {
		return err
	}

	tmp, err := os.MkdirTemp("", "assay-image-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()

	binaries := make(map[platform]string, len(platforms))
	for _, p := range platforms {
		binaries[p] = filepath.Join(tmp, p.arch)
		if err := compile(ctx, p, binaries[p]); err != nil {
			return err
		}
	}
	index, err := build(binaries, *version)
	if err != nil {
		return err
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	if err := archive(index, ref, filepath.Join(tmp, "layout"), *out); err != nil {
		return fmt.Errorf("writing %s: %w", *out, err)
	}
	_, err = fmt.Fprintf(stdout, "%s@%s\n", ref, digest)
	return err
}
