package e2e_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/xml"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbox/soap"
)

// client is like the one of Salesforce: it follows no redirects and asks for no compression.
var client = &http.Client{
	Timeout: testTimeout,
	Transport: &http.Transport{
		DisableCompression: true, MaxIdleConnsPerHost: 16,
		TLSClientConfig: &tls.Config{RootCAs: authority().Pool()},
	},
	CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	},
}

// answer is what came back for a request.
type answer struct {
	status      int
	contentType string
	body        string
}

// get makes a GET request. Without an answer the status is 0.
func get(tb testing.TB, url string, header ...string) answer {
	tb.Helper()
	return do(tb, http.MethodGet, url, nil, header...)
}

// post posts a message. Without an answer the status is 0. Header holds names and values in turn.
func post(tb testing.TB, url string, body []byte, header ...string) answer {
	tb.Helper()
	return do(tb, http.MethodPost, url, bytes.NewReader(body), header...)
}

func do(tb testing.TB, method, url string, body io.Reader, header ...string) answer {
	tb.Helper()
	return doBy(tb, client, method, url, body, header...)
}

// doBy makes a request with a client other than the default one.
func doBy(
	tb testing.TB, by *http.Client, method, url string, body io.Reader, header ...string,
) answer {
	tb.Helper()
	ctx := context.WithoutCancel(tb.Context()) // for requests of a cleanup; clients have a timeout
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		tb.Fatal(err)
	}
	request.Header.Set("Content-Type", "text/xml; charset=UTF-8")
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := by.Do(request)
	if err != nil {
		return answer{body: err.Error()}
	}
	return read(response)
}

func read(response *http.Response) answer {
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{body: err.Error()}
	}
	return answer{response.StatusCode, response.Header.Get("Content-Type"), string(body)}
}

// acked is the only answer on which Salesforce drops a message.
var acked = answer{http.StatusOK, "text/xml; charset=utf-8", soap.Ack}

func requireAck(tb testing.TB, got answer) {
	tb.Helper()
	if diff := cmp.Diff(acked, got, cmp.AllowUnexported(answer{})); diff != "" {
		tb.Fatalf("not the Ack (-want +got):\n%s", diff)
	}
}

// actsWithin bounds the time until a change by an operator takes effect on a running server, 1 s,
// with a margin for a busy machine.
const actsWithin = time.Second + 2*time.Second

// requireAckSoon posts until the message is acked, because the server may not know of a new source
// yet.
func requireAckSoon(tb testing.TB, url string, body []byte) {
	tb.Helper()
	requireStatusSoon(tb, url, body, http.StatusOK)
}

func requireStatusSoon(tb testing.TB, url string, body []byte, want int) {
	tb.Helper()
	var got answer
	eventually(tb, actsWithin, http.StatusText(want), func() bool {
		got = post(tb, url, body)
		return got.status == want
	})
	if want == http.StatusOK {
		requireAck(tb, got)
	}
}

// envelope11 is what encoding/xml reads of a SOAP 1.1 Fault.
type envelope11 struct {
	XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
	Body    struct {
		Fault struct {
			Code   string `xml:"faultcode"`
			String string `xml:"faultstring"`
		} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault"`
	} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
}

// checkFault checks that an answer is a Fault with a status and a code.
func checkFault(tb testing.TB, got answer, status int, code soap.FaultCode) {
	tb.Helper()
	if got.status != status {
		tb.Errorf("got status %d, want %d: %s", got.status, status, got.body)
	}
	if want := acked.contentType; got.contentType != want {
		tb.Errorf("got content type %q, want %q", got.contentType, want)
	}
	var fault envelope11
	if err := xml.Unmarshal([]byte(got.body), &fault); err != nil {
		tb.Errorf("the Fault cannot be read: %v: %q", err, got.body)
		return
	}
	if got := fault.Body.Fault; got.Code != string(code) || got.String == "" {
		tb.Errorf("got the Fault %+v, want the code %s and a reason", got, code)
	}
}
