#!/bin/sh
# Entry point of a container that is like a machine: prepares what systemd cannot know of, then becomes it.
# See images/README.md.
set -u

lib=${DIND_LIB:-/usr/lib/dind}
# shellcheck source=images/common/rootfs/usr/lib/dind/log.sh
. "$lib/log.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/config.sh
. "$lib/config.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/report.sh
. "$lib/report.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/role.sh
. "$lib/role.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/cgroup.sh
. "$lib/cgroup.sh"
# shellcheck source=images/vmlc/rootfs/usr/lib/dind/machine.sh
. "$lib/machine.sh"

now_ms
die_hook() { termination_note "$1"; }
[ $# -eq 0 ] || log_quiet=${DIND_QUIET-1}
config_load
[ $$ = 1 ] || die "systemd has to be process 1: run the image without --init, and with no other program before its entry point"
can_administer || die "systemd has to mount: run the image with --privileged"
machine_memory
machine=$cfg_run_dir/machine
mkdir -p "$machine" || die "cannot make $machine"
cgroup_scan
mount --make-rshared / || die "cannot make / a shared mount: $cannot_mount"
machine_cgroup
machine_limits
machine_identity
machine_keys
machine_environment
machine_note
if [ $# -gt 0 ]; then
  machine_command "$@"
  # The terminal is the command's: nothing of boot and end is said there.
  exec /sbin/init --show-status=false --log-target=journal --log-level=notice
fi
exec /sbin/init
