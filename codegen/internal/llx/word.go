package llx

import (
	"fmt"

	"github.com/llir/llvm/ir/constant"
	"github.com/llir/llvm/ir/enum"
	"github.com/llir/llvm/ir/metadata"
	"github.com/llir/llvm/ir/types"
)

// LLVM's words for llir's numbers.
var (
	ipreds    = byWord(enum.IPredEQ, enum.IPredULT)
	fpreds    = byWord(enum.FPredFalse, enum.FPredUNO)
	atomicOps = byWord(enum.AtomicOpAdd, enum.AtomicOpXor)
	noWrap    = []enum.OverflowFlag{enum.OverflowFlagNSW}
)

const orderMonotonic = enum.AtomicOrderingMonotonic

func byWord[T interface {
	~uint8
	fmt.Stringer
}](from, to T) map[string]T {
	m := map[string]T{}
	for x := from; x <= to; x++ {
		m[x.String()] = x
	}
	return m
}

// lookup is a word's number. A word that is none is a fault of the caller's.
func lookup[T any](m map[string]T, word string) T {
	x, ok := m[word]
	if !ok {
		panic("llx: no LLVM word " + word)
	}
	return x
}

// nontemporal is the attachment that sends a store past the caches.
func nontemporal() *metadata.Attachment {
	return &metadata.Attachment{Name: "nontemporal", Node: &metadata.Tuple{MetadataID: -1, Fields: []metadata.Field{constant.NewInt(types.I32, 1)}}}
}
