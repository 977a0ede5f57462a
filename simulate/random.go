package simulate

import "math/rand/v2"

// newRandom makes a source of chance that goes the same way again by the same seed. Two streams of one seed differ.
func newRandom(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream))
}

func randomSeed() uint64 {
	return rand.Uint64()
}

// pick draws one of several.
func pick[T any](random *rand.Rand, of []T) T { return of[random.IntN(len(of))] }
