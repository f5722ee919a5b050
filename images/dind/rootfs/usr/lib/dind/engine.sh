# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# What the installed dockerd can do, where it keeps its things, and the flags the runtime adds.

# Where dockerd keeps its things when nobody says otherwise.
engine_data=/var/lib/docker engine_exec=/var/run/docker engine_pid=/var/run/docker.pid engine_socket=/var/run/docker.sock

# Flags for dockerd, one a line; added to the user's own.
dockerd_flags=''
engine_newline='
'

# What Docker 18.09 lists already, the oldest engine there are recipes for. Asking dockerd takes longer than everything
# else before its start together, so it is asked only about what came later.
engine_since_18_09=' bip cgroup-parent config-file default-address-pool dns host insecure-registry mtu registry-mirror
 storage-driver tls tlscacert tlscert tlskey tlsverify userland-proxy log-driver log-opt default-ulimit no-new-privileges
 icc userns-remap ipv6 fixed-cidr-v6 experimental '
engine_help=''

# engine_has FLAG: whether the installed dockerd lists it.
engine_has() {
  case $engine_since_18_09 in
    *[[:space:]]"$1"[[:space:]]*) return 0 ;;
  esac
  if [ -z "$engine_help" ]; then
    engine_help=$(dockerd --help 2>/dev/null) ||
      die "dockerd --help failed: is the engine installed for this architecture?"
  fi
  case "$engine_help " in
    *"--$1"[!a-z0-9-]*) return 0 ;;
  esac
  return 1
}

# engine_is_from MAJOR: whether the image was built with an engine of this version or a later one.
engine_is_from() {
  engine_major=${recipe_engine_version%%.*}
  is_number "$engine_major" && [ "$engine_major" -ge "$1" ]
}

# flag_add FLAG VALUE: add it when dockerd knows it, else status 1.
flag_add() {
  engine_has "$1" || return 1
  case $2 in
    *"$engine_newline"*) die "the value of --$1 contains a line break" ;;
  esac
  dockerd_flags="$dockerd_flags--$1=$2$engine_newline"
}

# engine_locate ARG...: where dockerd keeps its data and its run time state.
engine_locate() {
  if args_value data-root g "$@" || args_value graph '' "$@"; then
    data_root=$arg_value
  else
    data_root=${config_data_root:-$engine_data}
  fi
  if args_value exec-root '' "$@"; then
    exec_root=$arg_value
  else
    exec_root=${config_exec_root:-$engine_exec}
  fi
  if args_value pidfile p "$@"; then
    pid_file=$arg_value
  else
    pid_file=${config_pid_file:-$engine_pid}
  fi
}

# engine_environment ARG...: the variables of docker:dind, jieyu/dind and actions-runner that become flags.
# A variable wins over the same key in the configuration file, an argument wins over both.
engine_environment() {
  engine_option bip "${DOCKERD_BIP:-}" "$@"
  engine_option registry-mirror "${DOCKER_REGISTRY_MIRROR:-}" "$@"
  engine_option insecure-registry "${DOCKER_INSECURE_REGISTRY:-}" "$@"
  if [ -n "${DOCKER_DEFAULT_ADDRESS_POOL_BASE:-}" ]; then
    engine_option default-address-pool \
      "base=$DOCKER_DEFAULT_ADDRESS_POOL_BASE,size=${DOCKER_DEFAULT_ADDRESS_POOL_SIZE:-24}" "$@"
  fi
  for pool in $cfg_address_pools; do
    engine_option default-address-pool "base=${pool%:*},size=${pool##*:}" "$@"
  done
  for dns in $cfg_dns; do
    engine_option dns "$dns" "$@"
  done
}

# engine_option FLAG VALUE ARG...: FLAG=VALUE unless the arguments say it themselves.
engine_option() {
  option_flag=$1 option_value=$2
  shift 2
  [ -n "$option_value" ] || return 0
  ! args_value "$option_flag" '' "$@" || return 0
  flag_add "$option_flag" "$option_value" || warn "this dockerd has no --$option_flag: $option_value is not used"
}
