// Command gen makes the packages in soap/sobject from the WSDLs in wsdl. The go:generate line of package wsdl runs it,
// in that package's folder.
//
// It reads each WSDL with package wsdl, gives gowsdl a plain one that says the same, corrects the Go code that gowsdl
// makes of it, and writes nothing before everything has succeeded.
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
