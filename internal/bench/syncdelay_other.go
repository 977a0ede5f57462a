//go:build !linux

package main

import "errors"

func (s *syncDelay) install() error { return errors.ErrUnsupported }
