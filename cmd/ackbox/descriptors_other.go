//go:build !unix

package main

// maxDescriptors returns 0: other systems have no such limit.
func maxDescriptors() int { return 0 }
