package local

import (
	"fmt"
	"math/bits"
	"strings"
)

// capabilityNames are those of capabilities(7), by number.
const capabilityNames = "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE " +
	"NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE " +
	"SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL " +
	"SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"

// The capabilities that decide here, by number.
const (
	capSetgid = 6
	capSetuid = 7
	capPtrace = 19
)

func has(mask uint64, capability int) bool { return mask&(1<<capability) != 0 }

// capabilities names the members of a set: "CAP_CHOWN, CAP_KILL".
func capabilityList(mask uint64) string {
	names := strings.Fields(capabilityNames)
	var list []string
	for ; mask != 0; mask &= mask - 1 {
		if n := bits.TrailingZeros64(mask); n < len(names) {
			list = append(list, "CAP_"+names[n])
		} else {
			list = append(list, fmt.Sprintf("capability %d", n))
		}
	}
	return strings.Join(list, ", ")
}

// explain says why a process could not be looked into, and what would do. The
// kernel's rule is in ptrace(2), "Ptrace access mode checking".
func explain(pid int, target, me *status, canSwitch bool) string {
	who := fmt.Sprintf("process %d is closed to us", pid)
	const way = "; with CAP_SYS_PTRACE it can be read (--allow-ptrace)"
	if !same(target.uid) || !same(target.gid) {
		return fmt.Sprintf("%s: its real, effective and saved IDs differ (uid %d/%d/%d, gid %d/%d/%d), so no other user is its equal%s", who,
			target.uid[0], target.uid[1], target.uid[2], target.gid[0], target.gid[1], target.gid[2], way)
	}
	if !canSwitch && (target.uid[1] != me.uid[3] || target.gid[1] != me.gid[3]) {
		return fmt.Sprintf("%s: it takes uid %d and gid %d (asked as uid %d and gid %d)%s", who,
			target.uid[1], target.gid[1], me.uid[3], me.gid[3], way)
	}
	if missing := target.permitted &^ me.permitted; missing != 0 {
		return fmt.Sprintf("%s: it takes uid %d and gid %d with %s, which we do not have%s", who,
			target.uid[1], target.gid[1], capabilityList(missing), way)
	}
	return fmt.Sprintf("%s, although user, group and capabilities fit: its program has file capabilities or is not readable to it, it forbids being looked into, or a security module (AppArmor, SELinux) does%s",
		who, way)
}
