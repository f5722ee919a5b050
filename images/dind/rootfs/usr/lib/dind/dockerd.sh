# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# The life of one dockerd: start, readiness, ordered end.

dockerd_pid='' dockerd_status=0

# log_choose DEFAULT: where dockerd's log goes: $log_file, or stderr when that is empty. With a command it is a file,
# because the terminal is the command's.
log_choose() {
  log_file=${cfg_log:-$1}
  if [ "$log_file" = stderr ]; then
    log_file=''
    return 0
  fi
  log_dir=${log_file%/*}
  if ! mkdir -p "${log_dir:-/}" 2>/dev/null || ! { true >>"$log_file"; } 2>/dev/null; then
    warn "cannot write $log_file, logging to $cfg_run_dir/dockerd.log"
    log_file=$cfg_run_dir/dockerd.log
  fi
}

# dockerd_begin ARG...: start it in a session of its own, its log on stderr or in $log_file. Descriptor 9 is the
# lock on the data directory, which only the supervisor holds.
dockerd_begin() {
  stale_remove
  renew_note
  set -f
  dockerd_ifs=$IFS
  IFS=$engine_newline
  # shellcheck disable=SC2086 # one flag a line
  set -- $dockerd_flags "$@" --config-file="$daemon_file"
  IFS=$dockerd_ifs
  set +f
  now_ms
  dockerd_started=$now
  if [ -n "$log_file" ]; then
    setsid dockerd "$@" </dev/null >>"$log_file" 2>&1 9>&- &
  else
    setsid dockerd "$@" </dev/null >&2 9>&- &
  fi
  dockerd_pid=$!
  echo "$dockerd_pid" >"$cfg_run_dir/dockerd.pid"
}

# dockerd_wait_ready: 0 ready, 1 dockerd ended, 2 out of time, 3 told to stop.
dockerd_wait_ready() {
  now_ms
  ready_until=$((now + cfg_start_timeout * 1000))
  while :; do
    [ -z "$stop_signal" ] || return 3
    process_alive "$dockerd_pid" || return 1
    if [ -S "$socket" ] && api_answers 5 "$socket"; then
      now_ms
      ready_after=$((now - dockerd_started))
      return 0
    fi
    now_ms
    [ "$now" -lt $ready_until ] || return 2
    sleep 0.02
  done
}

# dockerd_retry: whether another attempt may help. A wrong argument ends dockerd at once, and would again; what
# passes by itself (containerd slow to start, a port still taken) takes a while to fail.
dockerd_retry() {
  now_ms
  [ "$attempt" -lt "$cfg_start_attempts" ] && [ $((now - dockerd_started)) -ge 2000 ] && [ -z "$stop_signal" ]
}

# dockerd_reap: wait until it has really ended, because a trapped signal ends wait(1) early.
dockerd_reap() {
  while :; do
    dockerd_status=0
    wait "$dockerd_pid" || dockerd_status=$?
    if [ $dockerd_status -le 128 ] || ! process_alive "$dockerd_pid"; then
      return 0
    fi
  done
}

# dockerd_end LIMIT: TERM now, the rest by dockerd_enforce. Returns at once; dockerd_reap waits for the outcome.
dockerd_end() {
  kill -TERM "$dockerd_pid" 2>/dev/null
  dockerd_enforce "$1"
}

# dockerd_enforce LIMIT: KILL for nested containers after the grace, KILL for dockerd after LIMIT seconds.
dockerd_enforce() {
  (
    trap '' TERM INT HUP QUIT USR1
    sleep "$cfg_stop_grace"
    nested_kill
    end_rest=$(($1 - cfg_stop_grace))
    [ $end_rest -gt 0 ] || end_rest=1
    sleep $end_rest
    kill -KILL "$dockerd_pid" 2>/dev/null
  ) </dev/null >/dev/null 2>&1 9>&- &
  enforcer_pid=$!
}

# nested_kill: the first process of every nested container. Killing it, instead of stopping the container, leaves
# restart policies as they were. The parent is checked, because the number may belong to another process by now.
nested_kill() {
  for file in "$exec_root"/containerd/daemon/io.containerd.runtime.v*/*/*/init.pid \
    /run/containerd/io.containerd.runtime.v*/moby/*/init.pid; do
    nested=''
    # The file has no line end, which read reports as a failure.
    read -r nested 2>/dev/null <"$file"
    if is_number "$nested" && read -r stat 2>/dev/null <"/proc/$nested/stat"; then
      stat=${stat##*) ? }
      read -r name 2>/dev/null <"/proc/${stat%% *}/comm" || continue
      case $name in
        containerd-shim*) kill -KILL "$nested" 2>/dev/null ;;
      esac
    fi
  done
}
