# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report role cgroup
cgroup_whole() {
  cgroup_scan
  cgroup_prepare
}
calls='' cgroup_parent=''
mount() { calls="$calls|mount $*"; }
umount() { calls="$calls|umount $*"; }

v2_line() { # ROOT
  put /proc/self/mountinfo "30 20 0:26 $1 /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
}
v2_dir() { # PATH: a group that is not the real root, with one process
  put "/sys/fs/cgroup$1/cgroup.type" domain
  put "/sys/fs/cgroup$1/cgroup.controllers" "cpu memory pids"
  : >"$dind_root/sys/fs/cgroup$1/cgroup.procs"
  : >"$dind_root/sys/fs/cgroup$1/cgroup.subtree_control"
}

v2_line /
put /proc/self/cgroup 0::/
v2_dir ''
cgroup_scan
cgroup_v2_locate
it "v2, private namespace: the own group is /sys/fs/cgroup itself"
equals "$cgroup_choice $cgroup_dir $cgroup_parent" "v2-private /sys/fs/cgroup "

it "v2, private, second start: the leaf of the first start is seen through"
put /proc/self/cgroup 0::/dind-init
cgroup_scan
cgroup_v2_locate
equals "$cgroup_choice $cgroup_dir" "v2-private /sys/fs/cgroup"

it "v2, a group called init is one like any other"
put /proc/self/cgroup 0::/pods/init
v2_dir /pods/init
cgroup_scan
cgroup_v2_locate
equals "$cgroup_choice $cgroup_dir $cgroup_parent" "v2-host /sys/fs/cgroup/pods/init /pods/init/docker"

it "v2, host namespace, second start: containers go where those of the first went"
put /proc/self/cgroup 0::/pods/init/dind-init
cgroup_scan
cgroup_v2_locate
equals "$cgroup_choice $cgroup_dir $cgroup_parent" "v2-host /sys/fs/cgroup/pods/init /pods/init/docker"

it "v2, host namespace: work below the own group, never in the root"
put /proc/self/cgroup 0::/kubepods/pod1/c1
v2_dir /kubepods/pod1/c1
cgroup_scan
cgroup_v2_locate
equals "$cgroup_choice $cgroup_dir $cgroup_parent" "v2-host /sys/fs/cgroup/kubepods/pod1/c1 /kubepods/pod1/c1/docker"

it "v2, own group bound to /sys/fs/cgroup: paths are relative to the mount"
cgroup_parent=''
v2_line /kubepods/pod1/c1
rm -rf "$dind_root/sys/fs/cgroup/kubepods"
cgroup_scan
cgroup_v2_locate
equals "$cgroup_choice $cgroup_dir [$cgroup_parent]" "v2-private /sys/fs/cgroup []"

it "v2, the real root has no cgroup.type and is left alone"
v2_line /
put /proc/self/cgroup 0::/
rm "$dind_root/sys/fs/cgroup/cgroup.type"
cgroup_scan
cgroup_whole
equals "$(ls "$dind_root/sys/fs/cgroup")" "cgroup.controllers
cgroup.procs
cgroup.subtree_control
pods"

it "v2, a path outside of the namespace is an error that says so"
put /proc/self/cgroup 0::/../other
contains "$(cgroup_whole 2>&1)" "/../other is not below"

it "v2, a mount of groups above the namespace is covered by an own view"
fresh
v2_line /../..
put /proc/self/cgroup 0::/
v2_dir ''
calls='' cgroup_parent=''
echo "cpu memory pids" >"$dind_root/sys/fs/cgroup/cgroup.subtree_control"
cgroup_v2_delegate() { cgroup_enabled=all; }
cgroup_whole
contains "$calls" "|mount -t cgroup2 -o rw cgroup2 $cfg_run_dir/view|mount --bind $cfg_run_dir/view /sys/fs/cgroup|"
it "v2, and what is mounted there cannot show outside"
contains "$calls" "|mount --make-rprivate /sys/fs/cgroup|"

load cgroup
fresh
v2_dir ''
it "v2, a group that cannot be emptied is an error that says who is in it, after a bounded time"
echo 0 >"$dind_root/sys/fs/cgroup/cgroup.procs"
sleep() { :; }
contains "$(cgroup_v2_delegate "$dind_root/sys/fs/cgroup" 2>&1)" "a process outside of this container is in it"
echo 17 >"$dind_root/sys/fs/cgroup/cgroup.procs"
contains "$(cgroup_v2_delegate "$dind_root/sys/fs/cgroup" 2>&1)" "processes keep coming into it, now 17"

it "v2, a process that comes while the group is emptied is moved as well"
(
  # What is written to the file is not what the kernel then says is on.
  echo() {
    [ "$1" != "+cpu +memory +pids" ] || set -- "cpu memory pids"
    command echo "$@"
  }
  cgroup_v2_evacuate() {
    cgroup_left=''
    [ "$cgroup_try" -gt 0 ] || cgroup_left='17 '
  }
  cgroup_v2_delegate "$dind_root/sys/fs/cgroup"
  equals "$cgroup_try $cgroup_enabled" "1 cpu memory pids"
)

it "v2, a controller that stays off is a warning that names it"
# A plain file keeps what was written last, so two of the three stay off.
: >"$dind_root/sys/fs/cgroup/cgroup.procs"
contains "$(cgroup_v2_delegate "$dind_root/sys/fs/cgroup" 2>&1)" "not available to containers: cpu memory"

it "v2, a group of threads is an error that names its type"
put /sys/fs/cgroup/cgroup.type "domain threaded"
contains "$(cgroup_v2_delegate "$dind_root/sys/fs/cgroup" 2>&1)" "is of type 'domain threaded'"

it "v2, a tree that cannot be written is an error that says why and what to do"
put /sys/fs/cgroup/cgroup.type domain
command rm -rf "$dind_root/sys/fs/cgroup/dind-init"
mkdir() { command echo "mkdir: cannot create directory 'x': Read-only file system"; return 1; }
contains "$(cgroup_v2_delegate "$dind_root/sys/fs/cgroup" 2>&1)" "(Read-only file system): run with --privileged"

v1() { # ROOT MEMORY-PATH CPU-PATH
  fresh
  put /proc/self/mountinfo "40 39 0:30 $1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 39 0:31 $1 /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
42 39 0:32 $1 /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd"
  put /proc/self/cgroup "4:memory:$2
3:cpu,cpuacct:$3
1:name=systemd:$2
0::/"
  calls='' cgroup_parent=''
}
mkdir() { calls="$calls|mkdir $*"; }

it "v1, scoped mounts: every hierarchy appears at its own path too"
v1 /docker/c1 /docker/c1 /docker/c1
cgroup_whole
contains "$calls" "|mount -a -T $cfg_run_dir/cgroup.fstab"
contains "$(cat "$cfg_run_dir/cgroup.fstab")" \
  "/sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup/cpu,cpuacct/docker/c1 none bind 0 0"
it "v1, scoped mounts: dockerd needs no parent"
equals "$cgroup_parent" ''

it "v1, own namespace: nothing to do"
v1 / / /
cgroup_whole
equals "${calls}[$cgroup_parent]" '[]'

it "v1, the host's hierarchies: containers go below the own group of memory"
v1 / /docker/c1 /docker/c1
for name in memory cpu,cpuacct systemd; do
  command mkdir -p "$dind_root/sys/fs/cgroup/$name"
  : >"$dind_root/sys/fs/cgroup/$name/release_agent"
done
cgroup_whole
equals "$cgroup_parent$calls" /docker/c1/docker

it "v1, a hierarchy in whose root this container is gets unmounted"
v1 / /docker/c1 /
for name in memory cpu,cpuacct systemd; do
  command mkdir -p "$dind_root/sys/fs/cgroup/$name"
  : >"$dind_root/sys/fs/cgroup/$name/release_agent"
done
cgroup_whole
equals "$calls" "|umount /sys/fs/cgroup/cpu,cpuacct"

it "v1, own namespace, but a controller the runtime does not know: that one goes, the rest is private"
v1 / / /
command mkdir -p "$dind_root/sys/fs/cgroup/cpu,cpuacct"
: >"$dind_root/sys/fs/cgroup/cpu,cpuacct/release_agent"
cgroup_whole
equals "$calls[$cgroup_parent]" '|umount /sys/fs/cgroup/cpu,cpuacct[]'
contains "$report_decisions" v1-private

it "v1, the root of every hierarchy is left alone"
v1 / / /
for name in memory cpu,cpuacct systemd; do
  command mkdir -p "$dind_root/sys/fs/cgroup/$name"
  : >"$dind_root/sys/fs/cgroup/$name/release_agent"
done
cgroup_whole
equals "$calls[$cgroup_parent]" '[]'
contains "$report_decisions" v1-root

it "v1, host's mounts in a private namespace: an own view of each"
v1 /../.. / /
cgroup_whole
contains "$calls" "|mount -t cgroup -o none,name=systemd cgroup $cfg_run_dir/view|mount --bind $cfg_run_dir/view /sys/fs/cgroup/systemd"

it "no cgroup file system is an error that says what to do"
fresh
put /proc/self/mountinfo '1 1 0:1 / / rw - overlay overlay rw'
put /proc/self/cgroup '0::/'
contains "$(cgroup_whole 2>&1)" --privileged
