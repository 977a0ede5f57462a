package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
)

// confirm asks a question on a terminal. It returns an error after any other answer than yes, and
// without a terminal one that says how to go on without being asked.
func confirm(t terminal, question string) error {
	file, ok := t.err.(*os.File)
	if ok && isTerminal(os.Stdin) && isTerminal(file) {
		fmt.Fprintf(t.err, "%s [y/N] ", question)
		answer, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes":
			return nil
		}
		return errors.New("nothing was done")
	}
	return usageError{errors.New(question + " Add --yes")}
}

func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
