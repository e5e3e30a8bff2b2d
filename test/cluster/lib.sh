# shellcheck shell=bash disable=SC2034 # the scripts use what is set here
# Settings and functions of the test cluster's scripts. Sourced, not run.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Clusters of different numbers share nothing and can run side by side.
index=${TEST_CLUSTER_INDEX:-0}
[[ $index =~ ^[0-9]$ ]] || { echo "TEST_CLUSTER_INDEX is \"$index\"; it must be a digit from 0 to 9" >&2; exit 1; }

# Programs and images, by Kubernetes version: a new one leaves the others alone.
cache=${TEST_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/assay/test-cluster}
version=$(awk '$1 == "k8s.io/kubernetes" {print $2; exit}' "$here/src/go.mod")
dist=$cache/kubernetes-$version
bin=$dist/bin
export PATH=$bin:$PATH

# What one cluster writes: etcd's data, keys, logs.
if [ "$(id -u)" = 0 ]; then state=/var/lib; else state=${XDG_STATE_HOME:-$HOME/.local/state}; fi
state=${TEST_CLUSTER_STATE:-$state/assay/test-cluster-$index}
pki=$state/pki
kubeconfig=$state/admin.kubeconfig

# Addresses. The control plane listens on loopback only. A real node is a
# network namespace of its own, joined to the host by one veth pair.
api_port=$((6443 + 100 * index))
etcd_port=$((2379 + 100 * index))
etcd_peer_port=$((2380 + 100 * index))
kwok_port=$((10247 + 100 * index))
controller_manager_port=$((10257 + 100 * index))
scheduler_port=$((10259 + 100 * index))
host_ip=10.250.$index.1    # the host's end of the veth pair
node_ip=10.250.$index.2    # the node's end
service_cidr=10.251.$index.0/24
service_ip=10.251.$index.1 # the service "kubernetes"
pod_cidr=10.252.$index.0/24
veth=assay-test$index
cgroup=assay-test-cluster-$index
node_name=node-1

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# starttime PID: when the process began, in clock ticks since boot. With the
# pid it names one process for good, even after the pid is used again.
# A process that has ended and is only not reaped yet has none.
starttime() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" {print $20}'; }

# start NAME COMMAND...: runs a command in the background and records its pid.
started=()
start() {
  local name=$1; shift
  setsid "$@" >"$state/log/$name.log" 2>&1 </dev/null &
  echo "$! $(starttime $!)" >"$state/pid/$name"
  started+=("$name")
}

# pid_of NAME: the pid of a started command, if it still runs.
pid_of() {
  local pid when
  [ -f "$state/pid/$1" ] || return 1
  read -r pid when <"$state/pid/$1" || return 1
  [ -n "$when" ] && [ "$(starttime "$pid")" = "$when" ] || return 1
  echo "$pid"
}

# stop NAME: ends a started command and waits until it is gone.
stop() {
  local pid i
  if pid=$(pid_of "$1"); then
    kill "${2:--TERM}" "$pid" 2>/dev/null || true
    for ((i = 0; i < 150; i++)); do
      pid_of "$1" >/dev/null || break
      if [ "$i" = 100 ]; then kill -KILL "$pid" 2>/dev/null || true; fi
      sleep 0.1
    done
    if pid_of "$1" >/dev/null; then die "$1 (process $pid) does not stop"; fi
  fi
  rm -f "$state/pid/$1"
}

# wait_for SECONDS WHAT COMMAND...: runs the command until it succeeds. A
# program of ours that has ended meanwhile will not come back: no use waiting.
wait_for() {
  local end=$((SECONDS + $1)) what=$2 name; shift 2
  until "$@" >/dev/null 2>&1; do
    for name in "${started[@]}"; do
      pid_of "$name" >/dev/null || { tail -n 2 "$state/log/$name.log" >&2; die "$name ended while waiting for $what; its log is $state/log/$name.log"; }
    done
    [ "$SECONDS" -lt "$end" ] || die "timed out waiting for $what; the logs are in $state/log"
    sleep 0.2
  done
}

# packages NAME[:COMMAND]...: sees to it that the Debian packages are there.
# With COMMAND it is this command that counts.
packages() {
  local missing=() p apt
  for p; do
    case $p in
    *:*) command -v "${p#*:}" >/dev/null ;;
    *) dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' ;;
    esac || missing+=("${p%%:*}")
  done
  [ ${#missing[@]} != 0 ] || return 0
  [ "$(id -u)" = 0 ] || die "these packages are missing, and only root can install them: ${missing[*]} (apt-get install ${missing[*]})"
  command -v apt-get >/dev/null || die "these Debian packages are missing, and there is no apt-get to install them: ${missing[*]}"
  apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq)
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 || {
    "${apt[@]}" update >/dev/null
    "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null
  }
}

# part NAME PATH...: makes a part of the cache with the function make_NAME,
# unless that was done before with the same function, files and $made_with.
part() {
  local name=$1 sum; shift
  sum=$({ echo "${made_with:-}"; declare -f "make_$name"; find "$@" -type f | sort | xargs cat; } | sha256sum | cut -c1-64)
  if [ "$(cat "$dist/built/$name" 2>/dev/null)" = "$sum" ]; then return; fi
  rm -f "$dist/built/$name"
  "make_$name"
  echo "$sum" >"$dist/built/$name"
}

# lock: one process at a time makes parts of the cache.
lock() {
  mkdir -p "$bin" "$dist"/{cni,kwok,images,built}
  exec 9>"$dist/lock"
  flock 9
}
