# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Settings: a DIND_* variable, else what the recipe wrote into config.env, else the default here.

config_file=/etc/dind/config.env

# recipe_read: config.env into recipe_*. Lines are KEY="VALUE" and are data: nothing in them is evaluated.
recipe_read() {
  recipe_profile=dind recipe_engine_version='' recipe_distribution='' recipe_init=tini
  recipe_iptables=auto recipe_storage_fallback='' recipe_storage_size=20G recipe_storage_driver=''
  recipe_gc_disk='' recipe_gc_inodes='' recipe_wait=command recipe_start_timeout=60 recipe_start_attempts=3
  recipe_stop_timeout=10 recipe_stop_grace=2 recipe_lock_wait=10
  recipe_compose='' recipe_compose_timeout=300
  recipe_kind_image='' recipe_kind_workers=0 recipe_kind_port=30001 recipe_kind_pod_subnet=10.245.0.0/16
  recipe_kind_service_subnet=10.246.0.0/16 recipe_kind_san='' recipe_kind_wait=900 recipe_kind_config=''
  recipe_listen=tls recipe_listen_address=0.0.0.0 recipe_tls_port=2376 recipe_port=2375
  recipe_tls_key=ecdsa recipe_tls_days=825 recipe_tls_renew_days=30 recipe_tls_client_mode='' recipe_tls_client_gid=''
  recipe_tls_san='' recipe_mtu='' recipe_ipv6=auto
  recipe_userland_proxy=false recipe_log_driver=local recipe_log_max_size=20m recipe_log_max_file=5
  recipe_nofile=65536:524288 recipe_umask=0022 recipe_no_new_privileges=false recipe_icc=true recipe_userns_remap=false
  [ -r "$dind_root$config_file" ] || return 0
  while IFS='=' read -r key value; do
    value=${value#\"}
    value=${value%\"}
    case $key in
      PROFILE) recipe_profile=$value ;;
      ENGINE_VERSION) recipe_engine_version=$value ;;
      DISTRIBUTION) recipe_distribution=$value ;;
      INIT) recipe_init=$value ;;
      IPTABLES_BACKEND) recipe_iptables=$value ;;
      STORAGE_FALLBACK) recipe_storage_fallback=$value ;;
      STORAGE_SIZE) recipe_storage_size=$value ;;
      STORAGE_DRIVER) recipe_storage_driver=$value ;;
      STORAGE_GC_DISK) recipe_gc_disk=$value ;;
      STORAGE_GC_INODES) recipe_gc_inodes=$value ;;
      RUN_WAIT) recipe_wait=$value ;;
      START_TIMEOUT) recipe_start_timeout=$value ;;
      START_ATTEMPTS) recipe_start_attempts=$value ;;
      STOP_TIMEOUT) recipe_stop_timeout=$value ;;
      STOP_GRACE) recipe_stop_grace=$value ;;
      LOCK_WAIT) recipe_lock_wait=$value ;;
      COMPOSE_FILE) recipe_compose=$value ;;
      COMPOSE_TIMEOUT) recipe_compose_timeout=$value ;;
      KIND_NODE_IMAGE) recipe_kind_image=$value ;;
      KIND_WORKERS) recipe_kind_workers=$value ;;
      KIND_PORT) recipe_kind_port=$value ;;
      KIND_POD_SUBNET) recipe_kind_pod_subnet=$value ;;
      KIND_SERVICE_SUBNET) recipe_kind_service_subnet=$value ;;
      KIND_SAN) recipe_kind_san=$value ;;
      KIND_WAIT) recipe_kind_wait=$value ;;
      KIND_CONFIG) recipe_kind_config=$value ;;
      LISTEN_TCP) recipe_listen=$value ;;
      LISTEN_ADDRESS) recipe_listen_address=$value ;;
      LISTEN_TLS_PORT) recipe_tls_port=$value ;;
      LISTEN_PORT) recipe_port=$value ;;
      TLS_KEY) recipe_tls_key=$value ;;
      TLS_DAYS) recipe_tls_days=$value ;;
      TLS_RENEW_DAYS) recipe_tls_renew_days=$value ;;
      TLS_CLIENT_MODE) recipe_tls_client_mode=$value ;;
      TLS_CLIENT_GID) recipe_tls_client_gid=$value ;;
      TLS_SAN) recipe_tls_san=$value ;;
      NETWORK_MTU) recipe_mtu=$value ;;
      NETWORK_IPV6) recipe_ipv6=$value ;;
      USERLAND_PROXY) recipe_userland_proxy=$value ;;
      LOG_DRIVER) recipe_log_driver=$value ;;
      LOG_MAX_SIZE) recipe_log_max_size=$value ;;
      LOG_MAX_FILE) recipe_log_max_file=$value ;;
      NOFILE) recipe_nofile=$value ;;
      UMASK) recipe_umask=$value ;;
      NO_NEW_PRIVILEGES) recipe_no_new_privileges=$value ;;
      ICC) recipe_icc=$value ;;
      USERNS_REMAP) recipe_userns_remap=$value ;;
    esac
  done <"$dind_root$config_file"
}

# config_number NAME VALUE [LEAST]: refuse what arithmetic would choke on, and less than LEAST, naming the variable.
config_number() {
  is_number "$2" || die "$1 must be a whole number, not '$2'"
  [ "$2" -ge "${3:-0}" ] || die "$1 must be $3 or more, not $2"
}

# config_port NAME VALUE
config_port() {
  config_number "$1" "$2" 1
  [ "$2" -le 65535 ] || die "$1 must be a port, not $2"
}

# config_word NAME VALUE WORD...: VALUE is one of the words.
config_word() {
  config_name=$1 config_value=$2
  shift 2
  for config_choice; do
    [ "$config_value" != "$config_choice" ] || return 0
  done
  config_choices=$*
  die "$config_name must be one of $config_choices, not '$config_value'"
}

# config_switch NAME VALUE: true or false in $switch.
config_switch() {
  case $2 in
    1 | true | yes | on) switch=true ;;
    0 | false | no | off) switch=false ;;
    *) die "$1 must be 1 or 0, not '$2'" ;;
  esac
}

# config_percent NAME VALUE: 1 to 99 in $percent, empty for 0 and for nothing.
config_percent() {
  percent=$2
  case $2 in
    '' | 0 | off) percent='' ;;
    *)
      config_number "$1" "$2"
      [ "$2" -le 99 ] || die "$1 must be a percentage from 1 to 99, or 0 for never, not '$2'"
      ;;
  esac
}

# config_load: every setting of the runtime into cfg_*.
config_load() {
  recipe_read
  cfg_run_dir=${DIND_RUN_DIR:-/run/dind}
  cfg_init=${DIND_INIT:-$recipe_init}
  cfg_wait=${DIND_WAIT:-$recipe_wait}
  cfg_iptables=$recipe_iptables
  cfg_log=${DIND_LOG:-}
  case $cfg_log in
    '' | stderr | /*) ;;
    *) die "DIND_LOG must be stderr or a path that begins with /, not '$cfg_log'" ;;
  esac
  config_load_storage
  config_load_run
  config_load_listen
  config_load_tls
  config_load_network
  config_load_hardening
}

# A driver that the recipe insists on is the whole ladder.
config_load_storage() {
  cfg_storage="overlay2 $recipe_storage_fallback"
  [ -z "$recipe_storage_driver" ] || cfg_storage=$recipe_storage_driver
  cfg_storage=${DIND_STORAGE:-$cfg_storage}
  cfg_storage_size=${DIND_STORAGE_SIZE:-$recipe_storage_size}
  cfg_storage_loop_file=${DIND_STORAGE_LOOP_FILE:-}
  cfg_storage_device=${DIND_STORAGE_DEVICE:-}
  config_percent DIND_GC_DISK "${DIND_GC_DISK-$recipe_gc_disk}"
  cfg_gc_disk=$percent
  config_percent DIND_GC_INODES "${DIND_GC_INODES-$recipe_gc_inodes}"
  cfg_gc_inodes=$percent
}

config_load_run() {
  cfg_lock_wait=${DIND_LOCK_WAIT:-$recipe_lock_wait}
  cfg_start_timeout=${DIND_START_TIMEOUT:-$recipe_start_timeout}
  cfg_start_attempts=${DIND_START_ATTEMPTS:-$recipe_start_attempts}
  cfg_stop_timeout=${DIND_STOP_TIMEOUT:-$recipe_stop_timeout}
  cfg_stop_grace=${DIND_STOP_GRACE:-$recipe_stop_grace}
  config_number DIND_LOCK_WAIT "$cfg_lock_wait"
  config_number DIND_START_TIMEOUT "$cfg_start_timeout" 1
  config_number DIND_START_ATTEMPTS "$cfg_start_attempts" 1
  cfg_hook_timeout=${DIND_HOOK_TIMEOUT:-300}
  config_number DIND_HOOK_TIMEOUT "$cfg_hook_timeout" 1
  cfg_preload=${DIND_PRELOAD:-}
  cfg_preload_timeout=${DIND_PRELOAD_TIMEOUT:-600}
  config_number DIND_PRELOAD_TIMEOUT "$cfg_preload_timeout" 1
  cfg_compose=${DIND_COMPOSE-$recipe_compose}
  case $cfg_compose in
    '' | off | 0) cfg_compose='' ;;
    /*) ;;
    *) die "DIND_COMPOSE must be the path of a Compose file, or off, not '$cfg_compose'" ;;
  esac
  cfg_compose_timeout=${DIND_COMPOSE_TIMEOUT:-$recipe_compose_timeout}
  config_number DIND_COMPOSE_TIMEOUT "$cfg_compose_timeout" 1
  config_number DIND_STOP_TIMEOUT "$cfg_stop_timeout"
  config_number DIND_STOP_GRACE "$cfg_stop_grace"
}

config_load_listen() {
  case $recipe_listen in
    off) cfg_listen=${DIND_LISTEN:-unix} ;;
    *) cfg_listen=${DIND_LISTEN:-tcp} ;;
  esac
  cfg_listen_address=${DIND_LISTEN_ADDRESS:-$recipe_listen_address}
  cfg_tls_port=${DIND_TLS_PORT:-$recipe_tls_port}
  cfg_port=${DIND_PORT:-$recipe_port}
  config_word DIND_LISTEN "$cfg_listen" tcp unix
  config_port DIND_TLS_PORT "$cfg_tls_port"
  config_port DIND_PORT "$cfg_port"
  case $cfg_listen_address in
    *[!0-9A-Fa-f.:]*) die "DIND_LISTEN_ADDRESS must be an address, not '$cfg_listen_address'" ;;
    # As dockerd wants it before a port.
    *:*) cfg_listen_address="[$cfg_listen_address]" ;;
  esac
}

# config_san WORD: a name for the certificate, as openssl takes it.
config_san() {
  case $1 in
    DNS:?*)
      case ${1#DNS:} in
        *[!A-Za-z0-9.*_-]*) ;;
        *) return 0 ;;
      esac
      ;;
    IP:?*)
      case ${1#IP:} in
        *[!0-9A-Fa-f.:]*) ;;
        *) return 0 ;;
      esac
      ;;
  esac
  die "DOCKER_TLS_SAN and DIND_TLS_SAN are lists of DNS:NAME and IP:ADDRESS, not '$1'"
}

config_load_tls() {
  cfg_tls_key=${DIND_TLS_KEY:-$recipe_tls_key}
  cfg_tls_days=${DIND_TLS_DAYS:-$recipe_tls_days}
  cfg_tls_renew_days=${DIND_TLS_RENEW_DAYS:-$recipe_tls_renew_days}
  cfg_tls_client_gid=${DIND_TLS_CLIENT_GID:-$recipe_tls_client_gid}
  cfg_tls_client_mode=${DIND_TLS_CLIENT_MODE:-$recipe_tls_client_mode}
  # docker:dind's variable adds, so that a manifest written for it does not take the recipe's names away.
  cfg_tls_san="${DIND_TLS_SAN-$recipe_tls_san} ${DOCKER_TLS_SAN:-}"
  config_saved_ifs=$IFS
  IFS=' ,'
  for config_word in $cfg_tls_san; do
    config_san "$config_word"
  done
  IFS=$config_saved_ifs
  config_word DIND_TLS_KEY "$cfg_tls_key" ecdsa rsa
  config_number DIND_TLS_DAYS "$cfg_tls_days" 1
  config_number DIND_TLS_RENEW_DAYS "$cfg_tls_renew_days"
  [ -z "$cfg_tls_client_gid" ] || config_number DIND_TLS_CLIENT_GID "$cfg_tls_client_gid"
  case $cfg_tls_client_mode in
    '' | [4-7][0-7][0-7] | 0[4-7][0-7][0-7]) ;;
    *) die "DIND_TLS_CLIENT_MODE must be a mode that lets the owner read, such as 0640, not '$cfg_tls_client_mode'" ;;
  esac
}

config_load_network() {
  cfg_mtu=$recipe_mtu
  cfg_ipv6=${DIND_IPV6:-$recipe_ipv6}
  config_word DIND_IPV6 "$cfg_ipv6" auto on off
  cfg_dns=${DIND_DNS:-}
  cfg_address_pools=${DIND_ADDRESS_POOLS:-}
  for config_pool in $cfg_address_pools; do
    case $config_pool in
      *[!0-9A-Fa-f.:/]* | :* | *:) config_pool='' ;;
      */*:*) is_number "${config_pool##*:}" || config_pool='' ;;
      *) config_pool='' ;;
    esac
    [ -n "$config_pool" ] || die "DIND_ADDRESS_POOLS must be a list such as 10.200.0.0/16:24, not '$cfg_address_pools'"
  done
}

config_load_hardening() {
  config_switch DIND_USERLAND_PROXY "${DIND_USERLAND_PROXY:-$recipe_userland_proxy}"
  cfg_userland_proxy=$switch
  config_switch DIND_NO_NEW_PRIVILEGES "${DIND_NO_NEW_PRIVILEGES:-$recipe_no_new_privileges}"
  cfg_no_new_privileges=$switch
  config_switch DIND_ICC "${DIND_ICC:-$recipe_icc}"
  cfg_icc=$switch
  config_switch DIND_USERNS_REMAP "${DIND_USERNS_REMAP:-$recipe_userns_remap}"
  cfg_userns_remap=$switch
  cfg_log_driver=${DIND_LOG_DRIVER:-$recipe_log_driver}
  config_word DIND_LOG_DRIVER "$cfg_log_driver" local json-file
  cfg_log_max_size=${DIND_LOG_MAX_SIZE:-$recipe_log_max_size}
  case $cfg_log_max_size in
    *[!0-9kmg]* | *[kmg]?* | *[!kmg] | 0* | [kmg]) die "DIND_LOG_MAX_SIZE must be a size such as 20m, not '$cfg_log_max_size'" ;;
  esac
  cfg_log_max_file=${DIND_LOG_MAX_FILE:-$recipe_log_max_file}
  config_number DIND_LOG_MAX_FILE "$cfg_log_max_file" 1
  cfg_nofile=${DIND_NOFILE:-$recipe_nofile}
  case $cfg_nofile in
    inherit) ;;
    *:*)
      if ! is_number "${cfg_nofile%%:*}" || ! is_number "${cfg_nofile#*:}" ||
        [ "${cfg_nofile%%:*}" -gt "${cfg_nofile#*:}" ]; then
        die "DIND_NOFILE must be SOFT:HARD, SOFT not above HARD, or inherit, not '$cfg_nofile'"
      fi
      ;;
    *) die "DIND_NOFILE must be SOFT:HARD or inherit, not '$cfg_nofile'" ;;
  esac
  cfg_umask=${DIND_UMASK:-$recipe_umask}
  case $cfg_umask in
    0[0-7][0-7] | 00[0-7][0-7]) umask "$cfg_umask" ;;
    *) die "DIND_UMASK must be octal and leave the owner's permissions, such as 0022, not '$cfg_umask'" ;;
  esac
}
