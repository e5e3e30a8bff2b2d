// Package proc reads the texts of Linux' /proc (proc(5)) as they are, whoever
// has brought them: our collector, from the files, or a shell in a container.
// It opens nothing, and knows nothing of processes, containers or plans.
//
//	mounts, err := proc.Mounts(mountinfo)
package proc
