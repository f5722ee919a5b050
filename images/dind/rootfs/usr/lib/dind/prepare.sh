# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Everything between "this container is a daemon" and the start of dockerd.

# shellcheck source=images/dind/rootfs/usr/lib/dind/engine.sh
. "$lib/engine.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/daemon_json.sh
. "$lib/daemon_json.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/hooks.sh
. "$lib/hooks.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/cgroup.sh
. "$lib/cgroup.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/iptables.sh
. "$lib/iptables.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/network.sh
. "$lib/network.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/pools.sh
. "$lib/pools.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/ipv6.sh
. "$lib/ipv6.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/bridge.sh
. "$lib/bridge.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/security.sh
. "$lib/security.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/lock.sh
. "$lib/lock.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/device.sh
. "$lib/device.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/storage.sh
. "$lib/storage.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/tls.sh
. "$lib/tls.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/hardening.sh
. "$lib/hardening.sh"
# shellcheck source=images/dind/rootfs/usr/lib/dind/listen.sh
. "$lib/listen.sh"

# die_hook REASON: the report of a start that failed is the one most wanted. Neither it nor the reason of the end is
# written where the run directory belongs to a daemon that is alive.
report_owned=1 mount_refused=''
die_hook() {
  [ -n "$report_owned" ] || return 0
  termination_note "$1"
  [ "$report_owned" = run ] || return 0
  log_quiet=1
  bridge_remove
  report_decision failure start "$1"
  state_write state=failed
  report_write failed
}

# prepare_begin ARG...: whether anything may be done here, and the team's own steps before it.
prepare_begin() {
  report_owned=''
  running_refuse
  report_owned=1
  [ -d "$cfg_run_dir" ] || mkdir -p "$cfg_run_dir" ||
    die "cannot make $cfg_run_dir: mount a tmpfs on /run when the root is read-only"
  files_remove "$cfg_run_dir/ready" "$cfg_run_dir/state" "$cfg_run_dir/report.json" "$cfg_run_dir/daemon.json"
  can_administer || mount_refused=1
  [ "$own_user" = 0 ] || die "dockerd of this image needs root"
  [ -z "$mount_refused" ] || die "$cannot_mount"
  report_owned=run
  state_write state=starting
  listen_socket "$@"
  hooks_run pre.d || die "$failure"
  if [ -n "$hooks" ]; then
    # They may have written it.
    daemon_read "$@"
    engine_locate "$@"
    listen_socket "$@"
  fi
  device_mount
  cgroup_scan
  # Where the outer container has any mount shared with its host, its volumes are too: what is mounted on them would show
  # outside, and stay there. A directory that is no mount of its own refuses, and needs nothing.
  if [ "$mounts_shared" != ' ' ]; then
    for directory in "$data_root" /var/lib/containerd; do
      mount --make-private "$directory" 2>/dev/null || :
    done
  fi
}

# prepare_container ARG...: what any nested engine needs, whoever starts it.
prepare_container() {
  phase_begin
  security_prepare
  cgroup_prepare
  # Volumes with shared propagation in nested containers need a shared root.
  mount --make-rshared / || die "cannot make / a shared mount: $cannot_mount"
  phase_end container
  phase_begin
  iptables_prepare "$@"
  phase_end iptables
}

# prepare_daemon DEFAULTS ARG...: the container, and flags for dockerd, with the default listeners when DEFAULTS is not
# empty. Nothing on the volumes is touched before they are ours; then certificates and the probe of the storage, which
# take long, are begun beside the rest.
prepare_daemon() {
  prepare_defaults=$1
  shift
  prepare_begin "$@"
  phase_begin
  lock_take
  phase_end lock
  listen_prepare "$prepare_defaults" "$@"
  storage_begin
  prepare_container "$@"
  phase_begin
  storage_prepare "$@"
  phase_end storage
  phase_begin
  bridge_prepare "$@"
  network_prepare "$@"
  phase_end network
  if [ -n "$cgroup_v2_mounted" ] && ! engine_is_from 20 && ! engine_has default-cgroupns-mode; then
    die "this host has cgroup v2 only, which Docker before 20.10 cannot use: take an image with 20.10 or newer"
  fi
  if [ -n "$cgroup_parent" ] && [ -z "$config_cgroup_parent" ] && ! args_value cgroup-parent '' "$@"; then
    flag_add cgroup-parent "$cgroup_parent"
  fi
  engine_environment "$@"
  hardening_prepare "$@"
  daemon_write "$@"
  tls_end
}
