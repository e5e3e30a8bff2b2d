package rpm

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestDamagedSQLite changes bytes at random: a fuzz test proper would take
// apart the SQLite library, which is too large for that.
func TestDamagedSQLite(t *testing.T) {
	data, wal := sqliteFile(t, true, packagesTable, header(two[0]), header(two[1]))
	whole, _ := sqliteFile(t, false, packagesTable, header(two[0]), header(two[1]))
	r := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for range 500 {
		d, w := slices.Clone(data), slices.Clone(wal)
		if r.IntN(2) == 0 {
			d, w = slices.Clone(whole), nil
		}
		for range 1 + r.IntN(20) {
			d[r.IntN(len(d))] = byte(r.Uint32())
		}
		for range r.IntN(8) * min(len(w), 1) {
			w[r.IntN(len(w))] = byte(r.Uint32())
		}
		start := time.Now()
		if _, err := Read(t.Context(), d[:len(d)-r.IntN(2)*r.IntN(len(d)-16)], w); err != nil {
			refused++
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("it took %v", took)
		}
	}
	if refused == 0 {
		t.Error("no damage was noticed: the test is no good")
	}
}
