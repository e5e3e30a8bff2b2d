package facts

import scalibrlog "github.com/google/osv-scalibr/log"

// The library writes what it passes over to standard error, with names that a
// stranger chose. What matters of it is in [Source].
func init() { scalibrlog.SetLogger(quiet{}) }

type quiet struct{}

func (quiet) Errorf(string, ...any) {}
func (quiet) Error(...any)          {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Warn(...any)           {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Info(...any)           {}
func (quiet) Debugf(string, ...any) {}
func (quiet) Debug(...any)          {}
