# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# The environment of a container that talks to a daemon elsewhere.

# client_certificates: whether a client's certificate and key are at hand.
client_certificates() {
  [ -n "${DOCKER_TLS_CERTDIR:-}" ] &&
    [ -s "$dind_root$DOCKER_TLS_CERTDIR/client/ca.pem" ] &&
    [ -s "$dind_root$DOCKER_TLS_CERTDIR/client/cert.pem" ] &&
    [ -s "$dind_root$DOCKER_TLS_CERTDIR/client/key.pem" ]
}

# client_environment: choose DOCKER_HOST as docker:cli does, and TLS to go with it.
client_environment() {
  if [ -z "${DOCKER_HOST:-}" ]; then
    if [ -S "$dind_root/var/run/docker.sock" ]; then
      return 0
    elif [ -n "${XDG_RUNTIME_DIR:-}" ] && [ -S "$dind_root$XDG_RUNTIME_DIR/docker.sock" ]; then
      export DOCKER_HOST="unix://$XDG_RUNTIME_DIR/docker.sock"
      return 0
    elif [ -n "${DOCKER_TLS_VERIFY:-}" ] || client_certificates; then
      export DOCKER_HOST=tcp://docker:2376
    else
      export DOCKER_HOST=tcp://docker:2375
    fi
  fi
  case $DOCKER_HOST in
    tcp:*)
      if [ -z "${DOCKER_TLS_VERIFY:-}${DOCKER_CERT_PATH:-}" ] && client_certificates &&
        [ "${DOCKER_HOST##*:}" != 2375 ]; then
        export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH="$DOCKER_TLS_CERTDIR/client"
      fi
      ;;
  esac
}
