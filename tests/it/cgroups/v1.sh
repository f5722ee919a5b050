# shellcheck shell=sh
# shellcheck disable=SC2154 # test_file is of tests/guest/harness.sh
# A host with version 1 of control groups, hybrid or not. LAB_MODE has the options of docker run and what they are
# called, LAB_CHOICE what the runtime has to decide.
# shellcheck source=tests/it/cgroups/lib.sh
. "${test_file%/*}/lib.sh"

# host_groups: every group of the host but those below the engine's own and podman's, which come and go beside it.
host_groups() {
  find /sys/fs/cgroup -mindepth 2 -maxdepth 3 -type d -not -path '*/docker/*' -not -path '*/docker' -not -path '*/libpod*' | sort
}

# nested_paths NAME NESTED: for each hierarchy of a nested container the place where cadvisor and kubelet look for its
# group in the outer container: the mount directly below /sys/fs/cgroup and the path of /proc/PID/cgroup. A line is
# "CONTROLLERS there" or names the path that is missing; "CONTROLLERS nowhere" is one that is not mounted.
nested_paths() {
  # shellcheck disable=SC2016 # expanded in the container
  docker exec "$1" sh -c '
    pid=$(docker inspect --format "{{.State.Pid}}" "$0")
    while IFS=: read -r _ controllers path; do
      [ -n "$controllers" ] || continue
      said=nowhere
      while read -r _ _ _ _ point rest; do
        case ${point#/sys/fs/cgroup/} in */*) continue ;; esac
        case $rest in
          *"- cgroup cgroup "*",$controllers")
            said=there
            [ -d "$point$path" ] || said="$point$path is missing"
            ;;
        esac
      done </proc/self/mountinfo
      echo "$controllers $said"
    done <"/proc/$pid/cgroup"' "$2"
}

groups=$(host_groups)
mounts=$(cat /proc/self/mountinfo)
# shellcheck disable=SC2086 # options
outer box $LAB_MODE --memory 300m --memory-swap 300m "$image"
it "$LAB_MODE: the report says how the hierarchies are seen"
equals "$(chosen box)" "$LAB_CHOICE"

nested=$(inner box run -d --memory 32m t busybox sleep 1000)
paths=$(nested_paths box "$nested")
it "$LAB_MODE: every path of a nested container exists under its subsystem"
equals "$(echo "$paths" | grep -v -e ' there$' -e ' nowhere$')" ''
it "$LAB_MODE: where that is mounted, as memory and devices are"
equals "$(echo "$paths" | grep -cx -e 'memory there' -e 'devices there')" 2
own=/sys/fs/cgroup/memory/docker/$(outer_id box)
it "$LAB_MODE: nested containers are below the outer one's group, with their limits"
equals "$(cat "$own/docker/$nested/memory.limit_in_bytes")" 33554432
outlives "$LAB_MODE" box
it "$LAB_MODE: no hierarchy is mounted in whose root the container is, but the one runc cannot do without"
# shellcheck disable=SC2016 # expanded in the container
equals "$(docker exec box sh -c '
  while read -r _ _ _ root point rest; do
    case $rest in *"- cgroup "*) ;; *) continue ;; esac
    controllers=${rest##*,}
    grep -q ":$controllers:/\$" /proc/self/cgroup && [ "$root" = / ] && [ -e "$point/release_agent" ] && echo "$point"
  done </proc/self/mountinfo' | grep -v /devices)" ''

docker rm -fv box >/dev/null
it "$LAB_MODE: after removal nothing is left of the groups"
equals "$(find /sys/fs/cgroup -mindepth 3 -maxdepth 3 -path "*/docker/*" -name "${own##*/}")" ''
it "$LAB_MODE: and the host's own are as they were"
equals "$(host_groups)" "$groups"
it "$LAB_MODE: and so are its mounts"
equals "$(cat /proc/self/mountinfo)" "$mounts"
