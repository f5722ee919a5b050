# shellcheck shell=sh
# shellcheck disable=SC2154 # test_file is of tests/guest/harness.sh
# Words for hosts with version 2.
# shellcheck source=tests/it/cgroups/lib.sh
. "${test_file%/*}/lib.sh"

# group_of NAME: where a container's group is on the host.
group_of() {
  echo "/sys/fs/cgroup/docker/$(outer_id "$1")"
}

# populated GROUP: whether a process is in it. Files of this kind have no size.
populated() {
  [ -n "$(cat "$1/cgroup.procs")" ]
}

# delegated MODE NAME: what holds for a container whose own group was made ready for others below it.
delegated() {
  group=$(group_of "$2")
  it "$1: no process is left in the own group"
  equals "$(cat "$group/cgroup.procs")" ''
  it "$1: every controller of the group is on for those below it"
  equals "$(words "$group/cgroup.subtree_control")" "$(words "$group/cgroup.controllers")"
  it "$1: among them the ones that limits need"
  equals "$(tr ' ' '\n' <"$group/cgroup.subtree_control" | grep -cx -e cpu -e io -e memory -e pids)" 4
  it "$1: memory.oom.group is off"
  equals "$(cat "$group/memory.oom.group")" 0
  it "$1: docker exec still enters the container"
  equals "$(docker exec "$2" echo entered)" entered
  it "$1: limits are what a nested container sees"
  equals "$(inner "$2" run --rm --memory 32m --pids-limit 50 --cpus 0.5 t busybox cat \
    /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max | xargs)" "33554432 50 50000 100000"
  nested=$(inner "$2" run -d t busybox sleep 1000)
  it "$1: a nested container is below the group of the outer one"
  yes populated "$group/docker/$nested"
}

# gone MODE NAME: nothing of a container is left after its removal.
gone() {
  group=$(group_of "$2")
  docker rm -fv "$2" >/dev/null
  it "$1: after removal nothing is left of the group"
  no test -e "$group"
}

# root_state: what the host's root consists of: controllers, groups other than the engine's, processes with a program.
root_state() {
  cat /sys/fs/cgroup/cgroup.subtree_control
  for group in /sys/fs/cgroup/*/; do
    [ "$group" = /sys/fs/cgroup/docker/ ] || echo "$group"
  done
  while read -r pid; do
    if read -r program 2>/dev/null <"/proc/$pid/cmdline" || [ -n "$program" ]; then
      echo "$pid"
    fi
  done </sys/fs/cgroup/cgroup.procs
}
