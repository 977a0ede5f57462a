package store

import (
	"encoding/binary"
	"sync"
	"time"
)

// The element types, by their fixed OIDs in PostgreSQL (pg_type.dat).
const (
	oidBytea       = 17
	oidInt2        = 21
	oidInt4        = 23
	oidText        = 25
	oidJSON        = 114
	oidTimestamptz = 1184
)

// arrayHeader is the number of bytes before the elements.
const arrayHeader = 5 * 4

// arrays builds one-dimensional arrays, one after the other, in PostgreSQL's binary format
// (array_recv in arrayfuncs.c): number of dimensions, whether there are nulls, the element type,
// length and lower bound of the dimension, then each element after its length, -1 for null. All
// integers have 4 bytes, big-endian.
type arrays struct {
	value  []byte
	starts []int // of each array
}

// arrayBuffers has the memory of arrays that are no longer in use, for the next ones.
var arrayBuffers sync.Pool // of *[]byte

// maxArrayBuffer is the largest size of memory that is kept.
const maxArrayBuffer = 4 << 20

// newArrays returns arrays that take up to size bytes, more only by growing.
func newArrays(size int) *arrays {
	a := &arrays{starts: make([]int, 0, 16)}
	if buffer, ok := arrayBuffers.Get().(*[]byte); ok {
		a.value = *buffer
	}
	if cap(a.value) < size {
		a.value = make([]byte, 0, size)
	}
	return a
}

// recycleArrays keeps the memory of [arrays.values].
func recycleArrays(values []any) {
	if buffer := values[0].([]byte)[:0]; cap(buffer) <= maxArrayBuffer {
		arrayBuffers.Put(&buffer)
	}
}

// begin begins the next array.
func (a *arrays) begin(elementType uint32, length int) {
	a.starts = append(a.starts, len(a.value))
	for _, v := range []uint32{1, 0, elementType, uint32(length), 1} {
		a.value = binary.BigEndian.AppendUint32(a.value, v)
	}
}

// values returns the arrays. The capacity of the first one is all of their memory.
func (a *arrays) values() []any {
	values := make([]any, len(a.starts))
	for i, start := range a.starts {
		end := len(a.value)
		if i+1 < len(a.starts) {
			end = a.starts[i+1]
		}
		values[i] = a.value[start:end]
	}
	return values
}

// bytes appends a text, json or bytea element; nil is null.
func (a *arrays) bytes(element []byte) {
	if element == nil {
		a.null()
		return
	}
	a.value = binary.BigEndian.AppendUint32(a.value, uint32(len(element)))
	a.value = append(a.value, element...)
}

func (a *arrays) text(element string) {
	a.value = binary.BigEndian.AppendUint32(a.value, uint32(len(element)))
	a.value = append(a.value, element...)
}

func (a *arrays) textOrNull(element *string) {
	if element == nil {
		a.null()
		return
	}
	a.text(*element)
}

func (a *arrays) int2(element int16) {
	a.value = binary.BigEndian.AppendUint32(a.value, 2)
	a.value = binary.BigEndian.AppendUint16(a.value, uint16(element))
}

func (a *arrays) int4(element int64) {
	a.value = binary.BigEndian.AppendUint32(a.value, 4)
	a.value = binary.BigEndian.AppendUint32(a.value, uint32(element))
}

// postgresEpoch is the time from which PostgreSQL counts microseconds.
var postgresEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (a *arrays) timestamp(element time.Time) {
	a.value = binary.BigEndian.AppendUint32(a.value, 8)
	micros := micros(element).UnixMicro() - postgresEpoch.UnixMicro()
	a.value = binary.BigEndian.AppendUint64(a.value, uint64(micros))
}

func (a *arrays) timestampOrNull(element *time.Time) {
	if element == nil {
		a.null()
		return
	}
	a.timestamp(*element)
}

func (a *arrays) null() {
	start := a.starts[len(a.starts)-1]
	binary.BigEndian.PutUint32(a.value[start+4:], 1) // there are nulls
	a.value = append(a.value, 0xff, 0xff, 0xff, 0xff)
}
