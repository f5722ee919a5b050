# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# What the recipe's [hardening] asks of the nested engine, as flags of dockerd: so a key of the configuration file,
# mounted or the recipe's own, and an argument win over it.

# The first engine that keeps its identity in the data directory.
hardening_keyless=24

# hardening_prepare ARG...: the flags, one decision.
hardening_prepare() {
  hardening_choice=''
  hardening_proxy "$@"
  hardening_logs "$@"
  hardening_files
  hardening_switch no-new-privileges true "$cfg_no_new_privileges" "${DIND_NO_NEW_PRIVILEGES:-}" "$@" || :
  hardening_icc "$@"
  hardening_userns "$@"
  hardening_key
  report_decision hardening "${hardening_choice:-none}" "the recipe's [hardening] and DIND_* variables"
}

# hardening_add FLAG VALUE: for dockerd and for the report.
hardening_add() {
  flag_add "$1" "$2"
  hardening_choice="${hardening_choice:+$hardening_choice, }$1 $2"
}

# hardening_given FLAG KEY VARIABLE ARG...: whether an argument or the configuration file decides, which is reported; not
# the file where VARIABLE, the value of a DIND_* variable, is not empty.
hardening_given() {
  given_flag=$1 given_key=$2 given_variable=$3
  shift 3
  args_switch "$given_flag" "$@"
  if [ -n "$arg_value" ] || args_value "$given_flag" '' "$@"; then
    report_tried hardening "$given_flag" "left to the arguments"
  elif [ -z "$given_variable" ] && config_has "$given_key"; then
    report_tried hardening "$given_flag" "left to $engine_config"
  else
    return 1
  fi
}

# hardening_switch FLAG WHEN SETTING VARIABLE ARG...: FLAG=WHEN where SETTING is WHEN; status 1 where it is not set.
hardening_switch() {
  switch_flag=$1 switch_value=$2 switch_setting=$3
  shift 3
  [ "$switch_setting" = "$switch_value" ] && ! hardening_given "$switch_flag" "$switch_flag" "$@" &&
    hardening_add "$switch_flag" "$switch_value"
}

# hardening_write FILE: whether a switch of the kernel, 0 or 1, can be written: what it says is written to it again.
# Root finds every file writable by its mode.
hardening_write() {
  number=''
  # Its second byte cannot be had (see kernel_number), which read reports as a failure.
  read -r number 2>/dev/null <"$1"
  is_number "$number" && { echo "$number" >"$1"; } 2>/dev/null
}

# kernel_number FILE: the number that a file below /proc/sys says in $number. Such a file answers one read(2) and no
# second one, and read(1) takes a byte at a time.
kernel_number() {
  number=$(cat "$1" 2>/dev/null) && is_number "$number"
}

# hardening_proxy ARG...: without a process for each published port the kernel has to carry it: by rules, and from
# 127.0.0.1 by routing that address to a bridge.
hardening_proxy() {
  [ "$cfg_userland_proxy" = false ] || return 0
  ! hardening_given userland-proxy userland-proxy "${DIND_USERLAND_PROXY:-}" "$@" || return 0
  if [ "$iptables_chosen" = off ] || config_has iptables; then
    report_tried hardening userland-proxy "stays: dockerd is not left to write iptables rules"
  elif ! hardening_write "$dind_root/proc/sys/net/ipv4/conf/all/route_localnet"; then
    report_tried hardening userland-proxy "stays: /proc/sys is read-only, so published ports would not answer on 127.0.0.1"
  else
    hardening_add userland-proxy false
  fi
}

# hardening_logs ARG...: the bounds go with every driver that knows them. Options without a driver are those of
# dockerd's own default.
hardening_logs() {
  if args_value log-driver '' "$@"; then
    logs_driver=$arg_value
  elif [ -z "${DIND_LOG_DRIVER:-}" ] && config_has log-driver; then
    logs_driver=$(printf '%s' "$daemon_json" | jq -r '."log-driver"')
  elif args_value log-opt '' "$@" || { [ -z "${DIND_LOG_DRIVER:-}" ] && config_has log-opts; }; then
    logs_driver=json-file
  else
    logs_driver=$cfg_log_driver
    hardening_add log-driver "$logs_driver"
  fi
  case $logs_driver in
    local | json-file) ;;
    *)
      report_tried hardening log-opt "the driver $logs_driver keeps no files"
      return 0
      ;;
  esac
  if [ -z "${DIND_LOG_DRIVER:-}${DIND_LOG_MAX_SIZE:-}${DIND_LOG_MAX_FILE:-}" ] && config_has log-opts; then
    report_tried hardening log-opt "left to $engine_config"
    return 0
  fi
  # Options of the arguments come later, and win.
  hardening_add log-opt "max-size=$cfg_log_max_size"
  hardening_add log-opt "max-file=$cfg_log_max_file"
  # It compresses what is rotated away, and refuses to where no such file is kept.
  if [ "$logs_driver" = local ] && [ "$cfg_log_max_file" -eq 1 ]; then
    hardening_add log-opt compress=false
  fi
}

# hardening_files: open files of nested containers. Only a capability of the host can raise a hard limit; without it
# no container would start, so the limit is then the daemon's own. An argument for it comes later, and wins.
hardening_files() {
  [ "$cfg_nofile" != inherit ] || return 0
  if [ -z "${DIND_NOFILE:-}" ] && config_has default-ulimits; then
    report_tried hardening default-ulimit "left to $engine_config"
    return 0
  fi
  files_soft=${cfg_nofile%%:*} files_hard=${cfg_nofile#*:}
  if ! hardening_raise "$files_hard"; then
    hardening_limit
    report_tried hardening "nofile $cfg_nofile" "cannot be raised here beyond $files_limit"
    files_hard=$files_limit
    [ "$files_soft" -le "$files_hard" ] || files_soft=$files_hard
  fi
  hardening_add default-ulimit "nofile=$files_soft:$files_hard"
}

# hardening_raise NUMBER: whether a process may have this limit.
hardening_raise() {
  # shellcheck disable=SC3045 # dash and ash have it
  (ulimit -n "$1") 2>/dev/null
}

# hardening_limit: the hard limit of this process in $files_limit.
hardening_limit() {
  # shellcheck disable=SC3045 # dash and ash have it
  files_limit=$(ulimit -H -n)
  is_number "$files_limit" || {
    kernel_number "$dind_root/proc/sys/fs/nr_open" || die "/proc/sys/fs/nr_open says nothing: is /proc mounted?"
    files_limit=$number
  }
}

# hardening_icc ARG...: packets between two containers of one bridge meet no rule without br_netfilter, so the setting
# would be there and do nothing.
hardening_icc() {
  hardening_switch icc false "$cfg_icc" "${DIND_ICC:-}" "$@" || return 0
  [ ! -e "$dind_root/proc/sys/net/bridge/bridge-nf-call-iptables" ] || return 0
  modprobe br_netfilter >/dev/null 2>&1 || :
  [ -e "$dind_root/proc/sys/net/bridge/bridge-nf-call-iptables" ] ||
    die "containers cannot be kept apart (hardening.icc, DIND_ICC): the host's kernel has no br_netfilter loaded
load it on the host, or set DIND_ICC=1"
}

# hardening_userns ARG...
hardening_userns() {
  [ "$cfg_userns_remap" = true ] || return 0
  ! hardening_given userns-remap userns-remap "${DIND_USERNS_REMAP:-}" "$@" || return 0
  if kernel_number "$dind_root/proc/sys/user/max_user_namespaces" && [ "$number" = 0 ]; then
    die "user namespaces are switched off on the host (hardening.userns-remap, DIND_USERNS_REMAP)
set user.max_user_namespaces there, or DIND_USERNS_REMAP=0"
  fi
  hardening_add userns-remap default
}

# hardening_key: dockerd before 24 makes a key for its identity beside its configuration, and does not start where that
# is read-only: then a copy of the directory in the run directory takes its place.
hardening_key() {
  ! engine_is_from $hardening_keyless || return 0
  [ ! -e "$dind_root/etc/docker/key.json" ] || return 0
  # As a rule a file lies there that can be opened for writing. One that is mounted says nothing about its directory.
  case $engine_newline$mounts in
    *"$engine_newline/etc/docker/daemon.json "*) ;;
    *)
      if [ -f "$dind_root/etc/docker/daemon.json" ] && { true >>"$dind_root/etc/docker/daemon.json"; } 2>/dev/null; then
        return 0
      fi
      ;;
  esac
  if mkdir "$dind_root/etc/docker/.dind-probe" 2>/dev/null; then
    rmdir "$dind_root/etc/docker/.dind-probe"
    return 0
  fi
  if ! cp -a "$dind_root/etc/docker" "$cfg_run_dir/etc-docker" ||
    ! mount --bind "$cfg_run_dir/etc-docker" "$dind_root/etc/docker"; then
    die "/etc/docker is read-only and this dockerd keeps a key there: mount a tmpfs or volume on /etc/docker"
  fi
  report_tried hardening /etc/docker "read-only: a copy in $cfg_run_dir stands in its place, for the engine's key"
}
