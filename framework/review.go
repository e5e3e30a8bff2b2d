package framework

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubeassay/assay/finding"
)

// verdicts are what the checks that serve one item said, sorted by what that
// means for the item. Each holds a phrase a check.
type verdicts struct {
	item *Item

	failed []string // the item is broken
	errors []string // could not be judged
	unseen []string // was not, or not wholly, reviewed
	people []string // for people to judge
	hints  []string // the same, where no other check can say that the item is kept
	waived []string

	// Checks that were not part of the scan, that said nothing, and all but hints.
	notAsked, silent []string
	counted          int

	decisive bool // some check could say that the item is kept
	parts    bool // some check sees a part of it
	passes   int
}

// add takes what one check said.
func (v *verdicts) add(m *Mapping, c *count, asked bool) {
	fails := c.statuses[finding.Fail]
	switch m.Covers {
	case Hint:
		if fails > 0 {
			v.hints = append(v.hints, fmt.Sprintf("%s bears on it and failed %s", m.Check, times(fails)))
		}
		return
	case Stricter:
		v.decisive = true
		if fails > 0 {
			v.people = append(v.people, fmt.Sprintf("%s asks for more than this and failed %s", m.Check, times(fails)))
		}
	case Whole, Part:
		v.decisive = v.decisive || m.Covers == Whole
		v.parts = v.parts || m.Covers == Part
		if fails > 0 {
			v.failed = append(v.failed, fmt.Sprintf("%s failed %s", m.Check, times(fails)))
		}
	}
	v.counted++
	v.passes += c.statuses[finding.Pass]
	if c.waived > 0 {
		v.waived = append(v.waived, m.Check+" "+times(c.waived))
	}
	if n := c.statuses[finding.Error]; n > 0 {
		v.errors = append(v.errors, said(m.Check, "could not be judged", n, c.messages[finding.Error]))
	}
	switch n, message := c.statuses[finding.NotReviewed], c.messages[finding.NotReviewed]; {
	case n > 0 && n == c.total() && message != "":
		// Why is the same for other checks and items: that it is this check's does not matter.
		if message = strings.TrimRight(message, ". "); !slices.Contains(v.unseen, message) {
			v.unseen = append(v.unseen, message)
		}
	case n > 0:
		v.unseen = append(v.unseen, said(m.Check, "was not reviewed", n, message))
	case !asked:
		v.notAsked = append(v.notAsked, m.Check)
	case c.total() == 0:
		v.silent = append(v.silent, m.Check)
	}
}

// decide says what stands, and why.
func (v *verdicts) decide(complete bool) (status finding.Status, waived bool, reason string) {
	switch {
	case len(v.failed) > 0:
		return finding.Fail, false, list(v.failed)
	case len(v.errors) > 0:
		return finding.Error, false, list(v.errors)
	case !complete:
		return finding.NotReviewed, false, "the scan was not complete: what was not read may break it"
	case len(v.unseen) > 0:
		return finding.NotReviewed, false, list(v.unseen)
	case len(v.notAsked) > 0:
		return finding.NotReviewed, false, v.of(v.notAsked, "no check for it was part of the scan", "not part of the scan: ")
	case len(v.silent) > 0:
		return finding.NotReviewed, false, v.of(v.silent, "its checks had nothing to judge", "had nothing to judge: ")
	case len(v.people) > 0:
		return finding.NotReviewed, false, "for people to judge: " + list(v.people)
	case !v.decisive && len(v.hints) > 0:
		return finding.NotReviewed, false, "for people to judge: " + list(v.hints)
	case !v.decisive && v.parts:
		return finding.NotReviewed, false, "only a part can be seen, and nothing is wrong with that part" + v.butWaived()
	case !v.decisive:
		return finding.NotReviewed, false, "for people to judge: what checks see only bears on it, and they found nothing"
	case len(v.waived) > 0:
		return finding.Fail, true, "waived: " + list(v.waived)
	case v.passes == 0:
		return finding.NotApplicable, false, "nothing that was scanned is of the kind that it is about"
	}
	return finding.Pass, false, ""
}

// of says the same for all checks of the item, or names those that it is about.
func (v *verdicts) of(checks []string, all, some string) string {
	if len(checks) < v.counted {
		return some + list(checks)
	}
	return all + v.needs()
}

func (v *verdicts) butWaived() string {
	if len(v.waived) == 0 {
		return ""
	}
	return " but what is waived: " + list(v.waived)
}

// needs says what it takes to see an item whose checks said nothing.
func (v *verdicts) needs() string {
	switch v.item.Easiest() {
	case ControlPlane:
		return " (flags of the control plane show only where it runs as pods)"
	case KubeletConfig:
		return " (it needs --read-kubelet)"
	default:
		return ""
	}
}

// said is "run-as-root was not reviewed 3 times: message".
func said(check, what string, n int, message string) string {
	text := check + " " + what
	if n > 1 {
		text += " " + times(n)
	}
	if message != "" {
		text += ": " + strings.TrimRight(message, ". ")
	}
	return text
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// listed is how many phrases a reason holds.
const listed = 3

func list(all []string) string {
	if len(all) <= listed {
		return strings.Join(all, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(all[:listed], "; "), len(all)-listed)
}

const headingReason = "a heading: its items follow"

// Unserved says why an item is not reviewed that no check serves.
func (i *Item) Unserved() string {
	if i.Heading {
		return headingReason
	}
	if i.Easiest() == NotAutomatable {
		return "for people to judge: no program can see it"
	}
	var needs []string
	objects := false
	for _, way := range i.Seen {
		switch way {
		case Spec, Status, RBAC, Network:
			objects = true
		case ControlPlane:
			needs = append(needs, "flags of the control plane")
		case KubeletConfig:
			needs = append(needs, "the kubelet's configuration")
		case InsideContainer:
			needs = append(needs, "a look inside containers")
		case Process:
			needs = append(needs, "a look at running processes")
		case NodeFiles:
			needs = append(needs, "files of the node, which the API does not show")
		case NotAutomatable:
			needs = append(needs, "people")
		}
	}
	if objects {
		needs = slices.Insert(needs, 0, "objects of the cluster")
	}
	if len(needs) == 1 && i.Easiest() == NodeFiles {
		return "it takes " + needs[0]
	}
	return "no check looks at it; it takes " + strings.Join(needs, ", ")
}
