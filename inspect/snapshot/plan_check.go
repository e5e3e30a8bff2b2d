package snapshot

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

const (
	// MaxPlan is how many paths and patterns a plan may have.
	MaxPlan = 200_000
	// MaxPath is how long a path may be, with the zero that ends it: Linux' PATH_MAX.
	MaxPath = 4096
)

// Check refuses a plan that no file system could answer.
func (p *Plan) Check() error {
	if n := len(p.Files) + len(p.Stats) + len(p.Globs) + len(p.Trees); n > MaxPlan {
		return fmt.Errorf("it has %d paths and patterns, and the limit is %d", n, MaxPlan)
	}
	if l := p.Limits; l.FileBytes < 0 || l.TotalBytes < 0 || l.Files < 0 || l.Time < 0 {
		return errors.New("its limits must not be negative")
	}
	for _, list := range [][]string{p.Files, p.Stats} {
		for _, name := range list {
			if err := checkPath(name); err != nil {
				return err
			}
		}
	}
	for _, g := range p.Globs {
		if err := errors.Join(checkPath(g.Pattern), checkPattern(g.Pattern)); err != nil {
			return err
		}
	}
	for _, t := range p.Trees {
		if err := checkPath(t.Path); err != nil {
			return err
		}
		if t.ContentsUpTo < 0 {
			return fmt.Errorf("the tree %q: contentsUpTo must not be negative", t.Path)
		}
		for _, pattern := range t.Contents {
			if err := checkPattern(pattern); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkPath(name string) error {
	switch {
	case !strings.HasPrefix(name, "/"):
		return fmt.Errorf("the path %q is not absolute", name)
	case strings.ContainsRune(name, 0):
		return fmt.Errorf("the path %q holds a zero byte", name)
	case len(name) >= MaxPath:
		return fmt.Errorf("a path of %d bytes is too long: %.40q…", len(name), name)
	}
	return nil
}

func checkPattern(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return fmt.Errorf("the pattern %q: %w", pattern, err)
	}
	return nil
}
