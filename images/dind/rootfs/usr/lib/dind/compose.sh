# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Services that this image is for: those of a Compose file, started when the daemon is ready, before anybody is told.

# compose_run: status 1 with the reason in $failure, or when the container is stopped. At a further start what runs
# already is left alone. Not under timeout(1), which would take it out of the process group that a stop signal reaches.
compose_run() {
  [ -n "$cfg_compose" ] || return 0
  if [ ! -r "$cfg_compose" ]; then
    failure="$cfg_compose cannot be read (compose.file, DIND_COMPOSE)"
    return 1
  fi
  phase_begin
  (
    own_environment
    exec docker -H "unix://$socket" compose --file "$cfg_compose" up --detach
  ) </dev/null >"$cfg_run_dir/compose.log" 2>&1 9>&- &
  hook_pid=$!
  hook_wait "$cfg_compose_timeout"
  [ -z "$stop_signal" ] || return 1
  if [ -n "$hook_late" ]; then
    failure="the services of $cfg_compose are not started after $cfg_compose_timeout s (DIND_COMPOSE_TIMEOUT)"
  elif [ "$hook_status" != 0 ]; then
    failure="the services of $cfg_compose cannot be started: docker compose ended with status $hook_status"
  else
    phase_end compose
    log "compose: $cfg_compose"
    return 0
  fi
  cat "$cfg_run_dir/compose.log" >&2
  return 1
}
