# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Whether the daemon answers, without a loop of clients.

# own_environment: without what the environment says to the user's commands.
own_environment() {
  unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_CONTEXT DOCKER_TLS DOCKER_API_VERSION
}

# own_docker SECONDS SOCKET ARG...: docker(1) on a socket.
own_docker() (
  own_environment
  own_time=$1 own_socket=$2
  shift 2
  exec timeout "$own_time" docker -H "unix://$own_socket" "$@"
)

# api_answers SECONDS SOCKET: the versions of the daemon's parts, lines "NAME VERSION", in $api_versions. dockerd opens
# its socket before it serves, so one client simply waits there.
api_answers() {
  api_versions=$(own_docker "$1" "$2" version \
    --format '{{range .Server.Components}}{{.Name}} {{.Version}}{{println}}{{end}}' 2>/dev/null)
}

# state_write KEY=VALUE...: facts for dindctl; those that were there are replaced by one rename.
state_write() {
  if [ ! -e "$cfg_run_dir/state" ]; then
    printf '%s\n' "$@" >"$cfg_run_dir/state"
    return
  fi
  printf '%s\n' "$@" >"$cfg_run_dir/state.new" && mv "$cfg_run_dir/state.new" "$cfg_run_dir/state"
}
