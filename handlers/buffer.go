package handlers

import (
	"errors"
	"io"
	"sync"
)

// bodyBuffer holds what has come of a body. The rooms account for exactly what it has allocated.
type bodyBuffer struct {
	rooms  *rooms
	source int64
	memory *[]byte // of full length; nil at first
	room   *room   // that memory is taken from
	length int     // of what has come
}

const (
	// firstBuffer is the room that is made before the first byte has come: most messages fit in it.
	firstBuffer = 16 << 10
	// growth is how many times larger the next buffer is: the larger it is, the less room two of them
	// take while one is copied to the other, and the more of it may be without use.
	growth = 4
	// numPooled is how many sizes of buffers are kept for the next body: up to 1 MiB.
	numPooled = 4
)

// pools are the buffers that wait for the next body, by size: firstBuffer and the next ones.
var pools [numPooled]sync.Pool

// poolOf returns the pool of buffers of a size, or nil.
func poolOf(size int64) *sync.Pool {
	for i, pooled := 0, int64(firstBuffer); i < numPooled; i, pooled = i+1, growth*pooled {
		if size == pooled {
			return &pools[i]
		}
	}
	return nil
}

// nextSize returns the size of the next buffer for a body with a Content-Length, or -1, after one
// of a size. A body has ended, or is known to be too large, when there is room for one byte more.
func (r *rooms) nextSize(size, contentLength int64) int64 {
	next := min(max(growth*size, firstBuffer), r.limit+1)
	if contentLength >= 0 && poolOf(next) == nil {
		next = min(next, contentLength+1)
	}
	return max(next, size+1)
}

func (b *bodyBuffer) size() int64 {
	if b.memory == nil {
		return 0
	}
	return int64(len(*b.memory))
}

func (b *bodyBuffer) bytes() []byte {
	if b.memory == nil {
		return nil
	}
	return (*b.memory)[:b.length]
}

// grow moves what has come to a larger buffer, and reports whether there is room for it, beside the
// one before.
func (b *bodyBuffer) grow(size int64) bool {
	taken := b.rooms.take(b.source, size)
	if taken == nil {
		return false
	}
	memory, pool := (*[]byte)(nil), poolOf(size)
	if pool != nil {
		memory, _ = pool.Get().(*[]byte)
	}
	if memory == nil {
		made := make([]byte, size)
		memory = &made
	}
	copy(*memory, b.bytes())
	b.release()
	b.memory, b.room = memory, taken
	return true
}

// release gives back the buffer and its room. What has come is still counted.
func (b *bodyBuffer) release() {
	if b.memory == nil {
		return
	}
	b.room.giveBack(b.source, b.size())
	if pool := poolOf(b.size()); pool != nil {
		pool.Put(b.memory)
	}
	b.memory, b.room = nil, nil
}

// fill reads until the buffer is full or the body has ended, and reports whether it has.
func (b *bodyBuffer) fill(body io.Reader, p *pace) (ended bool, err error) {
	for b.length < len(*b.memory) {
		n, err := body.Read((*b.memory)[b.length:])
		b.length += n
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		p.came(n)
	}
	return false, nil
}
