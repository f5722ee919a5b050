# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# What is done from time to time beside a ready daemon: garbage collection, certificates.

# keep_settings: intervals in seconds.
keep_settings() {
  gc_settings
  keep_tls_interval=${DIND_TLS_INTERVAL:-3600}
  config_number DIND_TLS_INTERVAL "$keep_tls_interval" 1
}

# keep_watch MODE: does not return while the supervisor lives, unless there is nothing to do. In the mode daemon it
# may end dockerd for a new certificate: the supervisor finds the file `restart` and starts it again.
keep_watch() {
  keep_mode=$1
  [ -n "$tls_cert" ] || gc_wanted || return 0
  now_ms
  keep_gc_at=$((now + gc_interval * 1000)) keep_tls_at=$((now + keep_tls_interval * 1000))
  keep_step=$keep_tls_interval
  if gc_wanted && [ "$gc_interval" -lt "$keep_step" ]; then
    keep_step=$gc_interval
  fi
  # $$ is the number of the supervisor in this subshell too.
  while [ -d "/proc/$$" ]; do
    sleep "$keep_step" >/dev/null 2>&1 &
    wait $!
    now_ms
    if gc_wanted && [ "$now" -ge $keep_gc_at ]; then
      keep_gc_at=$((now + gc_interval * 1000))
      gc_collect
    fi
    if [ -n "$tls_cert" ] && [ "$now" -ge $keep_tls_at ]; then
      keep_tls_at=$((now + keep_tls_interval * 1000))
      if renew_check; then
        keep_restart
        return 0
      fi
    fi
  done
}

# keep_restart: end dockerd; who waits for it starts it again, and ends the enforcer, which is named in the file.
keep_restart() {
  log "restarting dockerd: it serves a certificate that has been replaced"
  dockerd_enforce $((cfg_stop_timeout * 9 / 10))
  echo "$enforcer_pid" >"$cfg_run_dir/restart"
  kill -TERM "$dockerd_pid" 2>/dev/null
}
