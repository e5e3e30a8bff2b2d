package profile

import (
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/kubeassay/assay/inspect/snapshot"
)

func defineSystem(l *language) {
	defineProcesses(l)
	defineMounts(l)
	definePorts(l)
	kernel := l.class(newClass("Kernel", "The running system below the container: it is the host's, and no image brings it."))
	textField(kernel, "release", "Such as 6.1.0-18-amd64.", func(k *snapshot.Kernel) string { return k.Release })
	textField(kernel, "version", "As uname -v says.", func(k *snapshot.Kernel) string { return k.Version })
	textField(kernel, "machine", "Such as x86_64.", func(k *snapshot.Kernel) string { return k.Machine })
	l.ident(&name{name: "kernel", typ: kernel.typ, about: "The host's kernel.", get: func(e *evaluation) ref.Val {
		if f := e.s.Kernel.Fact; f.State != snapshot.Present {
			return types.WrapErr(e.newGap("the kernel", f, "", snapshot.Plan{}))
		}
		return e.object(kernel, &e.s.Kernel)
	}})
}

func defineProcesses(l *language) {
	c := l.class(newClass("Process", "One process that the container sees; those of the inspection itself are left out."))
	c.label = func(v any) string { return v.(*snapshot.Process).Name }
	intField(c, "pid", "The process's number.", func(p *snapshot.Process) int64 { return int64(p.PID) })
	intField(c, "parent", "The parent's number.", func(p *snapshot.Process) int64 { return int64(p.ParentPID) })
	textField(c, "name", "At most 15 characters, chosen by the process itself.", func(p *snapshot.Process) string { return p.Name })
	status := func(name string, typ *cel.Type, about string, get func(*snapshot.Process) ref.Val) {
		define(c, name, typ, about, func(e *evaluation, p *snapshot.Process) ref.Val {
			if p.Status.State != snapshot.Present {
				return types.WrapErr(e.newGap("the status of process "+itoa(p.PID), p.Status, "", processPlan))
			}
			return get(p)
		})
	}
	for i, id := range []struct{ uid, gid, about string }{
		{"realUid", "realGid", "real"}, {"uid", "gid", "effective: what it acts as"}, {"savedUid", "savedGid", "saved"},
	} {
		status(id.uid, cel.IntType, "The user's number, "+id.about+".", func(p *snapshot.Process) ref.Val { return types.Int(p.UID[i]) })
		status(id.gid, cel.IntType, "The group's number, "+id.about+".", func(p *snapshot.Process) ref.Val { return types.Int(p.GID[i]) })
	}
	status("groups", cel.ListType(cel.IntType), "Numbers of the further groups.", func(p *snapshot.Process) ref.Val {
		all := make([]ref.Val, len(p.Groups))
		for i, g := range p.Groups {
			all[i] = types.Int(g)
		}
		return listOf(all, nil)
	})
	for _, set := range []struct {
		name, about string
		get         func(*snapshot.Process) uint64
	}{
		{"capabilities", "The effective capabilities, such as NET_RAW.", func(p *snapshot.Process) uint64 { return p.CapEffective }},
		{"permittedCapabilities", "What it may make effective.", func(p *snapshot.Process) uint64 { return p.CapPermitted }},
		{"inheritableCapabilities", "What programs it starts may get of their files.", func(p *snapshot.Process) uint64 { return p.CapInheritable }},
		{"boundingCapabilities", "What it and its children can ever get.", func(p *snapshot.Process) uint64 { return p.CapBounding }},
		{"ambientCapabilities", "What programs it starts keep.", func(p *snapshot.Process) uint64 { return p.CapAmbient }},
	} {
		status(set.name, cel.ListType(cel.StringType), set.about, func(p *snapshot.Process) ref.Val { return stringList(capabilityNames(set.get(p))) })
	}
	status("noNewPrivs", cel.BoolType, "No program it starts can have more privileges.", func(p *snapshot.Process) ref.Val { return types.Bool(p.NoNewPrivs) })
	status("seccomp", cel.StringType, `"disabled", "strict" or "filter".`, func(p *snapshot.Process) ref.Val {
		switch p.Seccomp {
		case 0:
			return types.String("disabled")
		case 1:
			return types.String("strict")
		}
		return types.String("filter")
	})
	defineProcessDetails(c)
	listName(l, "processes", c, "The processes that the container sees.", func(e *evaluation) ([]snapshot.Process, error) { return e.processes() })
	l.ident(&name{name: "process1", typ: c.typ, about: "The container's first process: number 1, where the process namespace is its own.", get: func(e *evaluation) ref.Val { return e.process1(c) }})
}

var processPlan = snapshot.Plan{Processes: true}

func defineProcessDetails(c *class) {
	fact := func(name string, typ *cel.Type, about string, state func(*snapshot.Process) snapshot.Fact, get func(*snapshot.Process) ref.Val) {
		define(c, name, typ, about, func(e *evaluation, p *snapshot.Process) ref.Val {
			if f := state(p); f.State != snapshot.Present {
				return types.WrapErr(e.newGap("the "+name+" of process "+itoa(p.PID), f, "", processPlan))
			}
			return get(p)
		})
	}
	args := func(p *snapshot.Process) snapshot.Fact { return p.ArgsFact }
	fact("args", cel.ListType(cel.StringType), "The command line.", args, whole("args", func(p *snapshot.Process) ref.Val { return stringList(p.Args) }))
	fact("command", cel.StringType, "The command line in one string.", args, whole("command", func(p *snapshot.Process) ref.Val { return types.String(strings.Join(p.Args, " ")) }))
	fact("exe", cel.StringType, "The path of the program.", func(p *snapshot.Process) snapshot.Fact { return p.ExeFact }, func(p *snapshot.Process) ref.Val { return types.String(p.Exe) })
	fact("env", cel.ListType(cel.StringType), "The names of its environment variables; values are never collected.", func(p *snapshot.Process) snapshot.Fact { return p.EnvFact }, func(p *snapshot.Process) ref.Val { return stringList(p.Env) })
	define(c, "started", cel.TimestampType, "When it began.", func(e *evaluation, p *snapshot.Process) ref.Val {
		if p.Started.IsZero() {
			return types.WrapErr(e.newGap("when process "+itoa(p.PID)+" began", snapshot.Fact{State: snapshot.NotCollected}, "", snapshot.Plan{}))
		}
		return types.Timestamp{Time: p.Started}
	})
}

// whole guards what is made of arguments: secrets in them may be gone.
func whole(what string, get func(*snapshot.Process) ref.Val) func(*snapshot.Process) ref.Val {
	return func(p *snapshot.Process) ref.Val {
		if p.Redacted {
			return types.WrapErr(redacted("the " + what + " of process " + itoa(p.PID)))
		}
		return get(p)
	}
}

// processes are the container's, without our own.
func (e *evaluation) processes() ([]snapshot.Process, error) {
	all, fact := e.s.Processes()
	all = slices.DeleteFunc(all, func(p snapshot.Process) bool { return p.Own })
	if fact.State == snapshot.Present {
		return all, nil
	}
	return all, e.newGap("the list of processes", fact, "", processPlan)
}

func (e *evaluation) process1(c *class) ref.Val {
	if d := e.declared(); d.pod != nil {
		spec := &d.pod.Spec
		if spec.HostPID || spec.ShareProcessNamespace != nil && *spec.ShareProcessNamespace {
			return types.WrapErr(&gap{status: gapStatus(snapshot.NotCollected), text: "process 1 is not the container's: the pod shares its process namespace"})
		}
	}
	all, why := e.processes()
	for i := range all {
		if all[i].PID == 1 {
			o := e.object(c, &all[i])
			o.asked = "process1"
			return o
		}
	}
	if why == nil {
		why = &gap{status: gapStatus(snapshot.Failed), text: "there is no process 1 in the list of processes"}
	}
	return types.WrapErr(why)
}

func defineMounts(l *language) {
	c := l.class(newClass("Mount", "One line of the container's mount table."))
	c.label = func(v any) string { return v.(*snapshot.Mount).Target }
	textField(c, "target", "Where it is mounted.", func(m *snapshot.Mount) string { return m.Target })
	textField(c, "source", "What is mounted, as the kernel says.", func(m *snapshot.Mount) string { return m.Source })
	textField(c, "root", "Which part of the file system is mounted.", func(m *snapshot.Mount) string { return m.Root })
	textField(c, "type", "The kind of file system: overlay, tmpfs, proc, ext4.", func(m *snapshot.Mount) string { return m.Type })
	textField(c, "device", `"major:minor".`, func(m *snapshot.Mount) string { return m.Device })
	textsField(c, "options", "Of the mount: ro, nosuid, nodev, noexec.", func(m *snapshot.Mount) []string { return m.Options })
	textsField(c, "superOptions", "Of the file system.", func(m *snapshot.Mount) []string { return m.SuperOptions })
	boolField(c, "readOnly", "Nobody can write through it.", func(m *snapshot.Mount) bool {
		return slices.Contains(m.Options, "ro") || slices.Contains(m.SuperOptions, "ro")
	})
	listName(l, "mounts", c, "What is mounted in the container.", func(e *evaluation) ([]snapshot.Mount, error) {
		all, fact := e.s.Mounts()
		if fact.State == snapshot.Present {
			return all, nil
		}
		return all, e.newGap("the list of mounts", fact, "", snapshot.Plan{Mounts: true})
	})
}

// mountTargets are the places where something is mounted, and whether these are all.
func (e *evaluation) mountTargets() (targets map[string]bool, whole bool) {
	if e.mountedAt == nil {
		all, fact := e.s.Mounts()
		e.mountedAt, e.mountsWhole = make(map[string]bool, len(all)), fact.State == snapshot.Present
		for _, m := range all {
			e.mountedAt[path.Clean(m.Target)] = true
		}
	}
	return e.mountedAt, e.mountsWhole
}

func definePorts(l *language) {
	c := l.class(newClass("Port", "One listening socket. All containers of a pod see the same ones; with hostNetwork they are the node's."))
	c.label = func(v any) string {
		s := v.(*snapshot.Socket)
		return itoa(int(s.Port)) + "/" + s.Protocol
	}
	textField(c, "protocol", "tcp, tcp6, udp or udp6.", func(s *snapshot.Socket) string { return s.Protocol })
	textField(c, "address", "The IP address; 0.0.0.0 and :: are all.", func(s *snapshot.Socket) string { return s.Address })
	intField(c, "port", "The port's number.", func(s *snapshot.Socket) int64 { return int64(s.Port) })
	intField(c, "uid", "The number of the user who opened it.", func(s *snapshot.Socket) int64 { return int64(s.UID) })
	intField(c, "pid", "The process; 0 where that is not known, such as in another container.", func(s *snapshot.Socket) int64 { return int64(s.PID) })
	boolField(c, "loopback", "Only the pod itself can reach it.", func(s *snapshot.Socket) bool {
		a, err := netip.ParseAddr(s.Address)
		return err == nil && a.Unmap().IsLoopback()
	})
	listName(l, "ports", c, "The sockets that listen.", func(e *evaluation) ([]snapshot.Socket, error) {
		all, fact := e.s.Sockets()
		if fact.State == snapshot.Present {
			return all, nil
		}
		return all, e.newGap("the list of listening sockets", fact, "", snapshot.Plan{Sockets: true})
	})
}
