# shellcheck shell=sh
# shellcheck disable=SC2154 # test_file is of tests/guest/harness.sh
# shellcheck source=tests/it/cgroups/v2.sh
. "${test_file%/*}/v2.sh"

# Processes that come into the group while it is emptied, as docker exec puts them there.
# shellcheck disable=SC2016 # expanded in the container
outer box --cgroupns=host --entrypoint sh "$image" -c '
  own=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)
  until read -r on <"$own/cgroup.subtree_control" && [ -n "$on" ]; do
    sh -c "{ echo 0 >$own/cgroup.procs; } 2>/dev/null && exec sleep 0.1" &
    sleep 0.02
  done &
  exec dockerd-entrypoint.sh --cgroup-parent "${own#/sys/fs/cgroup}/mine"'
it "a group into which processes come all the time is emptied"
equals "$(cat "$(group_of box)/cgroup.procs")" ''
it "and its controllers are on"
equals "$(words "$(group_of box)/cgroup.subtree_control")" "$(words "$(group_of box)/cgroup.controllers")"
nested=$(inner box run -d t busybox sleep 1000)
it "a --cgroup-parent of the user's wins"
yes populated "$(group_of box)/mine/$nested"
