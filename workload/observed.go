package workload

// Observed is what was seen inside a running container: the strongest evidence there is.
type Observed struct {
	// Pod is where it was seen: the pod itself, or one with the same owner,
	// container and image digest that stands for it.
	Pod string
	// Process is the one that decides who the container runs as: one that runs
	// as root, or else the first. Processes counts all that were seen.
	Process   ObservedProcess
	Processes int
}

// ObservedProcess is one process of a container.
type ObservedProcess struct {
	PID  int
	Name string
	// UID is the least of its real, effective and saved user ID, as the
	// container's own user namespace numbers them.
	UID uint32
}
