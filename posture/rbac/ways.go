package rbac

import "math"

const unreached = math.MaxInt32

// ways are the shortest ways from every place to one.
type ways struct {
	distance []int32 // in steps; what a place is by itself is none
	next     []int32 // which of its edges to take
}

// waysTo goes backwards from a goal, each edge once.
func (s *search) waysTo(goal int32) ways {
	n := len(s.places)
	w := ways{make([]int32, n), make([]int32, n)}
	for i := range w.distance {
		w.distance[i] = unreached
	}
	type back struct{ from, edge int32 }
	in := make([][]back, n)
	for from := range s.out {
		for i := range s.out[from] {
			to := s.out[from][i].to
			in[to] = append(in[to], back{int32(from), int32(i)})
		}
	}
	w.distance[goal] = 0
	// All places of one distance, then those one step further.
	for level := []int32{goal}; len(level) > 0; {
		var further []int32
		for i := 0; i < len(level); i++ { // grows by what costs no step
			at := level[i]
			for _, b := range in[at] {
				free := s.out[b.from][b.edge].technique == ""
				d := w.distance[at]
				if !free {
					d++
				}
				if d >= w.distance[b.from] {
					continue
				}
				w.distance[b.from], w.next[b.from] = d, b.edge
				if free {
					level = append(level, b.from)
				} else {
					further = append(further, b.from)
				}
			}
		}
		level = further
	}
	return w
}
