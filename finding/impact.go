package finding

// SeverityOf is the severity of a control with that impact: 0.9 and above is
// critical, 0.7 high, 0.5 medium, above 0 low, 0 info.
func SeverityOf(impact float64) Severity {
	switch {
	case impact >= 0.9:
		return Critical
	case impact >= 0.7:
		return High
	case impact >= 0.5:
		return Medium
	case impact > 0:
		return Low
	}
	return Info
}
