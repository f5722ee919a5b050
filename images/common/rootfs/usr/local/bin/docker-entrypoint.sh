#!/bin/sh
# Client entry point: a docker sub-command, or any command in an environment where docker finds its daemon.
set -eu

lib=${DIND_LIB:-/usr/lib/dind}
# shellcheck source=images/common/rootfs/usr/lib/dind/log.sh
. "$lib/log.sh"
# shellcheck source=images/common/rootfs/usr/lib/dind/client.sh
. "$lib/client.sh"

if [ $# -eq 0 ]; then
  set -- sh
fi
case $1 in
  -*) set -- docker "$@" ;;
  docker) ;;
  dockerd)
    command -v dockerd >/dev/null 2>&1 ||
      die "this image has the client and no daemon: run an image of the profile dind beside it, and this one with its /certs/client"
    ;;
  *) if docker help "$1" >/dev/null 2>&1; then set -- docker "$@"; fi ;;
esac
client_environment
exec "$@"
