// Package e2e holds the end-to-end tests. They build the real binary, run it as a process against
// real databases, post to it, kill it, and check what it stored. They know its interfaces (HTTP,
// command line, files) and not the packages behind them, except for the bytes of the Ack and the
// simulator that posts.
package e2e
