# shellcheck shell=sh
# shellcheck disable=SC2154 # test_file is of tests/guest/harness.sh
# Hosts and groups on which no container can be started: the start ends, and says why.
# shellcheck source=tests/it/cgroups/v2.sh
. "${test_file%/*}/v2.sh"

outer_run foreign --entrypoint sh "$image" -c 'until [ -e /go ]; do sleep 0.1; done; exec dockerd-entrypoint.sh'
sleep 1000 &
echo $! >"$(group_of foreign)/cgroup.procs"
docker exec foreign touch /go
said=$(refused foreign)
kill $!
it "a process of another namespace in the own group is named as such"
contains "$said" "a process outside of this container"
it "and ends the start"
contains "$said" "exit 1"

outer_run threaded --entrypoint sh "$image" -c \
  'mkdir /sys/fs/cgroup/t && echo threaded >/sys/fs/cgroup/t/cgroup.type && exec dockerd-entrypoint.sh'
said=$(refused threaded)
it "a group of threads is named as such"
contains "$said" "is of type 'domain threaded'"
it "and ends the start"
contains "$said" "exit 1"

docker run -d --name readonly --no-healthcheck --cap-add SYS_ADMIN --security-opt seccomp=unconfined \
  -e DOCKER_TLS_CERTDIR= -e DIND_LISTEN=unix "$image" >/dev/null
said=$(refused readonly)
it "a tree that cannot be written is named as such, with the remedy"
contains "$said" "--privileged"
it "and ends the start"
contains "$said" "exit 1"

# As an image of buster has it: that engine, and the version in the recipe's data.
docker run --rm --entrypoint sed "$image" 's/^ENGINE_VERSION=.*/ENGINE_VERSION="18.09.1"/' /etc/dind/config.env \
  >/tmp/old.env
outer_run old -v "$lab/dockerd-18.09:/usr/local/sbin/dockerd:ro" -v /tmp/old.env:/etc/dind/config.env:ro "$image"
said=$(refused old)
it "an engine that knows no version 2 is not started, and the needed one is named"
contains "$said" "20.10"
it "and ends the start"
contains "$said" "exit 1"
