// Package local reads a container from the machine it is on: a folder that
// holds its file system, such as an image that is mounted read-only, or a
// running container beside ours, through /proc. It is the inside of the program
// assay-collector, and works on Linux only.
//
// It asks no API, writes nothing, and follows no symbolic link out of the
// container: each path is opened by the kernel below the container's root
// (openat2 with RESOLVE_IN_ROOT). It never opens a device or a pipe, and never
// reads more than the plan's limits. It judges nothing; what could not be read
// says so, with what would have been needed.
//
//	s, err := local.Collect(ctx, local.Source{ContainerID: id}, &plan)
package local
