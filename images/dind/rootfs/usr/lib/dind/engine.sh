# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# What the installed dockerd can do, what its configuration file says, and the flags the runtime adds.

# Flags for dockerd, one a line; added to the user's own.
dockerd_flags=''
engine_newline='
'

# engine_help_begin: ask for the list of flags in the background, because it takes as long as making the certificates.
engine_help_begin() {
  dockerd --help >"$cfg_run_dir/dockerd.help" 2>/dev/null &
  engine_help_pid=$!
  engine_help=''
}

engine_help_end() {
  [ -z "$engine_help" ] || return 0
  wait "$engine_help_pid" || die "dockerd --help failed: is the engine installed for this architecture?"
  engine_help=$(cat "$cfg_run_dir/dockerd.help")
}

# engine_has FLAG: whether the installed dockerd lists it.
engine_has() {
  engine_help_end
  case $engine_help in
    *"--$1"[!a-z0-9-]*) return 0 ;;
  esac
  return 1
}

# flag_add FLAG VALUE: add it when dockerd knows it, else status 1.
flag_add() {
  engine_has "$1" || return 1
  case $2 in
    *"$engine_newline"*) die "the value of --$1 contains a line break" ;;
  esac
  dockerd_flags="$dockerd_flags--$1=$2$engine_newline"
}

# engine_config_read ARG...: the keys of the configuration file that matter here.
engine_config_read() {
  config_data_root='' config_exec_root='' config_storage_driver='' config_cgroup_parent='' config_keys=' '
  config_snapshotter=''
  engine_config=/etc/docker/daemon.json
  if args_value config-file '' "$@"; then
    engine_config=$arg_value
  fi
  [ -s "$dind_root$engine_config" ] || return 0
  read -r engine_first <"$dind_root$engine_config" || true
  [ "$engine_first" != '{}' ] || return 0
  engine_keys=$(jq -r '
    def text: if type == "string" then . else "" end;
    "data-root \(."data-root" // .graph | text)",
    "exec-root \(."exec-root" | text)",
    "storage-driver \(."storage-driver" | text)",
    "cgroup-parent \(."cgroup-parent" | text)",
    "snapshotter \(.features."containerd-snapshotter" | if . == null then "" else . end)",
    "keys \(keys | join(" "))"' "$dind_root$engine_config") ||
    die "$engine_config is not a JSON object"
  while read -r key value; do
    case $key in
      data-root) config_data_root=$value ;;
      exec-root) config_exec_root=$value ;;
      storage-driver) config_storage_driver=$value ;;
      cgroup-parent) config_cgroup_parent=$value ;;
      snapshotter) config_snapshotter=$value ;;
      keys) config_keys=" $value " ;;
    esac
  done <<END
$engine_keys
END
}

# config_has KEY: whether the configuration file sets it; dockerd refuses a flag for the same thing.
config_has() {
  case $config_keys in
    *" $1 "*) return 0 ;;
  esac
  return 1
}

# engine_locate ARG...: where dockerd keeps its data and its run time state.
engine_locate() {
  if args_value data-root g "$@" || args_value graph '' "$@"; then
    data_root=$arg_value
  else
    data_root=${config_data_root:-/var/lib/docker}
  fi
  if args_value exec-root '' "$@"; then
    exec_root=$arg_value
  else
    exec_root=${config_exec_root:-/var/run/docker}
  fi
  if args_value pidfile p "$@"; then
    pid_file=$arg_value
  else
    pid_file=/var/run/docker.pid
  fi
}

# engine_environment ARG...: the variables of docker:dind, jieyu/dind and actions-runner that become flags.
# A variable wins over the same key in the configuration file, an argument wins over both.
engine_environment() {
  engine_overrides=''
  engine_option bip bip "${DOCKERD_BIP:-}" "$@"
  engine_option registry-mirror registry-mirrors "${DOCKER_REGISTRY_MIRROR:-}" "$@"
  engine_option insecure-registry insecure-registries "${DOCKER_INSECURE_REGISTRY:-}" "$@"
  if [ -n "${DOCKER_DEFAULT_ADDRESS_POOL_BASE:-}" ]; then
    engine_option default-address-pool default-address-pools \
      "base=$DOCKER_DEFAULT_ADDRESS_POOL_BASE,size=${DOCKER_DEFAULT_ADDRESS_POOL_SIZE:-24}" "$@"
  fi
  for pool in $cfg_address_pools; do
    engine_option default-address-pool default-address-pools "base=${pool%:*},size=${pool##*:}" "$@"
  done
  for dns in $cfg_dns; do
    engine_option dns dns "$dns" "$@"
  done
}

# engine_option FLAG KEY VALUE ARG...: FLAG=VALUE unless the arguments say it themselves.
engine_option() {
  option_flag=$1 option_key=$2 option_value=$3
  shift 3
  [ -n "$option_value" ] || return 0
  ! args_value "$option_flag" '' "$@" || return 0
  flag_add "$option_flag" "$option_value" || {
    warn "this dockerd has no --$option_flag: $option_value is not used"
    return 0
  }
  if config_has "$option_key"; then
    engine_overrides="$engine_overrides $option_key"
  fi
}

# engine_config_override: the configuration file without the keys that the environment replaces.
engine_config_override() {
  [ -n "$engine_overrides" ] || return 0
  jq --arg keys "${engine_overrides# }" 'delpaths([$keys | split(" ")[] | [.]])' \
    "$dind_root$engine_config" >"$cfg_run_dir/daemon.json" ||
    die "cannot write $cfg_run_dir/daemon.json"
  flag_add config-file "$cfg_run_dir/daemon.json"
}
