# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Where the daemon listens.

# listen_socket ARG...: the path of the unix socket in $socket: DOCKER_HOST or an argument may name another.
listen_socket() {
  socket=/var/run/docker.sock
  case ${DOCKER_HOST:-} in
    unix://*) socket=${DOCKER_HOST#unix://} ;;
  esac
  for word; do
    case $word in
      unix://*) socket=${word#unix://} ;;
      -H=unix://* | --host=unix://* | -Hunix://*) socket=${word#*unix://} ;;
    esac
  done
}

# listen_clear: a socket that was left behind goes; one that was mounted belongs to somebody else.
listen_clear() {
  [ -e "$socket" ] || return 0
  rm -f "$socket" 2>/dev/null ||
    die "$socket is mounted from outside: to use that daemon run the command with DOCKER_HOST=unix://$socket"
}

# listen_prepare DEFAULTS ARG...: flags for the default listeners when DEFAULTS is not empty, certificates included.
listen_prepare() {
  listen_defaults=$1
  shift
  tls_cert=''
  listen_socket "$@"
  listen_clear
  if [ -z "$listen_defaults" ]; then
    report_decision tls none "dockerd was called with its own arguments"
    report_decision listeners arguments "dockerd was called with its own arguments"
    return 0
  fi
  if config_has hosts; then
    report_decision tls none "$engine_config names the listeners"
    report_decision listeners file "$engine_config names the listeners"
    return 0
  fi
  if [ "$cfg_listen" = unix ]; then
    flag_add host "unix://$socket"
    report_decision tls none "DIND_LISTEN=unix"
    report_decision listeners unix "unix://$socket"
  elif [ -n "${DOCKER_TLS_CERTDIR:-}" ]; then
    phase_begin
    tls_prepare "$DOCKER_TLS_CERTDIR"
    phase_end tls
    flag_add host "unix://$socket"
    tls_cert=$DOCKER_TLS_CERTDIR/server/cert.pem
    flag_add host "tcp://$cfg_listen_address:$cfg_tls_port"
    flag_add tlsverify true
    flag_add tlscacert "$DOCKER_TLS_CERTDIR/server/ca.pem"
    flag_add tlscert "$DOCKER_TLS_CERTDIR/server/cert.pem"
    flag_add tlskey "$DOCKER_TLS_CERTDIR/server/key.pem"
    report_decision listeners tls "unix://$socket, tcp://$cfg_listen_address:$cfg_tls_port with client certificates"
  else
    flag_add host "unix://$socket"
    flag_add host "tcp://$cfg_listen_address:$cfg_port"
    # Said aloud, or dockerd waits 15 s to let the user read its warning.
    flag_add tls false
    report_decision tls off "DOCKER_TLS_CERTDIR is empty"
    report_decision listeners plain \
      "unix://$socket, tcp://$cfg_listen_address:$cfg_port WITHOUT protection: whoever reaches it is root here"
  fi
}
