package manifest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// stdinName is what standard input is called in places and problems.
const stdinName = "stdin"

// input is a file to read, or a path that is none.
type input struct {
	name    string
	named   bool // by the user, not found in a folder
	problem string
	stdin   io.Reader
}

// inputs goes through all paths in order. Folders are read on the way: a
// large tree need not be listed before the first file is read. The same path
// twice is one, and what is named besides a folder that holds it is not found
// there once more.
func inputs(paths []string, stdin io.Reader) iter.Seq[input] {
	return func(yield func(input) bool) {
		done := map[string]bool{} // false: its turn has not come
		for _, path := range paths {
			done[filepath.Clean(path)] = false
		}
		for _, path := range paths {
			clean := filepath.Clean(path)
			if done[clean] {
				continue
			}
			done[clean] = true
			ok := inputsOf(path, stdin, func(in input) bool {
				return !in.named && below(in.name, clean, done) || yield(in)
			})
			if !ok {
				return
			}
		}
	}
}

// below reports whether a file in a folder, or a folder between them, is named itself.
func below(file, folder string, named map[string]bool) bool {
	for path := filepath.Clean(file); path != folder; path = filepath.Dir(path) {
		if _, ok := named[path]; ok {
			return true
		}
		if path == filepath.Dir(path) {
			break // the folder was none, but a pattern
		}
	}
	return false
}

func inputsOf(path string, stdin io.Reader, yield func(input) bool) bool {
	if path == "-" {
		if stdin == nil {
			return yield(input{name: stdinName, problem: "there is no standard input to read"})
		}
		return yield(input{name: stdinName, named: true, stdin: stdin})
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return folder(path, yield)
	case err == nil:
		return yield(input{name: path, named: true})
	case errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(path, "*?["):
		return glob(path, yield)
	case path == "":
		return yield(input{name: `""`, problem: "an empty path: name a file, a folder, or - for standard input"})
	}
	return yield(input{name: path, problem: readFailure(err)})
}

// readFailure says why a file or folder can't be read, and what to try.
func readFailure(err error) string {
	var path *fs.PathError
	cause := err
	if errors.As(err, &path) {
		cause = path.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file or folder: check the path"
	case errors.Is(err, fs.ErrPermission):
		return "it can't be read: permission denied; check who may read it"
	}
	return "it can't be read: " + cause.Error()
}

// folder gives the manifests below a folder. As kubectl does it goes by file
// names, and into hidden folders too. Links are followed where they lead out
// of the folder: what they lead to inside of it is read anyway.
func folder(root string, yield func(input) bool) bool {
	w := walker{yield: yield}
	if !w.walk(root) {
		return false
	}
	if w.files == 0 {
		return yield(input{name: root, problem: "there are no .yaml, .yml or .json files in this folder: name another, or the files themselves"})
	}
	return true
}

type walker struct {
	yield func(input) bool
	files int
	// With links resolved: the folders that were walked, and the files that
	// links led to. What was read under one name is not read under another.
	roots  []string
	linked map[string]bool
}

func (w *walker) walk(root string) bool {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		real = root
	}
	before := w.roots
	w.roots = append(w.roots, real)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			w.files++ // that is not "no files"
			return w.give(input{name: path, problem: readFailure(err)})
		}
		if d.Type()&fs.ModeSymlink != 0 {
			return w.link(path)
		}
		if len(before) > 0 || len(w.linked) > 0 {
			rel, err := filepath.Rel(root, path)
			if err == nil && d.IsDir() && slices.Contains(before, filepath.Join(real, rel)) {
				return fs.SkipDir
			}
			if err == nil && w.linked[filepath.Join(real, rel)] {
				return nil
			}
		}
		if d.IsDir() || !isManifest(path) || !d.Type().IsRegular() {
			return nil
		}
		w.files++
		return w.give(input{name: path})
	})
	return err == nil
}

// link follows a link that leads out of the folders that are walked.
func (w *walker) link(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		if !isManifest(path) {
			return nil
		}
		w.files++
		return w.give(input{name: path, problem: readFailure(err)})
	}
	for _, root := range w.roots {
		// Below it, and read there; or above it, where nobody pointed to.
		if within(real, root) || within(root, real) {
			return nil
		}
	}
	info, err := os.Stat(real)
	switch {
	case err == nil && info.IsDir():
		// A slash at the end makes WalkDir go through the link.
		if !w.walk(path + string(filepath.Separator)) {
			return errStopped
		}
	case err == nil && info.Mode().IsRegular() && isManifest(path) && !w.linked[real]:
		if w.linked == nil {
			w.linked = map[string]bool{}
		}
		w.linked[real] = true
		w.files++
		return w.give(input{name: path})
	}
	return nil
}

func (w *walker) give(in input) error {
	if !w.yield(in) {
		return errStopped
	}
	return nil
}

var errStopped = errors.New("stopped")

func within(path, root string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func isManifest(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// glob gives what a pattern matches that the shell has left alone. A step of
// ** stands for any number of folders.
func glob(pattern string, yield func(input) bool) bool {
	matches, err := match(pattern)
	switch {
	case err != nil:
		return yield(input{name: pattern, problem: "this pattern can't be read: a [ has no ], or a \\ nothing after it"})
	case len(matches) == 0:
		return yield(input{name: pattern, problem: "nothing matches this pattern, and there is no file of this name: check it"})
	}
	for _, m := range matches {
		info, err := os.Stat(m)
		switch {
		case err == nil && info.IsDir():
			if !folder(m, yield) {
				return false
			}
		case !yield(input{name: m}):
			return false
		}
	}
	return true
}

func match(pattern string) ([]string, error) {
	before, after, deep := strings.Cut(filepath.ToSlash(pattern), "**")
	if !deep || before != "" && !strings.HasSuffix(before, "/") || after != "" && !strings.HasPrefix(after, "/") {
		return filepath.Glob(pattern)
	}
	steps := strings.Split(filepath.ToSlash(pattern), "/")
	if _, err := filepath.Match(strings.ReplaceAll(pattern, "**", "*"), ""); err != nil {
		return nil, err
	}
	// Walk from the last folder that the pattern names outright.
	base := 0
	for !strings.ContainsAny(steps[base], "*?[\\") {
		base++
	}
	root := strings.Join(steps[:base], "/")
	if root == "" {
		root = "."
		if base > 0 {
			root = "/"
		}
	}
	var matches []string
	err := filepath.WalkDir(filepath.FromSlash(root), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				matches = append(matches, path) // reading it will say why it can't be read
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err == nil && matchSteps(steps[base:], strings.Split(filepath.ToSlash(rel), "/")) {
			matches = append(matches, path)
		}
		return nil
	})
	return matches, err
}

func matchSteps(pattern, path []string) bool {
	switch {
	case len(pattern) == 0:
		return len(path) == 0
	case pattern[0] == "**":
		for i := range len(path) + 1 {
			if matchSteps(pattern[1:], path[i:]) {
				return true
			}
		}
		return len(pattern) == 1
	case len(path) == 0:
		return false
	}
	ok, err := filepath.Match(pattern[0], path[0])
	return err == nil && ok && matchSteps(pattern[1:], path[1:])
}

// open opens the input for reading as UTF-8.
func (in *input) open(ctx context.Context) (io.ReadCloser, error) {
	if in.stdin != nil {
		return asUTF8(&waiting{ctx: ctx, from: in.stdin}, io.NopCloser(nil))
	}
	if info, err := os.Stat(in.name); err == nil && !info.Mode().IsRegular() {
		return asUTF8(&waiting{ctx: ctx, from: &pipe{name: in.name}}, io.NopCloser(nil))
	}
	f, err := os.Open(in.name)
	if err != nil {
		return nil, err
	}
	return asUTF8(f, f)
}
