// Command gen generates the packages in soap/sobject from the WSDLs in wsdl. The go:generate line
// of package wsdl runs it in that package's folder.
//
// It parses each WSDL with package wsdl, runs gowsdl on a simplified WSDL of the same types,
// corrects the Go code that gowsdl wrote, adds a JSON Schema of the fields as they are passed on,
// and writes no file until all of this has succeeded.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := generate(ctx, ".", "../soap/sobject", os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
