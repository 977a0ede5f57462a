package simulate

import "math/rand/v2"

// newRandom returns a generator of random numbers that depend on seed and stream only.
func newRandom(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream))
}

func randomSeed() uint64 {
	return rand.Uint64()
}

// pick returns a random element.
func pick[T any](random *rand.Rand, of []T) T { return of[random.IntN(len(of))] }
