package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// pace cuts off a large body that does not keep coming: it holds room that others need. A small one
// has all the time of a request.
type pace struct {
	answer  http.ResponseWriter // of the request
	end     time.Time           // of all the time that the body has
	needed  int                 // bytes in each window
	missing int                 // of them in the present window
}

const (
	// paceWindow is the time in which a paceParts-th of a large body must come, or of its buffer if
	// its length is not known: half as fast as what is to come in 30 s, the time of a request.
	paceWindow = 5 * time.Second
	paceParts  = 12
)

func newPace(c echo.Context, timeout time.Duration) pace {
	return pace{answer: c.Response(), end: time.Now().Add(timeout)}
}

// expect begins a window, for a body of a size; 0 is for one that has come.
func (p *pace) expect(size int64) {
	if size == 0 && p.needed == 0 {
		return // it was small: the deadline is the server's still
	}
	p.needed = int(size / paceParts)
	p.begin()
}

// begin begins a window.
func (p *pace) begin() {
	p.missing = p.needed
	deadline := p.end
	if window := time.Now().Add(paceWindow); p.needed > 0 && window.Before(deadline) {
		deadline = window
	}
	// Without a connection, as in a test, there is no deadline.
	_ = http.NewResponseController(p.answer).SetReadDeadline(deadline)
}

// came counts bytes that have come.
func (p *pace) came(n int) {
	if p.needed == 0 {
		return
	}
	if p.missing -= n; p.missing <= 0 {
		p.begin()
	}
}
