// Package e2e holds the tests of the whole: they build the real binary, run it as a process of its own against real
// databases, post to it, kill it, and look at what it stored. They know the contract (HTTP, command line, files) and
// nothing of the packages behind it, but for the Ack's bytes and the simulator that posts.
package e2e
