# shellcheck shell=sh
# shellcheck disable=SC2154 # test_file is of tests/guest/harness.sh
# The host's tree as a volume, shared with the host, so that a mount made inside could show outside.
# shellcheck source=tests/it/cgroups/v2.sh
. "${test_file%/*}/v2.sh"

before=$(root_state)
mounts=$(cat /proc/self/mountinfo)
for mode in host private; do
  outer box --cgroupns=$mode -v /sys/fs/cgroup:/sys/fs/cgroup:rshared "$image"
  it "$mode, the host's tree mounted: the report says so"
  equals "$(chosen box)" v2-$mode
  delegated "$mode, the host's tree mounted" box
  it "$mode, the host's tree mounted: the host's root is as it was"
  equals "$(root_state)" "$before"
  gone "$mode, the host's tree mounted" box
  it "$mode, the host's tree mounted: and so are its mounts"
  equals "$(cat /proc/self/mountinfo)" "$mounts"
done
