# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Whether a daemon can be used, judged from outside of its supervisor.

# state_read: the facts written at the start into state_*.
state_read() {
  state_state='' state_socket='' state_data_root='' state_tls_cert='' state_bridge='' state_kubeconfig=''
  [ -r "$run_dir/state" ] || return 1
  while IFS='=' read -r key value; do
    case $key in
      state) state_state=$value ;;
      socket) state_socket=$value ;;
      data_root) state_data_root=$value ;;
      tls_cert) state_tls_cert=$value ;;
      bridge) state_bridge=$value ;;
      kubeconfig) state_kubeconfig=$value ;;
    esac
  done <"$run_dir/state"
}

# check_all: the first thing that does not hold in $check_error.
check_all() {
  if ! state_read; then
    check_error="no daemon was started in this container"
  elif [ "$state_state" != ready ]; then
    check_error="the daemon is $state_state"
  elif ! api_answers 5 "$state_socket"; then
    check_error="no answer on $state_socket"
  elif [ -n "$state_bridge" ] && [ ! -d "/sys/class/net/$state_bridge" ]; then
    check_error="network interface $state_bridge is missing"
  elif ! check_cluster; then
    check_error="the API server of the cluster does not answer: $cluster_said"
  elif ! check_storage; then
    check_error="$state_data_root cannot be written: is it full?"
  elif [ -n "$state_tls_cert" ] && ! SSL_CERT_FILE=/dev/null openssl x509 -noout -checkend 86400 -in "$state_tls_cert" >/dev/null 2>&1; then
    check_error="the certificate dockerd serves ($state_tls_cert) expires within a day: \
a start of the container makes a new one, unless you brought it yourself"
  else
    check_error=''
  fi
  [ -z "$check_error" ]
}

# check_cluster: where there is one, its API server is healthy; what it says in $cluster_said.
check_cluster() {
  [ -n "$state_kubeconfig" ] || return 0
  cluster_said=$(timeout 5 kubectl --kubeconfig "$state_kubeconfig" --request-timeout=3s get --raw /healthz 2>&1)
}

# check_storage: a small file can be written to the data directory.
check_storage() {
  { echo ok >"$state_data_root/.dind-health.$$"; } 2>/dev/null && rm -f "$state_data_root/.dind-health.$$"
}
