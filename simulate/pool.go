package simulate

import (
	"math/rand/v2"
	"time"
)

// pool is the records of an organization that has had them for long. A record is not kept: it is
// made again from its number when it changes, so that a pool of millions takes little memory. A
// change is therefore one of the record as it was at first, with a later LastModifiedDate each time.
type pool struct {
	seed   uint64
	ids    ids   // of the record before the first
	opened int64 // Unix time; all records are older
	// modified is the Unix time of the last change of each record, 0 before the first.
	modified []int64
}

func newPool(random *rand.Rand, ids ids, size int, now time.Time) *pool {
	return &pool{random.Uint64(), ids, now.Unix(), make([]int64, size)}
}

// changeOne changes a record of the pool at random and returns it.
func (g *Generator) changeOne(p *pool) *savedRecord {
	i := g.random.IntN(len(p.modified))
	s := g.again(p, i)
	if at := p.modified[i]; at != 0 {
		s.modified = time.Unix(at, 0).UTC()
	}
	g.change(s)
	p.modified[i] = s.modified.Unix()
	return s
}

// again makes a record of the pool as it was at first, which is the same each time.
func (g *Generator) again(p *pool, i int) *savedRecord {
	const year = 365 * 24 * 60 * 60 // seconds
	random, others := g.random, g.others
	defer func() { g.random, g.others = random, others }()
	g.random, g.others = newRandom(p.seed, uint64(i)), map[string]*ids{}
	created := time.Unix(p.opened-1-g.random.Int64N(year), 0)
	return g.createAt(p.ids.at(uint64(i)+1), created)
}
