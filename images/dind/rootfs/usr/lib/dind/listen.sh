# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Where the daemon listens.

listen_defaults='' listen_by='' listen_missing='' listen_activated=''

# listen_socket ARG...: the path of the unix socket in $socket, who names the listeners in $listen_by (arguments, file
# or nobody), and whether a socket is missing among them in $listen_missing: it is added, because everything in this
# container uses it.
listen_socket() {
  socket='' listen_by='' listen_missing=''
  listen_word=''
  for word; do
    case $listen_word$word in
      --) break ;;
      -H | --host)
        listen_word='next '
        continue
        ;;
      'next '*) listen_named "$word" ;;
      -H=* | --host=*) listen_named "${word#*=}" ;;
      -H*) listen_named "${word#-H}" ;;
    esac
    listen_word=''
  done
  [ -z "$listen_by" ] || listen_by=arguments
  # The variable is about the default listeners, and replaces the file's where there are any.
  if [ -z "$listen_by" ] && config_has hosts && { [ -z "${DIND_LISTEN:-}" ] || [ -z "$listen_defaults" ]; }; then
    set -f
    for word in $(printf '%s' "$daemon_json" | jq -r '.hosts[]?'); do
      listen_named "$word"
    done
    set +f
    listen_by='file'
  fi
  [ -z "$socket" ] || return 0
  socket=$engine_socket
  if [ -n "$listen_by" ]; then
    listen_missing=$listen_by
  elif [ -n "$listen_defaults" ]; then
    case ${DOCKER_HOST:-} in
      unix://*) socket=${DOCKER_HOST#unix://} ;;
    esac
  fi
}

# listen_named HOST: one listener; the first unix socket is ours too.
listen_named() {
  listen_by='named'
  case $1 in
    unix://)
      socket=${socket:-$engine_socket}
      ;;
    unix://*) socket=${socket:-${1#unix://}} ;;
    fd://*)
      socket=${socket:-$engine_socket} listen_activated=1
      ;;
  esac
}

# listen_keep: the socket that the file's listeners lack, in the configuration that is about to be written.
listen_keep() {
  [ "$listen_missing" = file ] || return 0
  daemon_json=$(printf '%s' "$daemon_json" | jq --arg socket "unix://$socket" \
    'if has("hosts") then .hosts += [$socket] else . end') ||
    die "cannot add unix://$socket to the hosts of $engine_config"
}

# listen_clear: a socket that was left behind goes; one that was mounted belongs to somebody else.
listen_clear() {
  # systemd holds the other end of it, and has docker.socket's path.
  [ -z "$listen_activated" ] && [ -e "$socket" ] || return 0
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
  [ -z "$listen_missing" ] || report_tried listeners "unix://$socket" "added: everything in this container uses it"
  if [ "$listen_missing" = arguments ] || { [ -z "$listen_by" ] && [ -n "$listen_defaults" ]; }; then
    flag_add host "unix://$socket"
  fi
  if [ -z "$listen_defaults" ] && [ "$listen_by" != file ]; then
    report_decision tls none "dockerd was called with its own arguments"
    report_decision listeners arguments "dockerd was called with its own arguments"
    return 0
  fi
  if [ "$listen_by" = file ]; then
    report_decision tls none "$engine_config names the listeners"
    report_decision listeners file "$engine_config names the listeners"
    return 0
  fi
  if [ "$cfg_listen" = unix ]; then
    report_decision tls none "DIND_LISTEN=unix"
    report_decision listeners unix "unix://$socket"
  elif [ -n "${DOCKER_TLS_CERTDIR:-}" ]; then
    tls_begin "$DOCKER_TLS_CERTDIR"
    tls_cert=$DOCKER_TLS_CERTDIR/server/cert.pem
    flag_add host "tcp://$cfg_listen_address:$cfg_tls_port"
    flag_add tlsverify true
    flag_add tlscacert "$DOCKER_TLS_CERTDIR/server/ca.pem"
    flag_add tlscert "$DOCKER_TLS_CERTDIR/server/cert.pem"
    flag_add tlskey "$DOCKER_TLS_CERTDIR/server/key.pem"
    report_decision listeners tls "unix://$socket, tcp://$cfg_listen_address:$cfg_tls_port with client certificates"
  else
    flag_add host "tcp://$cfg_listen_address:$cfg_port"
    # Said aloud, or dockerd waits 15 s to let the user read its warning.
    flag_add tls false
    report_decision tls off "DOCKER_TLS_CERTDIR is empty"
    report_decision listeners plain \
      "unix://$socket, tcp://$cfg_listen_address:$cfg_port WITHOUT protection: whoever reaches it is root here"
  fi
}
