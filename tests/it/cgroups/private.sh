# shellcheck shell=sh
# shellcheck disable=SC2154 # test_file is of tests/guest/harness.sh
# shellcheck source=tests/it/cgroups/v2.sh
. "${test_file%/*}/v2.sh"

docker run -d --name grouped --runtime oom-group --entrypoint sleep "$image" 1000 >/dev/null
it "the outer runtime sets memory.oom.group, so that a later 0 is the image's doing"
equals "$(cat "$(group_of grouped)/memory.oom.group")" 1
docker rm -f grouped >/dev/null

outer box --cgroupns=private --runtime oom-group --memory 300m --memory-swap 300m "$image"
it "private: the report says so"
equals "$(chosen box)" v2-private
delegated private box
outlives private box

docker kill --signal KILL box >/dev/null
docker start box >/dev/null
outer_ready box
it "private: killed and started again, the same holds"
equals "$(chosen box) $(cat "$(group_of box)/cgroup.procs")" "v2-private "
gone private box
