package server

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestShelf(t *testing.T) {
	t.Parallel()
	keep := func(id string, bytes int64) *result { return &result{outcome: &outcome{id: id}, bytes: bytes} }
	t.Run("reading keeps a result for longer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(100, time.Minute)
			s.put(keep("a", 10))
			for range 3 {
				time.Sleep(40 * time.Second) // of the bubble's time
				if s.get("a") == nil {
					t.Fatal("it has gone though it was being read")
				}
			}
			time.Sleep(61 * time.Second)
			synctest.Wait()
			if s.get("a") != nil || s.bytes != 0 {
				t.Errorf("it is still there, %d bytes", s.bytes)
			}
		})
	})
	t.Run("what was used longest ago goes first", func(t *testing.T) {
		s := newShelf(100, time.Minute)
		defer s.close()
		s.put(keep("a", 40))
		s.put(keep("b", 40))
		s.put(keep("a", 40)) // again: is there already, and is used
		s.put(keep("c", 60))
		if s.get("b") != nil || s.get("a") == nil || s.get("c") == nil || s.bytes != 100 {
			t.Errorf("%d bytes are kept", s.bytes)
		}
		s.put(keep("d", 100))
		if s.get("a") != nil || s.get("c") != nil || s.get("d") == nil {
			t.Error("the newest must be kept")
		}
	})
	t.Run("closed", func(t *testing.T) {
		s := newShelf(100, time.Minute)
		s.put(keep("a", 40))
		s.close()
		if s.get("a") != nil || s.bytes != 0 {
			t.Error("it still keeps something")
		}
	})
}
