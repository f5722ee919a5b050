# shellcheck shell=sh
# shellcheck disable=SC2154 # test_file is of tests/guest/harness.sh
# Words of the scenarios on control groups. They run where docker(1) reaches the outer engine and /sys/fs/cgroup is the
# host's; beside them is nested.tar, an image called t with nothing but busybox.
lab=${test_file%/*}
# shellcheck disable=SC2034 # used by the scenarios
image=${LAB_IMAGE:-dindimg-lab/dind}

# outer NAME WORD...: the image under test as container NAME, with these options, image and arguments. Returns when its
# daemon can be used and has the image t.
outer() {
  outer_run "$@"
  outer_ready "$1"
}

outer_run() {
  outer_name=$1
  shift
  docker run -d --name "$outer_name" --no-healthcheck --privileged -e DOCKER_TLS_CERTDIR= -e DIND_LISTEN=unix \
    -v "$lab/nested.tar:/nested.tar:ro" "$@" >/dev/null || exit 1
}

outer_ready() {
  if ! docker exec "$1" dindctl ready --wait 120 || ! inner "$1" load -qi /nested.tar >/dev/null; then
    docker logs "$1"
    exit 1
  fi
}

# inner NAME WORD...: docker(1) against the daemon in container NAME.
inner() {
  inner_name=$1
  shift
  docker exec "$inner_name" docker "$@"
}

# refused NAME: what a container said that must not start; its exit code is the last line.
refused() {
  refused_code=$(timeout 60 docker wait "$1") || refused_code="none, it runs"
  docker logs "$1" 2>&1
  echo "exit $refused_code"
}

# outer_id NAME / outer_pid NAME
outer_id() {
  docker inspect --format '{{.Id}}' "$1"
}

outer_pid() {
  docker inspect --format '{{.State.Running}} {{.State.Pid}}' "$1"
}

# chosen NAME: what the runtime in container NAME decided on control groups.
chosen() {
  docker exec "$1" dindctl report | jq -r '.decisions[] | select(.id == "cgroup").choice'
}

# words FILE: its words in order, to compare lists.
words() {
  tr ' ' '\n' <"$1" | sort | xargs
}

# exit_code WORD...: of a command, on stdout.
exit_code() {
  "$@" >/dev/null 2>&1
  echo $?
}

# allocating NAME OPTION...: the exit code of a nested container that takes 400 MB at once.
allocating() {
  allocating_in=$1
  shift
  exit_code inner "$allocating_in" run --rm "$@" t busybox dd if=/dev/zero of=/dev/null bs=400M count=1
}

# outlives MODE NAME: memory taken in a container that has 300 MiB ends what took it, and nothing else.
outlives() {
  outlives_before=$(outer_pid "$2")
  it "$1: a nested container that takes more than the outer one has is killed"
  equals "$(allocating "$2")" 137
  it "$1: and so is one that takes more than itself has"
  equals "$(allocating "$2" --memory 100m --memory-swap 100m)" 137
  it "$1: the outer container survives both"
  equals "$(outer_pid "$2")" "$outlives_before"
  it "$1: and so does its daemon"
  yes docker exec "$2" dindctl ready
}
