package webhook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"ackbox/relay"
	"ackbox/relay/webhook"
)

// BenchmarkSend sends batches of 100 events to a receiver on this machine, and, in turn with that, the
// same events one at a time. The metric x is how many times as fast the batch is; events/s is its
// rate. The receiver answers at once, or takes 5 ms.
func BenchmarkSend(b *testing.B) {
	for name, takes := range map[string]time.Duration{"at once": 0, "5 ms": 5 * time.Millisecond} {
		b.Run(name, func(b *testing.B) {
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if takes > 0 {
					<-time.After(takes)
				}
			}))
			b.Cleanup(server.Close)
			sender := open(b, server.URL, local, map[string]string{webhook.SecretKey: webhook.NewKey()})
			batch := events(100)
			var together, single time.Duration
			for b.Loop() {
				begun := time.Now()
				requireSent(b, sender.Send(b.Context(), batch))
				together += time.Since(begun)
				begun = time.Now()
				for i := range batch {
					requireSent(b, sender.Send(b.Context(), batch[i:i+1]))
				}
				single += time.Since(begun)
			}
			b.ReportMetric(float64(single)/float64(together), "x")
			b.ReportMetric(float64(b.N*len(batch))/together.Seconds(), "events/s")
		})
	}
}

func requireSent(b *testing.B, verdicts []relay.Verdict) {
	b.Helper()
	for _, v := range verdicts {
		if v.Outcome != relay.Success {
			b.Fatalf("got %+v", v)
		}
	}
}
