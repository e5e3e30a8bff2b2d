package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// hold does nothing until its time is up or somebody ends it. As the first
// process of a container it must ask for the signals that end it: the kernel
// withholds them otherwise.
//
// What it says is for the person who finds the container and reads its log.
func hold(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("hold", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	limit := flags.Duration("for", 10*time.Minute, "how long; 0 means until it is ended")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("hold: %w: %w", err, errUsage)
	}
	if flags.NArg() > 0 || *limit < 0 {
		return fmt.Errorf("hold takes --for with a duration that is not negative: %w", errUsage)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	until := "until it is ended"
	if *limit > 0 {
		until = "for " + limit.String()
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *limit)
		defer cancel()
	}
	if _, err := fmt.Fprintf(stdout, "This container was added by Assay to inspect another one. It does nothing by itself, and waits %s.\n", until); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
