# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# dockerd in a session of its own, the user's command in the foreground, and an ordered end for both.
#
# A POSIX shell that waits for a foreground command runs its traps only afterwards, and a background job would lose
# the terminal and have SIGINT ignored. So the command stays in the foreground, and a watcher, which the group signal
# of the init reaches as well, does what has to be done while it runs.
#
# Within the stop timeout (10 s): the command has 40 %, nested containers have the grace (2 s) after dockerd was told
# to stop, and dockerd itself has until 90 %.

stop_signal='' enforcer_pid='' watch_file=''

# steps_run: what belongs to the start and needs a daemon that answers. Status 1 with the reason in $failure, or when the
# container is stopped.
steps_run() {
  preload_run && { [ -z "$kind_here" ] || kind_run; } && hooks_run ready.d && compose_run
}

# ready_announce: what is known once the daemon answers.
ready_announce() {
  bridge_restore
  now_ms
  ready_total=$((now - begun))
  while read -r name version; do
    case $name in
      Engine) report_version dockerd "$version" ;;
      containerd | runc) report_version "$name" "$version" ;;
    esac
  done <<END
$api_versions
END
  report_timing dockerd "$ready_after"
  report_timing ready "$ready_total"
  report_write ready
  # From outside of its namespaces nobody sees the bridge.
  [ "$rootless" != inside ] || bridge=''
  state_write state=ready "socket=$socket" "data_root=$data_root" "tls_cert=${tls_cert:+$cfg_run_dir/served.pem}" \
    "bridge=$bridge" "kubeconfig=$kind_ready"
  log "ready after $ready_total ms"
}

# start_failure STATUS: why dockerd_wait_ready gave up, in $failure.
start_failure() {
  case $1 in
    2) failure="dockerd did not answer within $cfg_start_timeout s (DIND_START_TIMEOUT)" ;;
    *) failure="dockerd ended with status $dockerd_status before it was ready" ;;
  esac
}

# --- dockerd is what the container is for ---

# Whether it may be started again beneath whoever uses it: not where a command does.
keep_for=daemon

# run_daemon ARG...: ends with the status of dockerd.
run_daemon() {
  trap 'daemon_stop' TERM INT QUIT
  trap daemon_reload HUP
  trap 'kill -USR1 $dockerd_pid 2>/dev/null' USR1
  daemon_own=$(printf '%s\n' "$@")
  attempt=1 ready_before=''
  while :; do
    files_remove "$cfg_run_dir/ready" "$cfg_run_dir/restart" "$cfg_run_dir/failure"
    dockerd_begin "$@"
    report_write starting
    daemon_watch_start &
    starter_pid=$!
    # A signal may have come before there was anything to stop.
    [ -z "$stop_signal" ] || daemon_stop
    dockerd_reap
    kill "$starter_pid" 2>/dev/null
    if [ -z "$stop_signal" ] && daemon_restart; then
      continue
    fi
    if [ -n "$stop_signal" ] || [ -e "$cfg_run_dir/ready" ]; then
      break
    fi
    start_failure 1
    if [ -s "$cfg_run_dir/failure" ]; then
      nested_kill
      read -r failure <"$cfg_run_dir/failure"
      die "$failure"
    fi
    if ! dockerd_retry; then
      die "$failure"
    fi
    warn "$failure; attempt $((attempt + 1)) of $cfg_start_attempts"
    attempt=$((attempt + 1))
    sleep 1
    # A signal that came meanwhile had nothing to end, and there is nothing to start any more.
    [ -z "$stop_signal" ] || break
  done
  [ -z "$enforcer_pid" ] || kill -KILL "$enforcer_pid" 2>/dev/null
  nested_kill
  bridge_remove
  log "dockerd ended with status $dockerd_status"
  if [ -z "$stop_signal" ] && [ "$dockerd_status" != 0 ]; then
    termination_note "dockerd ended with status $dockerd_status after it was ready"
  fi
  state_write state=stopped
  exit "$dockerd_status"
}

# daemon_restart: whether keep_restart ended dockerd, to start it again.
daemon_restart() {
  [ -s "$cfg_run_dir/restart" ] || return 1
  read -r enforcer_pid <"$cfg_run_dir/restart"
  kill -KILL "$enforcer_pid" 2>/dev/null
  enforcer_pid='' ready_before=1
  bridge_note
  attempt=1
  now_ms
  begun=$now
}

# daemon_watch_start: beside dockerd, until it is ready, and then for what is to be done from time to time. Out of
# time, it ends the daemon and leaves the reason in a file, which ends the container.
daemon_watch_start() {
  exec 9>&-
  trap 'exit 0' TERM
  trap '' INT QUIT HUP USR1
  watch_status=0
  dockerd_wait_ready || watch_status=$?
  case $watch_status in
    0)
      if [ -n "$ready_before" ] || steps_run; then
        true >"$cfg_run_dir/ready"
        ready_announce
        keep_watch "$keep_for"
      else
        echo "$failure" >"$cfg_run_dir/failure"
        dockerd_end $((cfg_stop_timeout * 9 / 10))
      fi
      ;;
    2)
      start_failure 2
      echo "$failure" >"$cfg_run_dir/failure"
      dockerd_end $((cfg_stop_timeout * 9 / 10))
      ;;
  esac
}

daemon_stop() {
  stop_signal=TERM
  if [ -n "$dockerd_pid" ] && [ -z "$enforcer_pid" ]; then
    dockerd_end $((cfg_stop_timeout * 9 / 10))
  fi
}

# --- dockerd serves a command ---

# run_command WORD...: the command when the daemon is ready; ends with its status.
run_command() {
  files_remove "$cfg_run_dir/command.pid" "$cfg_run_dir/stop"
  watch_file=${watch_file:-$cfg_run_dir/dockerd.pid}
  # Started long before the command, so that its traps are set when a signal may come.
  command_watch &
  watcher_pid=$!
  trap 'stop_signal=TERM' TERM HUP
  trap 'stop_signal=INT' INT QUIT
  command_daemon
  trap : INT QUIT HUP USR1 USR2
  case $stop_signal in
    TERM) command_status=143 ;;
    INT) command_status=130 ;;
    *)
      command_keep &
      keeper_pid=$!
      # The small shell says its number, keeps it over exec, and leaves the terminal and stdin alone. Traps that do
      # something are reset in it; an ignored signal would stay ignored.
      # shellcheck disable=SC2016 # expanded there
      sh -c 'echo $$ >"$0"; exec "$@"' "$cfg_run_dir/command.pid" "$@" 9>&-
      command_status=$?
      kill -KILL "$keeper_pid" 2>/dev/null
      ;;
  esac
  kill -KILL "$watcher_pid" 2>/dev/null
  command_limit
  dockerd_end "$limit"
  dockerd_reap
  kill -KILL "$enforcer_pid" 2>/dev/null
  nested_kill
  bridge_remove
  state_write state=stopped
  exit $command_status
}

# command_daemon: returns when dockerd is ready or a stop signal came; does not return when it cannot be started.
command_daemon() {
  attempt=1
  while :; do
    dockerd_begin
    start_status=0
    dockerd_wait_ready || start_status=$?
    case $start_status in
      0)
        if ! steps_run; then
          [ -z "$stop_signal" ] || return 0
          command_fail
        fi
        ready_announce
        return 0
        ;;
      1) dockerd_reap ;;
      2)
        dockerd_end $((cfg_stop_timeout * 9 / 10))
        dockerd_reap
        ;;
    esac
    [ -z "$stop_signal" ] || return 0
    start_failure $start_status
    if [ $start_status != 1 ] || ! dockerd_retry; then
      [ -z "$log_file" ] || tail -n 40 "$log_file" >&2
      kill -KILL "$watcher_pid" 2>/dev/null
      die "$failure"
    fi
    warn "$failure; attempt $((attempt + 1)) of $cfg_start_attempts"
    attempt=$((attempt + 1))
    sleep 1
  done
}

# command_fail: a ready daemon, but no start: it goes before the reason is said.
command_fail() {
  kill -KILL "$watcher_pid" 2>/dev/null
  dockerd_end $((cfg_stop_timeout * 9 / 10))
  dockerd_reap
  kill -KILL "$enforcer_pid" 2>/dev/null
  nested_kill
  die "$failure"
}

# command_keep: beside the command, what is to be done from time to time.
command_keep() {
  exec 9>&- </dev/null
  trap 'exit 0' TERM
  trap '' INT QUIT HUP USR1
  keep_watch 'command'
}

# command_limit: seconds left for dockerd in $limit, less what the command took after the stop signal.
command_limit() {
  limit=$((cfg_stop_timeout * 9 / 10))
  if [ -s "$cfg_run_dir/stop" ]; then
    read -r stop_began <"$cfg_run_dir/stop"
    now_ms
    limit=$((limit - (now - stop_began) / 1000))
  fi
}

# command_watch: beside the command. Says when the daemon is gone, and makes a stop signal end the command.
command_watch() {
  exec 9>&- </dev/null
  trap 'command_stop; exit 0' TERM
  trap '' INT QUIT HUP
  watch_said=''
  # As long as the supervisor is there: $$ is its number in this subshell too.
  while [ -d "/proc/$$" ]; do
    sleep 2 >/dev/null 2>&1 &
    wait $!
    if [ -z "$watch_said" ] && [ -e "$cfg_run_dir/command.pid" ] && read -r dockerd_pid 2>/dev/null <"$watch_file" &&
      ! process_alive "$dockerd_pid"; then
      warn "dockerd has ended while the command runs${log_file:+; see $log_file}"
      watch_said=1
    fi
  done
}

# command_stop: the init has sent TERM to its group. A command that left the group, as an interactive shell does, or
# that was not there yet, gets it here; one that ignores TERM, as such a shell also does, gets HUP; what is left at the
# limit is killed.
command_stop() {
  trap '' TERM
  now_ms
  echo "$now" >"$cfg_run_dir/stop"
  stop_until=$((now + cfg_stop_timeout * 400))
  process_group "$$" || return 0
  own_group=$group
  pid=''
  while ! read -r pid 2>/dev/null <"$cfg_run_dir/command.pid"; do
    own_group=''
    [ -d "/proc/$$" ] || return 0
    sleep 0.1 >/dev/null 2>&1
  done
  process_group "$pid" || return 0
  if [ "$group" != "$own_group" ]; then
    kill -TERM "$pid" 2>/dev/null
  fi
  if ignores_term "$pid"; then
    kill -HUP "$pid" 2>/dev/null
  fi
  while [ -d "/proc/$pid" ]; do
    now_ms
    if [ "$now" -ge $stop_until ]; then
      warn "the command does not end, killing it"
      kill -KILL "$pid" 2>/dev/null
      return 0
    fi
    sleep 0.1 >/dev/null 2>&1
  done
}

# process_group PID: its process group in $group: the third field after the name in parentheses, proc(5).
process_group() {
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  stat=${stat##*) }
  stat=${stat#* * }
  group=${stat%% *}
}

# ignores_term PID: bit 14 of SigIgn in its status, proc(5).
ignores_term() {
  while read -r key value; do
    if [ "$key" = SigIgn: ]; then
      # The fourth hexadecimal digit from the right holds signals 13 to 16.
      value=${value%???}
      case ${value#"${value%?}"} in
        [4567cdef]) return 0 ;;
      esac
      return 1
    fi
  done 2>/dev/null <"/proc/$1/status"
  return 1
}
