package framework

import (
	"bufio"
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

//go:embed data/*.tsv
var data embed.FS

// loaded is everything in data.
type loaded struct {
	frameworks []*Framework
	mapping    []Mapping
	byCheck    map[string][]int // into mapping
	byItem     map[[2]string][]int
}

// load reads data once. It is part of the program, and a test reads it too: an
// error in it is a mistake of the program's.
var load = sync.OnceValue(func() *loaded {
	l, err := read(func(name string) (io.ReadCloser, error) { return data.Open("data/" + name + ".tsv") })
	if err != nil {
		panic("the tables of frameworks are broken: " + err.Error())
	}
	return l
})

func read(open func(name string) (io.ReadCloser, error)) (*loaded, error) {
	l := &loaded{frameworks: tables(), byCheck: map[string][]int{}, byItem: map[[2]string][]int{}}
	each := func(name string, use func(t *table) error) error {
		r, err := open(name)
		if err != nil {
			return err
		}
		t, err := parse(r)
		if err == nil {
			err = use(t)
		}
		_ = r.Close() // of what was only read
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	for _, f := range l.frameworks {
		if err := each(f.ID, f.fill); err != nil {
			return nil, err
		}
	}
	return l, each("mapping", l.fillMapping)
}

// table is a file with tabs between its cells, and a head.
type table struct {
	head []string
	rows [][]string
}

// maxLine bounds a line. No line of ours comes near it.
const maxLine = 64 << 10

// parse reads a table. Every row has as many cells as the head.
func parse(r io.Reader) (*table, error) {
	t := &table{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		cells := strings.Split(lines.Text(), "\t")
		if t.head == nil {
			t.head = cells
			continue
		}
		if len(cells) != len(t.head) {
			return nil, fmt.Errorf("line %d: %d cells, and the head has %d", n, len(cells), len(t.head))
		}
		t.rows = append(t.rows, cells)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(t.rows) == 0 {
		return nil, fmt.Errorf("there are no rows")
	}
	return t, nil
}

// unconfirmed marks items that nobody could confirm: they are not claimed.
const unconfirmed = "unconfirmed"

// firstColumns are what every framework's table begins with: id, level, title, seen.
const firstColumns = 4

// fill brings a framework its items.
func (f *Framework) fill(t *table) error {
	if len(t.head) < firstColumns || t.head[0] != "id" || t.head[2] != "title" || t.head[3] != "seen" {
		return fmt.Errorf("the head is %q, and should begin with id, a level, title and seen", t.head)
	}
	f.byID = map[string]int{}
	for _, row := range t.rows {
		item, err := newItem(t.head, row)
		if err != nil {
			return err
		}
		if item.Details["confirmed"] == unconfirmed {
			continue
		}
		if f.ID == "owasp-k8s-top10" {
			_, item.Level, _ = strings.Cut(item.ID, ":") // the edition
		}
		key := strings.ToLower(item.ID)
		if _, twice := f.byID[key]; twice {
			return fmt.Errorf("item %s is there twice", item.ID)
		}
		f.byID[key] = len(f.Items)
		f.Items = append(f.Items, item)
	}
	for i := range f.Items {
		f.Items[i].Heading = f.heading(&f.Items[i])
	}
	return nil
}

func newItem(head, row []string) (Item, error) {
	item := Item{ID: row[0], Level: row[1], Title: row[2]}
	if item.ID == "" || item.Title == "" {
		return item, fmt.Errorf("row %q has no ID or no title", row)
	}
	for word := range strings.SplitSeq(row[3], "+") {
		if !slices.Contains(Ways(), Seen(word)) {
			return item, fmt.Errorf("item %s: %q is no way to see something", item.ID, word)
		}
		item.Seen = append(item.Seen, Seen(word))
	}
	for i := firstColumns; i < len(row); i++ {
		if row[i] == "" {
			continue
		}
		if item.Details == nil {
			item.Details = map[string]string{}
		}
		item.Details[head[i]] = row[i]
	}
	return item, nil
}

// heading: a section that other items stand in.
func (f *Framework) heading(i *Item) bool {
	return i.Level == "section" && slices.ContainsFunc(f.Items, func(other Item) bool {
		return strings.HasPrefix(other.ID, i.ID+".") || strings.HasPrefix(other.ID, i.ID+"/")
	})
}
