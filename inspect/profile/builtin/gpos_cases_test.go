package builtin_test

import (
	"testing"

	"github.com/kubeassay/assay/finding"
	"github.com/kubeassay/assay/inspect/profile"
	"github.com/kubeassay/assay/inspect/snapshot"
)

func TestGPOSContainer(t *testing.T) {
	p := load(t, "gpos-container")
	t.Run("well-made", func(t *testing.T) { wellMadePasses(t, p) })
	t.Run("nothing collected", func(t *testing.T) { nothingPasses(t, p, "SRG-OS-000775-GPOS-00230") })
	var failing []change
	byAnswer := map[string][]change{}
	for _, c := range gposCases() {
		byAnswer[c.control] = append(byAnswer[c.control], c)
	}
	var host []string
	for _, r := range requirements(t) {
		if r["answer"] == "host" {
			host = append(host, r["id"])
		}
		for _, c := range byAnswer[r["answer"]] {
			c.control = r["id"]
			failing = append(failing, c)
		}
	}
	check(t, p, failing, host...)
}

// TestGPOSDecidesWithoutShadow: who can't read /etc/shadow still learns most.
func TestGPOSDecidesWithoutShadow(t *testing.T) {
	in := wellMade()
	in.change("/etc/shadow", func(e *snapshot.Entry) { e.Content = denied })
	open := 0
	for id, f := range evaluate(t, load(t, "gpos-container"), in.snapshot(t), nil) {
		switch f.Status {
		case finding.NotReviewed:
			open++
		case finding.Fail, finding.Error:
			t.Errorf("%s: %s: %s", id, f.Status, f.Message)
		}
	}
	if open != 1 { // kinds of passwords
		t.Errorf("%d controls are left open, want that about hashes alone", open)
	}
}

func TestGPOSHostRequirements(t *testing.T) {
	p := load(t, "gpos-container")
	found := evaluate(t, p, wellMade().snapshot(t), nil)
	hosts := 0
	for _, c := range p.Controls {
		if len(c.Applies) == 1 && c.Applies[0] == profile.ToHost {
			hosts++
			if f := found[c.ID]; f.Status != finding.NotApplicable {
				t.Errorf("%s: %s", c.ID, f.Status)
			}
		}
	}
	if hosts != 6 {
		t.Errorf("%d requirements are about hosts", hosts)
	}
}

// gposCases have an answer's name in place of a control's.
func gposCases() []change {
	fail, pass, na := finding.Fail, finding.Pass, finding.NotApplicable
	file := func(name string, mode uint32, content string) func(*inside) {
		return func(in *inside) { in.file(name, mode, content) }
	}
	all := func(do ...func(*inside)) func(*inside) {
		return func(in *inside) {
			for _, f := range do {
				f(in)
			}
		}
	}
	nothing := func(*inside) {}
	shadow := func(fields string) func(*inside) {
		return file("/etc/shadow", 0o640, "root:*:1::::::\nann:"+fields+"\n")
	}
	ann := all(file("/etc/passwd", 0o644, "root:x:0:0:::/sbin/nologin\nann:x:1000:1000::/home/ann:/bin/sh\n"),
		file("/etc/group", 0o644, "root:x:0:\nann:x:1000:\nsudo:x:27:ann\nnonroot:x:65532:\n"), file("/bin/sh", 0o755, "x"),
		func(in *inside) {
			in.folder("/home/ann", 0o700)
			in.change("/home/ann", func(e *snapshot.Entry) { e.UID, e.GID = 1000, 1000 })
		})
	login := all(ann, shadow("$6$a$b:1:0:99999:7:::"))
	sshd := file("/usr/sbin/sshd", 0o755, "x")
	config := func(text string) func(*inside) { return all(sshd, file("/etc/ssh/sshd_config", 0o644, text)) }
	quality := func(text string) func(*inside) { return all(login, file("/etc/security/pwquality.conf", 0o644, text)) }
	lock := func(text string) func(*inside) { return all(login, file("/etc/security/faillock.conf", 0o644, text)) }
	defs := func(text string) func(*inside) { return all(login, file("/etc/login.defs", 0o644, text)) }
	dnf := file("/usr/bin/dnf", 0o755, "x")
	apt := file("/usr/bin/apt-get", 0o755, "x")
	libcrypto := file("/usr/lib/libcrypto.so.3", 0o644, "x")
	c := func(answer, name string, do func(*inside), want finding.Status, message string) change {
		return change{control: answer, name: name, do: do, want: want, message: message}
	}
	return []change{
		c("people", "one", ann, fail, "ann"), c("people", "none", nothing, na, "No account but root"),
		c("people", "its shell is not there", all(ann, func(in *inside) { in.remove("/bin/sh") }), na, ""),
		c("accounts-unique", "uid", file("/etc/passwd", 0o644, "a:x:5:5:::\nb:x:5:5:::\n"), fail, "a (5), b (5)"),
		c("accounts-unique", "gid", file("/etc/group", 0o644, "a:x:5:\nb:x:5:\n"), fail, "share a gid"),
		c("accounts-temporary", "for ever", all(ann, shadow("*:1::::::")), fail, "ann"),
		c("accounts-temporary", "ends", all(ann, shadow("*:1:::::20000:")), pass, ""),
		c("accounts-inactive", "never", all(ann, shadow("*:1::::::")), fail, "ann"),
		c("accounts-inactive", "35 days", all(ann, shadow("*:1::::35::")), pass, ""),
		c("accounts-separate", "sudo", ann, fail, "ann"),
		c("accounts-separate", "not", all(ann, file("/etc/group", 0o644, "root:x:0:\nann:x:1000:\n")), pass, ""),
		c("umask", "default", ann, fail, "UMASK is unset"), c("umask", "077", all(ann, file("/etc/login.defs", 0o644, "UMASK 077\n")), pass, ""),
		c("homes", "open", all(ann, func(in *inside) {
			in.change("/home/ann", func(e *snapshot.Entry) { e.Mode = snapshot.ModeDir | 0o755 })
		}), fail, "/home/ann"),
		c("homes", "closed", ann, pass, ""),
		c("privileged-functions", "setuid", all(file("/bin/su", 0o4755, "x"), func(in *inside) { in.one().NoNewPrivs = false }), fail, "/bin/su"),
		c("privileged-functions", "of no use", file("/bin/su", 0o4755, "x"), pass, ""),
		c("authenticate-again", "NOPASSWD", all(file("/usr/bin/sudo", 0o755, "x"), file("/etc/sudoers.d/x", 0o440, "ann ALL=NOPASSWD: ALL\n")), fail, "/etc/sudoers.d/x"),
		c("authenticate-again", "asks", all(file("/usr/bin/sudo", 0o755, "x"), file("/etc/sudoers", 0o440, "# NOPASSWD\nroot ALL=(ALL) ALL\n")), pass, ""),
		c("authenticate-again", "no sudo", nothing, na, "sudo is not installed"),
		c("remote", "installed", sshd, fail, "/usr/sbin/sshd"), c("remote", "none", nothing, na, "no server for remote"),
		c("remote", "runs", func(in *inside) { in.processes = append(in.processes, snapshot.Process{PID: 9, Name: "dropbear"}) }, fail, "dropbear (process 9)"),
		c("remote-none", "installed", sshd, fail, "/usr/sbin/sshd"), c("remote-none", "none", nothing, pass, ""),
		c("remote-banner", "none", sshd, fail, "no banner"), c("remote-banner", "file missing", config("Banner /etc/issue\n"), fail, "/etc/issue"),
		c("remote-banner", "one", all(config("Banner /etc/issue\n"), file("/etc/issue", 0o644, "Hello")), pass, ""),
		c("remote-idle", "default", sshd, fail, "ClientAliveInterval is unset"),
		c("remote-idle", "set", config("ClientAliveInterval 600\nClientAliveCountMax 1\n"), pass, ""),
		c("remote-idle", "too long", config("ClientAliveInterval 601\nClientAliveCountMax 1\n"), fail, "601"),
		c("remote-encryption", "default", sshd, fail, "ciphers are unset"),
		c("remote-encryption", "weak", config("Ciphers aes256-ctr,3des-cbc\nMACs hmac-sha2-512\n"), fail, "3des"),
		c("remote-encryption", "strong", config("Ciphers aes256-gcm@openssh.com,aes256-ctr\nMACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256\n"), pass, ""),
		c("remote-automatic", "empty", config("PermitEmptyPasswords yes\n"), fail, "empty password"),
		c("remote-automatic", "empty for some", config("Match user x\n PermitEmptyPasswords yes\n"), fail, "empty password"),
		c("remote-automatic", "environment", config("PermitUserEnvironment yes\n"), fail, "environment"), c("remote-automatic", "default", sshd, pass, ""),
		c("lockout", "never", login, fail, "deny is unset"), c("lockout", "three", lock("deny = 3\n"), pass, ""), c("lockout", "four", lock("deny=4\n"), fail, "deny is 4"),
		c("lockout-stays", "opens", lock("unlock_time = 600\n"), fail, "600"), c("lockout-stays", "stays", lock("unlock_time = 0\n"), pass, ""),
		c("delay", "none", login, fail, "unset"), c("delay", "four", defs("FAIL_DELAY 4\n"), pass, ""), c("delay", "three", defs("FAIL_DELAY 3\n"), fail, "is 3"),
		c("sessions", "no limit", sshd, fail, "maxlogins"), c("sessions", "ten", all(sshd, file("/etc/security/limits.d/a.conf", 0o644, "* hard maxlogins 10\n")), pass, ""),
		c("sessions", "eleven", all(sshd, file("/etc/security/limits.conf", 0o644, "* hard maxlogins 11\n")), fail, "maxlogins"),
		c("password-default", "one", login, fail, "nothing here shows"), c("password-default", "none", nothing, na, "nobody logs in"),
		c("password-upper", "none", login, fail, "ucredit"), c("password-upper", "one", quality("ucredit = -1\n"), pass, ""),
		c("password-lower", "none", login, fail, "lcredit"), c("password-lower", "one", quality("lcredit = -1\n"), pass, ""),
		c("password-digit", "none", login, fail, "dcredit"), c("password-digit", "one", quality("dcredit = -2\n"), pass, ""),
		c("password-special", "credit", quality("ocredit = 1\n"), fail, "ocredit is 1"), c("password-special", "one", quality("ocredit = -1\n"), pass, ""),
		c("password-differs", "seven", quality("difok = 7\n"), fail, "7"), c("password-differs", "eight", quality("difok = 8\n"), pass, ""),
		c("password-length", "fourteen", quality("minlen = 14\n"), fail, "14"), c("password-length", "fifteen", quality("minlen = 15\n"), pass, ""),
		c("password-dictionary", "off", quality("dictcheck = 0\n"), fail, "0"), c("password-dictionary", "on", quality("dictcheck = 1\n"), pass, ""),
		c("password-hash", "weak", all(ann, shadow("$1$a$b:1::::::")), fail, "ann (md5)"), c("password-hash", "weak and locked", all(ann, shadow("!$1$a$b:1::::::")), fail, "ann (md5)"),
		c("password-hash", "in passwd", file("/etc/passwd", 0o644, "ann:$6$a$b:1:1:::\n"), fail, "ann"), c("password-hash", "strong", login, pass, ""),
		c("password-min-age", "none", login, fail, "ann"), c("password-min-age", "a day", all(ann, shadow("$6$a$b:1:1:60:7:::")), pass, ""),
		c("password-max-age", "for ever", login, fail, "ann"), c("password-max-age", "60 days", all(ann, shadow("$6$a$b:1:1:60:7:::")), pass, ""),
		c("password-max-age", "unset", all(ann, shadow("$6$a$b:1::::::")), fail, "ann"),
		c("password-cached", "for ever", file("/etc/sssd/sssd.conf", 0o600, "[pam]\nx=1\n"), fail, "unset"), c("password-cached", "no sssd", nothing, na, ""),
		c("password-cached", "a day", file("/etc/sssd/sssd.conf", 0o600, "[pam]\noffline_credentials_expiration = 1\n"), pass, ""),
		c("cleartext", "ftp", file("/usr/bin/ftp", 0o755, "x"), fail, "/usr/bin/ftp"), c("cleartext", "runs", func(in *inside) { in.one().Name = "in.telnetd" }, fail, "in.telnetd"),
		c("keys-private", "open", file("/a.key", 0o644, key), fail, "/a.key (0644)"), c("keys-private", "closed", file("/a.key", 0o600, key), pass, ""),
		c("cryptography", "plain OpenSSL", libcrypto, fail, "no FIPS module"), c("cryptography", "no OpenSSL", nothing, na, "not seen from outside"),
		c("cryptography", "not configured", all(libcrypto, file("/usr/lib/ossl-modules/fips.so", 0o644, "x"), file("/etc/ssl/openssl.cnf", 0o644, "# fips = x\n")), fail, "does not name"),
		c("cryptography", "validated", all(libcrypto, file("/usr/lib/ossl-modules/fips.so", 0o644, "x"), file("/etc/ssl/openssl.cnf", 0o644, "[p]\nfips = fips_sect\n")), pass, ""),
		c("logs-readable", "all", file("/var/log/app.log", 0o644, "x"), fail, "/var/log/app.log"), c("logs-readable", "some", file("/var/log/app.log", 0o640, "x"), pass, ""),
		c("logs-writable", "all", file("/var/log/app.log", 0o666, "x"), fail, "/var/log/app.log"),
		c("logs-writable", "folder", func(in *inside) { in.folder("/var/log/x", 0o777) }, fail, "/var/log/x"), c("logs-writable", "no", file("/var/log/app.log", 0o644, "x"), pass, ""),
		c("aslr", "off", file("/proc/sys/kernel/randomize_va_space", 0o644, "0\n"), fail, "is 0"),
		c("no-execute", "off", file("/proc/cpuinfo", 0o444, "flags\t: fpu\n"), fail, "does not show"),
		c("libraries", "writable", file("/usr/lib/x/libx.so.1", 0o646, "x"), fail, "libx.so.1 (0646"), c("libraries", "data", file("/usr/lib/x/data", 0o666, "x"), pass, ""),
		c("libraries", "owner", func(in *inside) { in.change("/usr/lib/libc.so.6", func(e *snapshot.Entry) { e.UID = 5 }) }, fail, "5:0"),
		c("signatures", "no package manager", nothing, na, ""),
		c("signatures", "apt trusts", all(apt, file("/etc/apt/sources.list", 0o644, "deb [arch=amd64 trusted=yes] http://x y z\n")), fail, "/etc/apt/sources.list"),
		c("signatures", "apt trusts, new form", all(apt, file("/etc/apt/sources.list.d/x.sources", 0o644, "Types: deb\nTrusted: yes\n")), fail, "x.sources"),
		c("signatures", "apt setting", all(apt, file("/etc/apt/apt.conf.d/99x", 0o644, "APT::Get::AllowUnauthenticated \"true\";\n")), fail, "99x"),
		c("signatures", "apt", all(apt, file("/etc/apt/sources.list", 0o644, "# trusted=yes\ndeb http://x y z\n"), file("/etc/apt/apt.conf.d/1", 0o644, "// AllowUnauthenticated \"true\"\n")), pass, ""),
		c("signatures", "dnf", all(dnf, file("/etc/yum.repos.d/x.repo", 0o644, "[x]\ngpgcheck = 0\n")), fail, "x.repo"),
		c("signatures", "dnf checks", all(dnf, file("/etc/yum.repos.d/x.repo", 0o644, "[x]\ngpgcheck=1\n# gpgcheck=0\n")), pass, ""),
		{control: "trust-store", name: "not approved", do: file("/etc/ssl/cert.pem", 0o644, "x"), inputs: map[string]any{"trustStores": []string{"00"}}, want: fail, message: "/etc/ssl/cert.pem"},
		{control: "trust-store", name: "approved", do: file("/etc/ssl/cert.pem", 0o644, "x"), want: pass,
			inputs: map[string]any{"trustStores": []string{"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}}},
		c("trust-store", "nobody said", file("/etc/ssl/cert.pem", 0o644, "x"), na, "input trustStores"),
		c("needless", "compiler", file("/usr/bin/gcc", 0o755, "x"), fail, "/usr/bin/gcc"),
		c("sticky", "open", func(in *inside) { in.folder("/drop", 0o777) }, fail, "/drop"),
		c("old-versions", "left", all(dnf, file("/etc/dnf/dnf.conf", 0o644, "[main]\n")), fail, "not set"), c("old-versions", "no dnf", nothing, na, ""),
		c("old-versions", "removed", all(dnf, file("/etc/dnf/dnf.conf", 0o644, "[main]\nclean_requirements_on_remove=True\n")), pass, ""),
		c("catch-all", "passwd", func(in *inside) { in.change("/etc/passwd", func(e *snapshot.Entry) { e.Mode |= 0o002 }) }, fail, "/etc/passwd"),
		c("catch-all", "owner", func(in *inside) { in.change("/app", func(e *snapshot.Entry) { e.GID = 9 }) }, fail, "/app"),
	}
}
