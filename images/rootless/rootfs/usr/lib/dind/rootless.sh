# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Docker of a user who is not root. Everything that prepares the container and runs dockerd happens below rootlesskit(1),
# in namespaces of that user; what decides and waits, and the user's command, stay outside of them.

# Ways out of the confinement of an outer engine: docker run, podman where its words differ, and a pod.
rootless_seccomp='docker run --security-opt seccomp=unconfined; in a pod seccompProfile.type: Unconfined'
rootless_apparmor='docker run --security-opt apparmor=unconfined; in a pod appArmorProfile.type: Unconfined'
rootless_proc='docker run --security-opt systempaths=unconfined, with podman unmask=ALL; in a pod procMount: Unmasked'
rootless_tun='docker run --device /dev/net/tun; in a pod the resource of a device plugin'
rootless_ids='docker run --cap-add SETUID --cap-add SETGID; in a pod securityContext.capabilities.add'
rootless_gain='docker run without --security-opt no-new-privileges; in a pod allowPrivilegeEscalation: true'
rootless_space='
'

# rootless_enter: outside or inside of the namespaces, in $rootless: outside, inside, or empty for root.
rootless_enter() {
  own_status
  rootless=''
  if [ -n "${DIND_ROOTLESS_INSIDE:-}" ] && [ -n "${ROOTLESSKIT_STATE_DIR:-}" ]; then
    rootless=inside
  elif [ "$own_user" != 0 ]; then
    rootless=outside
    own_host=unix://$XDG_RUNTIME_DIR/docker.sock
  else
    # A daemon of root's listens where the image's environment looks for one.
    own_host=unix://${XDG_RUNTIME_DIR:-}/docker.sock
  fi
}

# --- what the outer container lacks ---

# rootless_has BIT: whether the bounding set has a capability: its number is below 32.
rootless_has() {
  rootless_word=0x${own_bounding#????????}
  [ $((rootless_word >> $1 & 1)) = 1 ]
}

# rootless_self: of this process, proc(5): bounding set, filters of system calls, whether privileges can be gained.
rootless_self() {
  own_bounding=0000000000000000 own_filter=0 own_stuck=0
  while read -r name value _; do
    case $name in
      CapBnd:) own_bounding=$value ;;
      Seccomp:) own_filter=$value ;;
      NoNewPrivs:) own_stuck=$value ;;
    esac
  done <"$dind_root/proc/self/status"
}

# rootless_lack WHAT REMEDY: one thing more that stands in the way.
rootless_lack() {
  rootless_lacks="$rootless_lacks$1|$2$rootless_space"
}

# rootless_look: everything that stands in the way, lines "WHAT|REMEDY" in $rootless_lacks; empty when nothing does.
rootless_look() {
  rootless_lacks=''
  rootless_self
  rootless_look_programs
  rootless_look_namespaces
  rootless_look_device
  rootless_look_directories
}

# rootless_look_programs: newuidmap(1) and newgidmap(1) give the user more than the own id.
rootless_look_programs() {
  for program in rootlesskit newuidmap newgidmap; do
    command -v "$program" >/dev/null 2>&1 ||
      rootless_lack "$program is not in this image" "an image of the profile rootless"
  done
  for file in subuid subgid; do
    rootless_subordinate "$dind_root/etc/$file" ||
      rootless_lack "user $own_user has no ids in /etc/$file" "start as the image's own user, without --user"
  done
  [ "$own_stuck" = 0 ] ||
    rootless_lack "this container may gain no privileges, and newuidmap has one" "$rootless_gain"
  if ! rootless_has 7 || ! rootless_has 6; then
    rootless_lack "this container lacks the capabilities SETUID and SETGID, by which newuidmap maps users" "$rootless_ids"
  fi
}

# rootless_subordinate FILE: whether it has the user, by name or number.
rootless_subordinate() {
  [ -r "$1" ] || return 1
  own_name=$(id -un 2>/dev/null) || own_name=$own_user
  while IFS=: read -r name _; do
    case $name in
      "$own_name" | "$own_user") return 0 ;;
    esac
  done <"$1"
  return 1
}

# rootless_switch FILE: the number a setting of the kernel has, in $number; status 1 where there is none.
rootless_switch() {
  number=''
  [ -r "$dind_root/proc/sys/$1" ] && read -r number <"$dind_root/proc/sys/$1" && is_number "$number"
}

# rootless_look_namespaces: what dockerd and its containers do, done once; then, where it fails, in parts.
rootless_look_namespaces() {
  if rootless_try --user --map-root-user --mount --pid --fork --mount-proc \
    sh -c 'mount -t tmpfs -o size=4k tmpfs /tmp'; then
    return 0
  fi
  if ! rootless_try --user --map-root-user true; then
    rootless_look_users
  elif ! rootless_try --user --map-root-user --mount sh -c 'mount -t tmpfs -o size=4k tmpfs /tmp'; then
    if rootless_profile; then
      rootless_lack "the AppArmor profile $profile refuses mounts: $rootless_error" "$rootless_apparmor"
    elif [ "$own_filter" != 0 ]; then
      rootless_lack "a filter of system calls (seccomp) refuses mounts: $rootless_error" "$rootless_seccomp"
    else
      rootless_lack "mounts are refused: $rootless_error" "$rootless_seccomp; $rootless_apparmor"
    fi
  else
    rootless_lack "parts of /proc are hidden, so that no user may mount another one" "$rootless_proc"
  fi
}

# rootless_try ARG...: unshare(1), its complaint in $rootless_error.
rootless_try() {
  rootless_error=$(unshare "$@" 2>&1 >/dev/null) && return 0
  rootless_error=${rootless_error%%"$rootless_space"*}
  return 1
}

# rootless_profile: whether AppArmor confines this process, by the profile in $profile.
rootless_profile() {
  profile=''
  read -r profile _ 2>/dev/null <"$dind_root/proc/self/attr/current" || :
  case $profile in
    '' | unconfined) return 1 ;;
  esac
}

# rootless_look_users: why a namespace of users is refused.
rootless_look_users() {
  if rootless_switch kernel/unprivileged_userns_clone && [ "$number" = 0 ]; then
    rootless_lack "the host has user namespaces for root alone" "on the host: sysctl -w kernel.unprivileged_userns_clone=1"
  elif rootless_switch user/max_user_namespaces && [ "$number" = 0 ]; then
    rootless_lack "the host has user namespaces switched off" "on the host: sysctl -w user.max_user_namespaces=28633"
  elif [ "$own_filter" != 0 ]; then
    rootless_lack "a filter of system calls (seccomp) refuses user namespaces: $rootless_error" "$rootless_seccomp"
  elif rootless_switch kernel/apparmor_restrict_unprivileged_userns && [ "$number" != 0 ]; then
    rootless_lack "the host's AppArmor refuses user namespaces to programs without a profile of their own" \
      "on the host: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
  else
    rootless_lack "user namespaces are refused: $rootless_error" "$rootless_seccomp; $rootless_apparmor"
  fi
}

# rootless_look_device: the network of the namespaces goes through it.
rootless_look_device() {
  if [ ! -c "$dind_root/dev/net/tun" ]; then
    rootless_lack "/dev/net/tun is missing, through which the network goes" "$rootless_tun"
  elif ! { true <>"$dind_root/dev/net/tun"; } 2>/dev/null; then
    rootless_lack "/dev/net/tun cannot be opened by user $own_user" "on the host: chmod 0666 /dev/net/tun, and $rootless_tun"
  fi
}

# rootless_look_directories: of the user, written at run time. What the arguments say of the data directory is judged
# inside.
rootless_look_directories() {
  mkdir -p "$XDG_RUNTIME_DIR" 2>/dev/null || :
  [ -w "$XDG_RUNTIME_DIR" ] ||
    rootless_lack "$XDG_RUNTIME_DIR cannot be written by user $own_user" "a volume or tmpfs there that the user owns"
}

# rootless_data: the data directory that dockerd has by default, on stdout.
rootless_data() {
  echo "${XDG_DATA_HOME:-$HOME/.local/share}/docker"
}

# rootless_why: the first thing in the way, as the end of a sentence, in $cannot_mount; the others after it.
rootless_why() {
  cannot_mount="user $own_user cannot run a daemon here"
  while IFS='|' read -r what remedy; do
    [ -z "$what" ] || cannot_mount="$cannot_mount
$what: $remedy"
  done <<END
$rootless_lacks
END
}

# --- outside ---

# rootless_decide FORM: the role, as role_decide does; where no daemon can be had, in words of what is missing.
rootless_decide() {
  # shellcheck disable=SC2317 # called by role_decide
  can_mount() {
    rootless_look
    [ -n "$rootless_lacks" ] || return 0
    rootless_why
    return 1
  }
  role_decide "$1"
  case $role:$1 in
    daemon:daemon | daemon:dockerd) can_mount || die "$cannot_mount" ;;
  esac
}

# rootless_refuse: a daemon of this user in this container is an error, before anything of it is touched: rootlesskit
# holds a lock on its directory.
rootless_refuse() {
  rootless_lock=$cfg_run_dir/rootlesskit/lock
  [ -e "$rootless_lock" ] || return 0
  flock -n 8 8<"$rootless_lock" || {
    report_owned=''
    die "a daemon of user $own_user runs in this container already"
  }
}

# rootless_prepare ARG...: what rootlesskit and the inside have to be told about the outside; ARG as dockerd gets them.
rootless_prepare() {
  [ -d "$cfg_run_dir" ] || mkdir -p "$cfg_run_dir" ||
    die "cannot make $cfg_run_dir: mount a tmpfs on $XDG_RUNTIME_DIR when the root is read-only"
  rootless_refuse
  rootless_net=${DOCKERD_ROOTLESS_ROOTLESSKIT_NET:-slirp4netns}
  case $rootless_net in
    host | none)
      die "DOCKERD_ROOTLESS_ROOTLESSKIT_NET must be a network of the daemon's own, such as slirp4netns, not '$rootless_net'"
      ;;
  esac
  network_mtu
  rootless_mtu=${DOCKERD_ROOTLESS_ROOTLESSKIT_MTU:-${mtu:-1500}}
  is_number "$rootless_mtu" ||
    die "DOCKERD_ROOTLESS_ROOTLESSKIT_MTU must be a number, not '$rootless_mtu'"
  rootless_publish "$@"
  # The names and addresses by which others reach the daemon are those of the outside, and nested networks on addresses
  # of the outside would cut these off, which nobody sees inside.
  tls_names
  bridge=''
  pools_taken
  files_remove "$cfg_run_dir/ready" "$cfg_run_dir/state"
}

# rootless_publish ARG...: the port of the default listeners, where these are used and nobody publishes it otherwise.
rootless_publish() {
  rootless_port=$cfg_port
  [ -z "${DOCKER_TLS_CERTDIR:-}" ] || rootless_port=$cfg_tls_port
  [ "$cfg_listen" = tcp ] || rootless_port=''
  [ "${1-}" != dockerd ] || rootless_port=''
  for word; do
    case $word in
      -H* | --host*) rootless_port='' ;;
    esac
  done
  case ${DIND_DAEMON_JSON:-}$(cat "$dind_root/etc/docker/daemon.json" 2>/dev/null) in
    *'"hosts"'*) rootless_port='' ;;
  esac
  case ${DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS:-} in
    *":${rootless_port:-none}/tcp"*) rootless_port='' ;;
  esac
  [ -n "$rootless_port" ] || [ "$cfg_listen" != tcp ] ||
    log "rootless: ports of listeners of your own are published by DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS"
}

# rootless_begin ENTRY ARG...: rootlesskit in a session of its own, since its network ends with any signal of the group;
# it passes on to the inside what it gets itself. Its messages go where the daemon's do. Forwarded connections arrive on
# the loopback interface.
rootless_begin() {
  set -f
  # shellcheck disable=SC2086 # a list of words, as docker:dind-rootless takes it
  set -- --state-dir="$cfg_run_dir/rootlesskit" --net="$rootless_net" --mtu="$rootless_mtu" --disable-host-loopback \
    --port-driver=builtin ${rootless_port:+"--publish=$cfg_listen_address:$rootless_port:$rootless_port/tcp"} \
    --copy-up=/etc --copy-up=/run --pidns ${DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS:-} "$@"
  set +f
  set -- env "DIND_TLS_SAN=$tls_san" "DIND_ROOTLESS_TAKEN=$taken" DIND_LISTEN_ADDRESS=127.0.0.1 \
    "DIND_ROOTLESS_INSIDE=$rootless_for" "DIND_LOG=${log_file:-stderr}" setsid rootlesskit "$@"
  if [ -n "$log_file" ]; then
    "$@" </dev/null >>"$log_file" 2>&1 &
  else
    "$@" </dev/null >&2 &
  fi
  dockerd_pid=$!
  echo "$dockerd_pid" >"$cfg_run_dir/rootlesskit.pid"
}

# rootless_daemon ENTRY ARG...: the daemon is what the container is for. Ends with its status.
rootless_daemon() {
  rootless_for=daemon
  rootless_entry=$1
  shift
  rootless_prepare "$@"
  log_choose stderr
  trap 'rootless_stop' TERM INT QUIT
  trap 'kill -HUP "$dockerd_pid" 2>/dev/null' HUP
  trap 'kill -USR1 "$dockerd_pid" 2>/dev/null' USR1
  dockerd_pid=''
  rootless_begin "$rootless_entry" "$@"
  # A signal may have come before there was anything to stop.
  [ -z "$stop_signal" ] || rootless_stop
  dockerd_reap
  [ -z "$enforcer_pid" ] || kill -KILL "$enforcer_pid" 2>/dev/null
  exit "$dockerd_status"
}

rootless_stop() {
  stop_signal=TERM
  if [ -n "$dockerd_pid" ] && [ -z "$enforcer_pid" ]; then
    kill -TERM "$dockerd_pid" 2>/dev/null
    rootless_enforce $((cfg_stop_timeout * 9 / 10))
  fi
}

# rootless_enforce LIMIT: the end of its namespace of processes, after LIMIT seconds.
rootless_enforce() {
  (
    trap '' TERM INT HUP QUIT USR1
    sleep "$1"
    kill -KILL "$dockerd_pid" 2>/dev/null
  ) </dev/null >/dev/null 2>&1 9>&- &
  enforcer_pid=$!
}

# rootless_wait: 0 ready, 1 ended, 3 told to stop. Every step inside has a bound of its own.
rootless_wait() {
  while :; do
    [ -z "$stop_signal" ] || return 3
    rootless_state=''
    [ ! -e "$cfg_run_dir/state" ] || read -r rootless_state <"$cfg_run_dir/state" || :
    [ "$rootless_state" != state=ready ] || return 0
    process_alive "$dockerd_pid" || return 1
    sleep 0.05
  done
}

# rootless_serve ENTRY WORD...: the daemon beside a command; what run_command asks of dockerd is asked of rootlesskit, and
# the inside has done the rest when it says that it is ready.
rootless_serve() {
  rootless_for='command'
  rootless_entry=$1
  shift
  rootless_prepare
  log_choose "$cfg_run_dir/dockerd.log"
  socket=$XDG_RUNTIME_DIR/docker.sock
  watch_file=$cfg_run_dir/rootlesskit.pid
  # shellcheck disable=SC2317 # these are called by run_command
  command_daemon() {
    rootless_begin "$rootless_entry"
    rootless_outcome=0
    rootless_wait || rootless_outcome=$?
    if [ "$rootless_outcome" = 1 ]; then
      # The inside has said why.
      [ -z "$log_file" ] || tail -n 40 "$log_file" >&2
      kill -KILL "$watcher_pid" 2>/dev/null
      [ ! -s "$dind_root/dev/termination-log" ] || report_owned=''
      die "the daemon of user $own_user did not start"
    fi
  }
  # shellcheck disable=SC2317
  dockerd_end() {
    kill -TERM "$dockerd_pid" 2>/dev/null
    rootless_enforce "$1"
  }
  # shellcheck disable=SC2317
  nested_kill() { :; }
  # shellcheck disable=SC2317
  bridge_remove() { :; }
  # shellcheck disable=SC2317
  command_keep() { :; }
  run_command "$@"
}

# --- inside ---

# rootless_inside: what differs for a root who is none outside. After prepare.sh, some of whose steps are root's.
rootless_inside() {
  engine_data=$(rootless_data)
  engine_exec=$XDG_RUNTIME_DIR/docker
  engine_pid=$XDG_RUNTIME_DIR/docker.pid
  engine_socket=$XDG_RUNTIME_DIR/docker.sock
  # What root may keep in trusted attributes a user keeps in own ones (kernel, overlayfs.rst, "userxattr").
  storage_options=,userxattr
  keep_for=$DIND_ROOTLESS_INSIDE
  pools_beyond=${DIND_ROOTLESS_TAKEN:-}
  # shellcheck disable=SC2317 # these are called by prepare.sh
  cgroup_prepare() {
    cgroup_parent=''
    rootless_version=v1
    [ -z "$cgroup_v2_mounted" ] || rootless_version=v2
    report_decision cgroup "$rootless_version-shared" \
      "control groups are root's: nested containers share the container's own, and have no limits of their own"
  }
  # shellcheck disable=SC2317
  security_prepare() {
    report_decision security none "profiles are root's: nested containers are confined as this one is"
  }
  # shellcheck disable=SC2317
  hardening_proxy() {
    report_tried hardening userland-proxy "stays: published ports leave the namespace through it"
  }
  # shellcheck disable=SC2317
  hardening_key() { :; }
  # shellcheck disable=SC2317
  storage_rung_loop() {
    storage_error='takes root to mount'
    return 1
  }
}
