#!/bin/sh
# Entry point of the image: decides between daemon, daemon with a command, and command alone; see images/README.md.
# No `set -e`: every step names its own failure.
set -u

lib=${DIND_LIB:-/usr/lib/dind}
# shellcheck source=images/common/rootfs/usr/lib/dind/log.sh
. "$lib/log.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/config.sh
. "$lib/config.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/report.sh
. "$lib/report.sh"
# shellcheck source=images/common/rootfs/usr/lib/dind/client.sh
. "$lib/client.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/init.sh
. "$lib/init.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/args.sh
. "$lib/args.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/role.sh
. "$lib/role.sh"

now_ms
begun=$now
die_hook() { termination_note "$1"; }
config_load
if [ -r "$lib/rootless.sh" ]; then
  # shellcheck source=images/rootless/rootfs/usr/lib/dind/rootless.sh
  . "$lib/rootless.sh"
  rootless_enter
fi
args_form "$@"

# A word that is no program here but a sub-command of docker stands for `docker WORD`, as in docker:dind.
if [ "$form" = command ] && ! command -v "$1" >/dev/null 2>&1 && docker help "$1" >/dev/null 2>&1; then
  set -- docker "$@"
  form=docker
fi

# What only asks dockerd something needs no container prepared for it.
case $form:${*-} in
  daemon:--version | daemon:-v | daemon:--help | daemon:-h) exec dockerd "$@" ;;
  'dockerd:dockerd --version' | 'dockerd:dockerd -v' | 'dockerd:dockerd --help' | 'dockerd:dockerd -h') exec "$@" ;;
  dockerd:*' --validate' | dockerd:*' --validate '*) exec "$@" ;;
esac

alone=''
if [ "$form" = command ] && ! is_on "$cfg_wait"; then
  alone=1
fi
if [ "$rootless" = outside ]; then
  rootless_decide "$form"
else
  role_decide "$form"
fi
if [ "$role" = client ]; then
  # There will be no daemon of this container, whatever the image's environment says.
  [ "${DOCKER_HOST:-}" != "$own_host" ] || unset DOCKER_HOST
  if [ "$form" = docker ] && [ "$role_chosen" = no ]; then
    warn "client of another daemon, because $role_reason"
  fi
  client_environment
  alone=1
fi
if [ -n "$alone" ]; then
  exec "$@"
fi

# Inside, rootlesskit is process 1.
[ "$rootless" = inside ] || init_enter "$0" "$@"
case $form in
  docker | command) log_quiet=${DIND_QUIET-1} ;;
esac
# shellcheck source=images/dind/rootfs/usr/lib/dind/ready.sh
. "$lib/ready.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/prepare.sh
. "$lib/prepare.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/dockerd.sh
. "$lib/dockerd.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/gc.sh
. "$lib/gc.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/renew.sh
. "$lib/renew.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/keep.sh
. "$lib/keep.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/preload.sh
. "$lib/preload.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/compose.sh
. "$lib/compose.sh"
if [ -r "$lib/kind.sh" ]; then
  # shellcheck source=images/kind-cluster/rootfs/usr/lib/dind/kind.sh
  . "$lib/kind.sh"
  kind_load
  kind_here=1
fi
# shellcheck source=images/dind/rootfs/usr/lib/dind/supervise.sh
. "$lib/supervise.sh"

if [ "$rootless" = inside ]; then
  rootless_inside
fi

# daemon_prepare DEFAULTS ARG...: the container and the flags, for these arguments of dockerd.
daemon_prepare() {
  keep_settings
  report_decision role daemon "$role_reason"
  listen_defaults=$1
  shift
  daemon_read "$@"
  engine_locate "$@"
  prepare_daemon "$listen_defaults" "$@"
}

# daemon_for_command: the same for a daemon whose only arguments are the words of DOCKER_ARGS.
daemon_for_command() {
  set -f
  # shellcheck disable=SC2086 # a list of words, as jieyu/dind takes it
  set -- ${DOCKER_ARGS:-}
  set +f
  daemon_prepare defaults "$@"
  for word; do
    dockerd_flags="$dockerd_flags$word$engine_newline"
  done
}

case $rootless:$form in
  outside:daemon | outside:dockerd) rootless_daemon "$0" "$@" ;;
  outside:*) rootless_serve "$0" "$@" ;;
  *:daemon)
    set -f
    # shellcheck disable=SC2086 # a list of words
    set -- "$@" ${DOCKER_ARGS:-}
    set +f
    daemon_prepare defaults "$@"
    log_choose stderr
    run_daemon "$@"
    ;;
  *:dockerd)
    shift
    daemon_prepare '' "$@"
    log_choose stderr
    run_daemon "$@"
    ;;
  *)
    daemon_for_command
    log_choose /var/log/dind/dockerd.log
    run_command "$@"
    ;;
esac
