package store

import (
	"encoding/binary"
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

// array builds a one-dimensional array in PostgreSQL's binary format (array_recv in arrayfuncs.c):
// number of dimensions, whether there are nulls, the element type, length and lower bound of the
// dimension, then each element after its length, -1 for null. All integers have 4 bytes,
// big-endian.
type array struct{ value []byte }

func newArray(elementType uint32, length int) *array {
	const elementSize = 4 + 20 // an estimate that fits ids
	a := &array{make([]byte, 0, arrayHeader+elementSize*length)}
	for _, v := range []uint32{1, 0, elementType, uint32(length), 1} {
		a.value = binary.BigEndian.AppendUint32(a.value, v)
	}
	return a
}

// bytes appends a text, json or bytea element; nil is null.
func (a *array) bytes(element []byte) {
	if element == nil {
		a.null()
		return
	}
	a.value = binary.BigEndian.AppendUint32(a.value, uint32(len(element)))
	a.value = append(a.value, element...)
}

func (a *array) text(element string) {
	a.value = binary.BigEndian.AppendUint32(a.value, uint32(len(element)))
	a.value = append(a.value, element...)
}

func (a *array) textOrNull(element *string) {
	if element == nil {
		a.null()
		return
	}
	a.text(*element)
}

func (a *array) int2(element int16) {
	a.value = binary.BigEndian.AppendUint32(a.value, 2)
	a.value = binary.BigEndian.AppendUint16(a.value, uint16(element))
}

func (a *array) int4(element int64) {
	a.value = binary.BigEndian.AppendUint32(a.value, 4)
	a.value = binary.BigEndian.AppendUint32(a.value, uint32(element))
}

// postgresEpoch is the time from which PostgreSQL counts microseconds.
var postgresEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (a *array) timestamp(element time.Time) {
	a.value = binary.BigEndian.AppendUint32(a.value, 8)
	micros := micros(element).UnixMicro() - postgresEpoch.UnixMicro()
	a.value = binary.BigEndian.AppendUint64(a.value, uint64(micros))
}

func (a *array) timestampOrNull(element *time.Time) {
	if element == nil {
		a.null()
		return
	}
	a.timestamp(*element)
}

func (a *array) null() {
	binary.BigEndian.PutUint32(a.value[4:], 1) // there are nulls
	a.value = append(a.value, 0xff, 0xff, 0xff, 0xff)
}
