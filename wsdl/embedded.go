//go:build !noembed

package wsdl

import "embed"

// The pattern is embedPattern.
//
//go:embed [^.]*.*
var files embed.FS
