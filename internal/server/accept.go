package server

import (
	"strings"

	"github.com/munnerz/goautoneg"
)

// The media types of GET /scan.
const (
	mediaJSON   = "application/json"
	mediaNDJSON = "application/x-ndjson"
)

// negotiate returns which of the offered media types the Accept header likes
// best; of equals the first. "" means that it allows none.
func negotiate(accept string, offered ...string) string {
	if accept == "" {
		return offered[0]
	}
	best, bestQ := "", 0.0
	clauses := goautoneg.ParseAccept(accept)
	for _, media := range offered {
		// The clause that names the type more closely counts, whatever its q:
		// "*/*, application/x-ndjson;q=0" means anything but that.
		q, closest := 0.0, 0
		for _, c := range clauses {
			closeness := 0
			switch {
			case strings.EqualFold(c.Type+"/"+c.SubType, media):
				closeness = 3
			case c.Type == "*" && c.SubType == "*":
				closeness = 1
			case c.SubType == "*" && strings.HasPrefix(media, strings.ToLower(c.Type)+"/"):
				closeness = 2
			}
			if closeness > closest {
				q, closest = c.Q, closeness
			}
		}
		if q > bestQ {
			best, bestQ = media, q
		}
	}
	return best
}
