# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Settings: a DIND_* variable, else what the recipe wrote into config.env, else the default here.

config_file=/etc/dind/config.env

# recipe_read: config.env into recipe_*. Lines are KEY="VALUE" and are data: nothing in them is evaluated.
recipe_read() {
  recipe_profile=dind recipe_engine_version='' recipe_distribution='' recipe_init=tini
  recipe_iptables=auto recipe_storage_fallback='' recipe_storage_size=20G recipe_wait=command
  recipe_tls_port=2376 recipe_port=2375 recipe_stop_timeout=10
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
      RUN_WAIT) recipe_wait=$value ;;
      LISTEN_TLS_PORT) recipe_tls_port=$value ;;
      LISTEN_PORT) recipe_port=$value ;;
      STOP_TIMEOUT) recipe_stop_timeout=$value ;;
    esac
  done <"$dind_root$config_file"
}

# config_number NAME VALUE: refuse what arithmetic would choke on, naming the variable.
config_number() {
  is_number "$2" || die "$1 must be a whole number, not '$2'"
}

# config_load: every setting of the runtime into cfg_*.
config_load() {
  recipe_read
  cfg_run_dir=${DIND_RUN_DIR:-/run/dind}
  cfg_init=${DIND_INIT:-$recipe_init}
  cfg_wait=${DIND_WAIT:-$recipe_wait}
  cfg_iptables=$recipe_iptables
  cfg_storage=${DIND_STORAGE:-overlay2 $recipe_storage_fallback}
  cfg_storage_size=${DIND_STORAGE_SIZE:-$recipe_storage_size}
  cfg_storage_loop_file=${DIND_STORAGE_LOOP_FILE:-}
  cfg_lock_wait=${DIND_LOCK_WAIT:-10}
  cfg_listen=${DIND_LISTEN:-tcp}
  cfg_listen_address=${DIND_LISTEN_ADDRESS:-0.0.0.0}
  cfg_tls_port=${DIND_TLS_PORT:-$recipe_tls_port}
  cfg_port=${DIND_PORT:-$recipe_port}
  cfg_tls_key=${DIND_TLS_KEY:-ecdsa}
  cfg_tls_days=${DIND_TLS_DAYS:-825}
  cfg_tls_client_gid=${DIND_TLS_CLIENT_GID:-}
  cfg_tls_client_mode=${DIND_TLS_CLIENT_MODE:-}
  cfg_tls_renew_days=${DIND_TLS_RENEW_DAYS:-30}
  cfg_dns=${DIND_DNS:-}
  cfg_start_timeout=${DIND_START_TIMEOUT:-60}
  cfg_start_attempts=${DIND_START_ATTEMPTS:-3}
  cfg_stop_timeout=${DIND_STOP_TIMEOUT:-$recipe_stop_timeout}
  cfg_stop_grace=${DIND_STOP_GRACE:-2}
  cfg_log=${DIND_LOG:-}
  cfg_hook_timeout=${DIND_HOOK_TIMEOUT:-300}
  config_number DIND_LOCK_WAIT "$cfg_lock_wait"
  config_number DIND_TLS_PORT "$cfg_tls_port"
  config_number DIND_PORT "$cfg_port"
  config_number DIND_TLS_DAYS "$cfg_tls_days"
  config_number DIND_TLS_RENEW_DAYS "$cfg_tls_renew_days"
  config_number DIND_START_TIMEOUT "$cfg_start_timeout"
  config_number DIND_START_ATTEMPTS "$cfg_start_attempts"
  config_number DIND_HOOK_TIMEOUT "$cfg_hook_timeout"
  config_number DIND_STOP_TIMEOUT "$cfg_stop_timeout"
  config_number DIND_STOP_GRACE "$cfg_stop_grace"
  case $cfg_listen in
    tcp | unix) ;;
    *) die "DIND_LISTEN must be tcp or unix, not '$cfg_listen'" ;;
  esac
  case $cfg_tls_key in
    ecdsa | rsa) ;;
    *) die "DIND_TLS_KEY must be ecdsa or rsa, not '$cfg_tls_key'" ;;
  esac
}
