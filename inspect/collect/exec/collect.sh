# The collector script. It runs in the target by "sh -c", always with the same
# text (comments and indentation are taken out): in dash, bash, busybox ash and
# mksh, with whatever of find, stat, tar, head, tr, cut, readlink and id there is.
#
# All it is told comes on standard input, and none of that is ever evaluated.
# It answers in fields that end with a NUL byte, which no path can hold; what
# may hold one itself is followed by NUL and a random number that nothing in the
# container knows. It writes nothing anywhere: no files, and no here-documents,
# which some shells put into files.

LC_ALL=C QUOTING_STYLE=literal PATH=$PATH:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL QUOTING_STYLE PATH
unset TAR_OPTIONS POSIXLY_CORRECT GLOBIGNORE CDPATH
# Standard error goes nowhere, but stays open as 4: when it ends, container
# runtimes close standard input.
exec 3<&0 4>&2 </dev/null 2>/dev/null

# B is also run by find, so it brings all that it needs. z writes fields (printf
# is not built into mksh, and print nowhere else). e tells what a command said
# was wrong. b describes paths: their names, what stat says of them, why it says
# nothing of some, which folders and (with R) files can't be opened, stat's exit code.
B='z() { printf "%s\0" "$@"; }
[ -z "${KSH_VERSION-}" ] || z() { for a; do print -rN -- "$a"; done; }
e() { case $2 in
	*ermission\ denied) z "$1d" ;;
	*o\ such\ file|*o\ such\ file\ or\ directory|*ot\ a\ directory) z "$1a" ;;
	*) z "$1f${2##*: }" ;;
esac; }
b() {
	z "B$#" "$@"
	stat -c "%f %u %g %s %Y %Z %d %i %N" -- "$@"
	r=$? i=0
	z ""
	[ $r = 0 ] || for f; do
		[ -e "$f" ] || [ -L "$f" ] || x=$(stat -c %f -- "$f" 2>&1) || e $i "$x"
		i=$((i+1))
	done
	i=0
	for f; do
		if [ -d "$f" ]; then
			[ -L "$f" ] || { true <"$f" && [ -e "$f/." ]; } || z "${i}D"
		elif [ "${R-}" ] && [ -f "$f" ] && ! true <"$f"; then
			x=$({ true <"$f"; } 2>&1) || e "${i}U" "$x"
		fi
		i=$((i+1))
	done
	z $r.
}
[ $# = 0 ] || b "$@"'
R=1
eval "$B"

# The first lines: the random number, how many seconds there are, and how many
# bytes of one file are wanted.
read -r N <&3 && read -r T <&3 && read -r L <&3 || exit 1

# q ends the script, and leaves nothing behind: a process whose parent has ended
# may stay as a zombie for ever, where process 1 does not look after such. So w
# (below) is ended by way of its child, which may only just begin.
q() {
	F= i=0
	while [ -z "$F" ] && [ $i -lt 99 ]; do
		i=$((i+1))
		for f in /proc/[0-9]*/stat; do
			read -r a x y d x <$f || continue
			if [ "$d" = $w ]; then kill -9 $a && F=1
			elif [ "$a$y" = "${w}Z" ]; then F=1
			fi
		done
	done
	[ "$F" ] || kill -9 $w
	wait
	exit $1
}
trap 'q 1' TERM
trap '' PIPE

# o asks, in a child, whether the script is still there: its number may be another's.
o() { read -r x x x d x </proc/self/stat && [ "$d" = $$ ]; }

# w ends everything when time is over, by one signal to the process group:
# runtimes let a command lead a group of its own.
g=$$
read -r x </proc/$$/stat && set -- $x && [ "$5" = $$ ] && g=0
set --
( trap - TERM; sleep "$T" && o && kill -9 $g ) >/dev/null &
w=$!

# m ends what may hold NUL bytes.
m() { z "" "$N$1"; }

# p reads a line: a letter, then "-" and a path, or "+" and a path with \0ooo.
p() {
	IFS= read -r l <&3 || q 1
	p=${l#??}
	case $l in ?+*) p=$(printf %b. "$p"); p=${p%.} ;; esac
}

# h sends one file's content, whatever kind of file system it is on.
h() {
	z h "$p"
	x=$({ true <"$p"; } 2>&1) && [ -f "$p" ] && { $H "$p"; m $?.; } || { m; e "" "${x:-: not a regular file}"; }
}
H=cat
command -v head >/dev/null && H="head -c $L"

# c sends many by one tar, where there is one.
c() {
	command -v tar >/dev/null || { for p; do h; done; return; }
	z c
	tar -c -f - "$@"
	m $?.
}

# P sends what /proc tells of all processes. Of variables it takes the names,
# so that no value leaves the container.
P() {
	for f in /proc/[0-9]*; do set -- "$@" $f/status $f/stat $f/cgroup; done
	z p
	cat "$@"
	z ""
	for f in /proc/[0-9]*; do
		z "${f#/proc/}"
		cat $f/cmdline
		m $?.
		r=99
		command -v tr >/dev/null && command -v cut >/dev/null && { { tr '\000\012' '\012\001' | cut -s -d= -f1; } <$f/environ; r=$?; }
		z "" $r
		readlink $f/exe
		r=$?
		z "" $r
	done
	z P
}

# S sends what sockets there are, and which process has which of them open.
S() {
	z n
	cat /proc/net/tcp /proc/net/tcp6
	z ""
	cat /proc/net/udp /proc/net/udp6
	z ""
	for q in /proc/[0-9]*; do
		set --
		for f in $q/fd/*; do [ ! -S $f ] || set -- "$@" $f; done
		[ $# = 0 ] || stat -L -c '%n %i' "$@"
	done
	z ""
}

z assay1
P= S=
while p; do
	# Paths are gathered, and described together.
	case $l in s*) set -- "$@" "$p"; [ $# -lt 200 ] || { b "$@"; set --; }; continue ;; esac
	[ $# = 0 ] || b "$@"
	set --
	case $l in
	i*) z i "$(id -u)" "$(id -g)" $$ "$(uname -rvm)"; cat /proc/stat; z "" ;;
	m*) z m; cat /proc/self/mountinfo; z "" ;;
	# All names in a folder.
	l*)
		z l "$p"
		q=${p%/}
		[ ! -d "$p" ] || for f in "$q"/* "$q"/.*; do
			case $f in */.|*/..) continue ;; esac
			set -- "$@" "$f"
			[ $# -lt 200 ] || { b "$@"; set --; }
		done
		[ $# = 0 ] || b "$@"
		set --
		z L
		;;
	# Contents: many, up to "."; or one.
	c*)
		while p && [ "$l" != . ]; do
			[ -f "$p" ] && true <"$p" || continue
			set -- "$@" "$p"
			[ $# -lt 200 ] || { c "$@"; set --; }
		done
		[ $# = 0 ] || c "$@"
		set --
		;;
	h*) h ;;
	p*) P=1 ;;
	n*) S=1 ;;
	# The rest are trees.
	t*|.) break ;;
	esac
done

while [ "$l" != . ]; do
	set -- "$@" "$p"
	p
done

# All is told. From here on, the end of standard input means that nobody listens:
# v ends the script then. If that does not come to its end, because something
# hangs, w is still there after two seconds, and v ends everything.
( trap - TERM; while read -r x; do :; done; o && kill $$ && sleep 2 && [ -d /proc/$w ] && o && kill -9 $g ) <&3 >/dev/null &
v=$!

[ -z "$P" ] || P
[ -z "$S" ] || S
# Trees are a pair of lines: how deep (0: all that is on its file system), and where.
while [ $# -gt 1 ]; do
	z t "$2"
	case $1 in
	0) find "$2" -xdev -exec sh -c "$B" sh {} + ;;
	*) find "$2" -maxdepth "$1" -exec sh -c "$B" sh {} + ;;
	esac
	z "T$?"
	shift 2
done
kill -9 $v
wait $v
z "E$N"
q 0
