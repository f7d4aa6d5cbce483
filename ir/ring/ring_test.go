package ring

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// model is a ring by its meaning: a list of slots with what each is in.
type model struct {
	state []string // free, acquired, committed, taken
	use   []int64
	next  [4]int64 // of acquire, commit, take, release
}

// TestAgainstModel runs random operations, allowed or not, on a ring and on a list of slots.
func TestAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		depth := 1 + rng.Int64N(5)
		ring := New(depth, 1)
		r := &ring
		m := &model{state: make([]string, depth), use: make([]int64, depth)}
		for i := range m.state {
			m.state[i] = "free"
		}
		for range 200 {
			kind := rng.IntN(4)
			ticket := m.next[kind]
			if kind%2 == 1 && rng.IntN(6) == 0 {
				ticket += rng.Int64N(3) - 1
			}
			from := []string{"free", "acquired", "committed", "taken"}[kind]
			at := m.next[kind] % depth
			allowed := m.state[at] == from && (from == "free" || m.use[at] == ticket)
			var got int64
			var err error
			switch kind {
			case 0:
				if r.Free() != allowed {
					t.Fatalf("%+v: free %v", *r, r.Free())
				}
				got, err = r.Acquire()
			case 1:
				got, err = ticket, r.Commit(ticket)
			case 2:
				if r.Filled(0) != allowed {
					t.Fatalf("%+v: filled %v", *r, r.Filled(0))
				}
				got, err = r.Take(0)
			case 3:
				got, err = ticket, r.Release(0, ticket)
			}
			if allowed != (err == nil) {
				t.Fatalf("%+v: operation %d of use %d: %v; the model says %v", *r, kind, ticket, err, allowed)
			}
			if err != nil {
				continue
			}
			if got != m.next[kind] || r.Slot(got) != at {
				t.Fatalf("operation %d gives use %d, not %d", kind, got, m.next[kind])
			}
			m.next[kind]++
			m.use[at] = got
			m.state[at] = []string{"acquired", "committed", "taken", "free"}[kind]
			idle := true
			for i, s := range m.state {
				idle = idle && s == "free"
				if s != "free" {
					if (r.Writable(m.use[i]) == nil) != (s == "acquired") || (r.Readable(0, m.use[i]) == nil) != (s == "taken") {
						t.Fatalf("%+v: slot %d is %s: %v, %v", *r, i, s, r.Writable(m.use[i]), r.Readable(0, m.use[i]))
					}
				}
			}
			if (r.Held() == 0) != idle {
				t.Fatalf("%+v: %d held", *r, r.Held())
			}
		}
	}
}

func TestWhy(t *testing.T) {
	ring := New(2, 1)
	r := &ring
	r.Acquire()
	why := func(err error) string {
		if err == nil {
			return ""
		}
		return err.Error()
	}
	_, early := r.Take(0)
	r.Commit(0)
	r.Take(0)
	for _, c := range []struct{ got, want string }{
		{why(early), "taken before it is committed"},
		{why(r.Commit(0)), "was not acquired"},
		{why(r.Release(0, 1)), "out of turn: use 1, the next is 0"},
		{why(r.Writable(0)), "filled after it was committed"},
		{why(r.Writable(1)), "filled before it is acquired"},
		{why(r.Readable(0, 1)), "read before it is committed"},
		{why(r.Readable(0, 0)), ""},
	} {
		if c.want == "" && c.got != "" || !strings.Contains(c.got, c.want) {
			t.Errorf("%q; want %q", c.got, c.want)
		}
	}
	r.Release(0, 0)
	if err := r.Readable(0, 0); err == nil || !strings.Contains(err.Error(), "after it was released") {
		t.Error(err)
	}
	if err := r.Release(0, 0); err == nil || !strings.Contains(err.Error(), "not taken") {
		t.Error(err)
	}
}

// TestReaders holds that every reader gets every slot, and that the slowest one frees it.
func TestReaders(t *testing.T) {
	r := New(1, 2)
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	_, err := r.Acquire()
	ok(err)
	ok(r.Commit(0))
	for reader := range 2 {
		if r.Free() || !r.Filled(reader) {
			t.Errorf("%+v", r)
		}
		ticket, err := r.Take(reader)
		ok(err)
		ok(r.Readable(reader, ticket))
		ok(r.Release(reader, ticket))
	}
	if !r.Free() || r.Held() != 0 || r.Filled(0) {
		t.Errorf("%+v", r)
	}
}
