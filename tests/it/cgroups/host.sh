# shellcheck shell=sh
# shellcheck disable=SC2154 # test_file is of tests/guest/harness.sh
# shellcheck source=tests/it/cgroups/v2.sh
. "${test_file%/*}/v2.sh"

before=$(root_state)
outer box --cgroupns=host --runtime oom-group --memory 300m --memory-swap 300m "$image"
it "host: the report says so"
equals "$(chosen box)" v2-host
delegated host box
outlives host box

docker kill --signal KILL box >/dev/null
docker start box >/dev/null
outer_ready box
it "host: killed and started again, the same holds"
equals "$(chosen box) $(cat "$(group_of box)/cgroup.procs")" "v2-host "
it "host: the host's root is as it was"
equals "$(root_state)" "$before"
gone host box
