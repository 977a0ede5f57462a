package main

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

const day = 24 * time.Hour

// parseDuration parses a duration such as 90s, 30d or 1d12h. A day is 24 hours and comes first.
// Durations are never negative.
func parseDuration(text string) (time.Duration, error) {
	rest, days := text, time.Duration(0)
	if number, after, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil || n > uint64(math.MaxInt64/day) {
			return 0, notDuration(text)
		}
		if rest, days = after, time.Duration(n)*day; rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || days+d < 0 || strings.HasPrefix(rest, "-") {
		return 0, notDuration(text)
	}
	return days + d, nil
}

func notDuration(text string) error {
	return fmt.Errorf("%q is not a duration such as 90s, 12h or 30d", text)
}

// durationMapper makes every flag of the type time.Duration one of parseDuration.
func durationMapper() kong.Option {
	return kong.TypeMapper(reflect.TypeFor[time.Duration](),
		kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
			var text string
			if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
				return err
			}
			d, err := parseDuration(text)
			if err == nil {
				target.SetInt(int64(d))
			}
			return err
		}))
}
