# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Certificates while the daemon runs. dockerd reads them once, at its start, and no signal makes it read them again.
# So they are issued again in time, and dockerd is restarted for them, but only when it interrupts nobody: no
# container runs, no client is connected. As long as that is not so it goes on with the old certificate, and
# `dindctl health` fails on its last day.

# renew_note: keep what dockerd is about to read. Health looks at this copy, not at what lies there since.
renew_note() {
  [ -n "$tls_cert" ] || return 0
  text_read "$tls_cert"
  printf '%s' "$text" >"$cfg_run_dir/served.pem" || die "cannot write $cfg_run_dir/served.pem"
}

# renew_issue: what a start would do about the certificates, in a shell of its own: a failure is no reason to end.
# shellcheck disable=SC2317 # called by tls_prepare
renew_issue() (
  die() {
    warn "certificates: $1"
    exit 1
  }
  report_decision() { log "$1: $2 ($3)"; }
  tls_prepare "$DOCKER_TLS_CERTDIR"
)

# renew_due: whether any certificate of ours has to be issued again. Those of the user are never written.
renew_due() {
  tls_dir=$DOCKER_TLS_CERTDIR
  [ -s "$tls_dir/ca/key.pem" ] || return 1
  tls_check
  ! tls_good ca || ! tls_good server || ! tls_good client
}

# renew_waiting: whether another certificate than the served one lies there, and is good.
renew_waiting() {
  [ -s "$tls_cert" ] && renew_differs && renew_issue
}

renew_differs() {
  text_read "$cfg_run_dir/served.pem"
  renew_served=$text
  text_read "$tls_cert"
  [ "$text" != "$renew_served" ]
}

# renew_idle: whether a restart of dockerd interrupts nobody.
renew_idle() {
  renew_running=$(own_docker 30 "$socket" ps -q 2>/dev/null) && [ -z "$renew_running" ] && ! renew_clients
}

# renew_clients: whether a client is connected: state 03 of the socket's name in /proc/net/unix (a listener has 01),
# state 01 of the port in /proc/net/tcp; proc(5).
renew_clients() {
  renew_port=$(printf '%04X' "$cfg_tls_port")
  while read -r _ _ _ _ _ renew_state _ path; do
    [ "$renew_state:$path" != "03:$socket" ] || return 0
  done <"$dind_root/proc/net/unix"
  for table in tcp tcp6; do
    [ -r "$dind_root/proc/net/$table" ] || continue
    while read -r _ own _ renew_state _; do
      [ "$renew_state:${own##*:}" != "01:$renew_port" ] || return 0
    done <"$dind_root/proc/net/$table"
  done
  return 1
}

# renew_check: one look. Status 0 when dockerd is to be restarted now.
renew_check() {
  [ -n "$tls_cert" ] || return 1
  if renew_due; then
    renew_issue || return 1
  fi
  renew_waiting || return 1
  if [ "$keep_mode" != daemon ]; then
    renew_say "it is served after the next start of this container"
    return 1
  fi
  renew_idle || {
    renew_say "dockerd is restarted for it as soon as no container runs and no client is connected"
    return 1
  }
}
renew_said=''

# renew_say TEXT: once.
renew_say() {
  [ -z "$renew_said" ] || return 0
  warn "there is a new certificate in $tls_cert: $1"
  renew_said=1
}
