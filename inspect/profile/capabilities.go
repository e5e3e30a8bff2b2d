package profile

import (
	"encoding/binary"
	"strconv"
)

// capabilities are the kernel's, in the order of their numbers
// (include/uapi/linux/capability.h), named as Kubernetes does.
var capabilities = [...]string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE",
	"NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE",
	"SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE",
	"AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
}

// capabilityNames names the bits of a set; those of a newer kernel by number.
func capabilityNames(set uint64) []string {
	names := []string{}
	for i := range 64 {
		switch {
		case set&(1<<i) == 0:
		case i < len(capabilities):
			names = append(names, capabilities[i])
		default:
			names = append(names, "CAP_"+strconv.Itoa(i))
		}
	}
	return names
}

// fileCapabilities names what the security.capability attribute permits or
// lets inherit (struct vfs_cap_data of the same header).
func fileCapabilities(raw []byte) []string {
	if len(raw) < 12 {
		return []string{"unreadable"}
	}
	word := func(i int) uint64 {
		if len(raw) < 4*i+4 {
			return 0
		}
		return uint64(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	set := word(1) | word(2)
	if raw[3] > 1 { // revisions 2 and 3 have 64 bits
		set |= (word(3) | word(4)) << 32
	}
	return capabilityNames(set)
}

func itoa(n int) string { return strconv.Itoa(n) }
