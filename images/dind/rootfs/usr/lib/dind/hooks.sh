# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Steps of the team's own: programs in /etc/dind/pre.d, before anything of the daemon is decided, and in ready.d, when
# it answers and before anybody is told that it is ready. One that fails ends the start: a half prepared daemon is worse
# than none.

# hooks_list DIR: the programs of a directory in the order of their names, one a line, in $hooks. What is mounted from a
# ConfigMap often cannot be executable, so *.sh is given to the shell.
hooks_list() {
  hooks=''
  for hook in "$dind_root$1"/*; do
    [ -f "$hook" ] || continue
    case ${hook##*/} in
      *~ | *.bak | *.dpkg-* | *.apk-new | *.md | README) continue ;;
    esac
    if [ -x "$hook" ] || [ "$hook" != "${hook%.sh}" ]; then
      hooks="$hooks$hook
"
    else
      warn "$hook is neither executable nor called *.sh, it is not run"
    fi
  done
}

# hooks_run NAME: everything in /etc/dind/NAME. Status 1 with the reason in $failure.
hooks_run() {
  hooks_list "/etc/dind/$1"
  [ -n "$hooks" ] || return 0
  phase_begin
  hooks_done=''
  while read -r hook; do
    [ -n "$hook" ] || continue
    hook_run "$hook" || return 1
    hooks_done="$hooks_done ${hook##*/}"
  done <<END
$hooks
END
  phase_end "hooks-$1"
  log "$1:$hooks_done"
}

# hook_run PROGRAM: with the daemon of this container as the one that docker talks to. What it prints is diagnostics.
# Not under timeout(1), which would take it out of the process group that a stop signal reaches.
hook_run() {
  (
    unset DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_CONTEXT DOCKER_TLS DOCKER_API_VERSION
    export DOCKER_HOST="unix://$socket" DIND_RUN_DIR="$cfg_run_dir"
    if [ -x "$1" ]; then
      exec "$1"
    fi
    exec sh "$1"
  ) </dev/null >&2 9>&- &
  hook_pid=$!
  hook_wait "$cfg_hook_timeout"
  if [ -n "$hook_late" ]; then
    failure="$1 did not end within $cfg_hook_timeout s (DIND_HOOK_TIMEOUT)"
  elif [ $hook_status != 0 ]; then
    failure="$1 ended with status $hook_status"
  else
    return 0
  fi
  return 1
}

# hook_wait SECONDS: the end of $hook_pid, made after that time; its status in $hook_status, $hook_late when it was late.
hook_wait() {
  now_ms
  hook_until=$((now + $1 * 1000))
  hook_late=''
  while process_alive "$hook_pid"; do
    now_ms
    if [ "$now" -ge $hook_until ]; then
      case $hook_late in
        '') kill -TERM "$hook_pid" 2>/dev/null ;;
        *) kill -KILL "$hook_pid" 2>/dev/null ;;
      esac
      hook_late=1
      hook_until=$((now + 2000))
    fi
    sleep 0.05
  done
  hook_status=0
  wait "$hook_pid" || hook_status=$?
}
