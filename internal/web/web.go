// Package web makes the Echo that all surfaces are registered on. It has what holds for every
// request, whoever answers it: a request id, the headers of the answer, and an answer to whatever
// fails. What fails below the path of a surface is answered by the surface, in its own form.
package web

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// Server is the Echo of one address.
type Server struct {
	*echo.Echo
	log      *slog.Logger
	surfaces []surface
}

type surface struct {
	path    string
	onError echo.HTTPErrorHandler
}

// New returns a Server without any route. RemoteAddr tells where a request comes from, for logs and
// records.
func New(log *slog.Logger, remoteAddr func(*http.Request) string) *Server {
	s := &Server{Echo: echo.New(), log: log}
	s.HideBanner, s.HidePort = true, true
	s.IPExtractor = remoteAddr
	s.HTTPErrorHandler = s.answerError
	s.Use(forEach)
	return s
}

// Surface returns the group of the routes below a path, such as "/outbound". Every error below it
// is answered by onError, that of an unknown path or method as well.
func (s *Server) Surface(path string, onError echo.HTTPErrorHandler) *echo.Group {
	s.surfaces = append(s.surfaces, surface{path, onError})
	return s.Group(path)
}

func (s *Server) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	requested := c.Request().URL.Path
	for _, surface := range s.surfaces {
		if requested == surface.path || strings.HasPrefix(requested, surface.path+"/") {
			surface.onError(err, c)
			return
		}
	}
	s.answerPlainly(err, c)
}

// answerPlainly answers an error with its status and the status's words.
func (s *Server) answerPlainly(err error, c echo.Context) {
	id := c.Response().Header().Get(echo.HeaderXRequestID)
	status := http.StatusInternalServerError
	if e, ok := errors.AsType[*echo.HTTPError](err); ok {
		status = e.Code
	} else {
		s.log.Error("request failed", "request_id", id, "error", err)
	}
	if err := c.String(status, http.StatusText(status)+"\n"); err != nil {
		s.log.Debug("answer not sent", "request_id", id, "error", err)
	}
}
