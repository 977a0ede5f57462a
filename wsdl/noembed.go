//go:build noembed

package wsdl

import "embed"

// The generator is built without the files, so that it is the one to say what is wrong with them:
// the compiler stops at a name that go:embed rejects.
var files embed.FS
