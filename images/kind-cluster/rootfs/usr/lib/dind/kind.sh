# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# A Kubernetes cluster in this container's Docker: made by kind at the first start, found again at a later one, and
# answering before anybody is told that the container is ready.

# Whether what takes long is told while it does: nobody can wait in silence for a pull.
kind_told=''

# Clusters that were made whole, below the data directory, which their nodes live and go with.
kind_notes=.dind-kind

# kind_load: what environment and recipe say, in cfg_kind_*.
kind_load() {
  config_switch DIND_KIND "${DIND_KIND:-on}"
  cfg_kind=$switch
  cfg_kind_name=${KIND_CLUSTER_NAME:-kind}
  case $cfg_kind_name in
    *[!a-z0-9.-]* | [.-]*) die "KIND_CLUSTER_NAME must be a name of a-z, 0-9, dots and hyphens, not '$cfg_kind_name'" ;;
  esac
  cfg_kind_image=${KIND_NODE_IMAGE:-$recipe_kind_image}
  cfg_kind_wait=${DIND_KIND_WAIT:-$recipe_kind_wait}
  config_number DIND_KIND_WAIT "$cfg_kind_wait" 1
  cfg_kind_config=${DIND_KIND_CONFIG-$recipe_kind_config}
  case $cfg_kind_config in
    '' | off | 0) cfg_kind_config='' ;;
    /*) ;;
    *) die "DIND_KIND_CONFIG must be the path of a configuration of kind, or off, not '$cfg_kind_config'" ;;
  esac
  cfg_kind_address=${API_SERVER_ADDRESS:-}
  kind_name API_SERVER_ADDRESS "$cfg_kind_address"
  case $cfg_kind_address in
    *:*:*) ;;
    *:*) die "API_SERVER_ADDRESS is a name or an address without a port, not '$cfg_kind_address'" ;;
  esac
  cfg_kind_san=''
  kind_ifs=$IFS
  IFS=' ,'
  for kind_word in $recipe_kind_san ${CERT_SANS:-}; do
    IFS=$kind_ifs
    kind_word=${kind_word#DNS:}
    kind_word=${kind_word#IP:}
    kind_name CERT_SANS "$kind_word"
    cfg_kind_san="$cfg_kind_san $kind_word"
  done
  IFS=$kind_ifs
}

# kind_name VARIABLE VALUE: a host's name or address, as kubeadm takes it: in small letters (RFC 1123).
kind_name() {
  case $2 in
    *[!a-z0-9.:*-]* | -* | *-) die "$1 has names and addresses of hosts in small letters, not '$2'" ;;
  esac
}

# kind_names: what the API server is called, in $kind_sans; what it is called from outside in $kind_outside, where nobody
# says it the address that leads out of this container.
kind_names() {
  tls_names
  kind_outside=${cfg_kind_address:-127.0.0.1}
  if [ -z "$cfg_kind_address" ] && network_interface; then
    while read -r _ name family address _; do
      case $name:$family in
        "$interface:inet")
          kind_outside=${address%/*}
          break
          ;;
      esac
    done <<END
$tls_addresses
END
  fi
  kind_sans=' 0.0.0.0 '
  # A host name of which kubeadm would make nothing is nobody's wish.
  for kind_word in $cfg_kind_address $cfg_kind_san $(printf '%s' "$tls_san" | tr '[:upper:]' '[:lower:]'); do
    kind_word=${kind_word#dns:}
    kind_word=${kind_word#ip:}
    case $kind_word in
      *_* | -* | *-) continue ;;
    esac
    case $kind_sans in
      *" $kind_word "*) ;;
      *) kind_sans="$kind_sans$kind_word " ;;
    esac
  done
}

# kind_config: what kind is told, in $kind_file: all addresses of this container, names for each, and a control group of
# its own for the kubelet, which would otherwise end processes that it finds in groups it believes to be its own.
kind_config() {
  kind_file=$cfg_kind_config
  [ -z "$kind_file" ] || return 0
  kind_file=$cfg_run_dir/kind.yaml
  {
    cat <<END
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking:
  apiServerAddress: "0.0.0.0"
  apiServerPort: $recipe_kind_port
  podSubnet: "$recipe_kind_pod_subnet"
  serviceSubnet: "$recipe_kind_service_subnet"
kubeadmConfigPatches:
- |
  kind: ClusterConfiguration
  apiServer:
    certSANs:
END
    for kind_word in $kind_sans; do
      echo "    - \"$kind_word\""
    done
    cat <<END
- |
  kind: KubeletConfiguration
  cgroupRoot: /kubelet
nodes:
- role: control-plane
END
    kind_number=0
    while [ $kind_number -lt "$recipe_kind_workers" ]; do
      echo "- role: worker"
      kind_number=$((kind_number + 1))
    done
  } >"$kind_file"
}

# kind_do SECONDS WORD...: a program with this container's daemon, in bounded time; with $kind_told what it says is in the
# log, else when it fails. Not under timeout(1), which would take it out of the process group that a stop signal reaches.
# Status 1 with the reason in $failure.
kind_do() {
  kind_limit=$1
  shift
  (
    own_environment
    unset KIND_EXPERIMENTAL_PROVIDER
    export DOCKER_HOST="unix://$socket"
    exec "$@"
  ) </dev/null >"$cfg_run_dir/kind.log" 2>&1 9>&- &
  hook_pid=$!
  kind_follow=''
  if [ -n "$kind_told" ] && { [ -z "$log_quiet" ] || [ "$log_quiet" = 0 ]; }; then
    tail -n +1 -f "$cfg_run_dir/kind.log" >&2 9>&- &
    kind_follow=$!
  fi
  hook_wait "$kind_limit"
  if [ -n "$kind_follow" ]; then
    # It looks once a second where there is no inotify(7).
    sleep 1
    kill "$kind_follow" 2>/dev/null
    wait "$kind_follow" 2>/dev/null || :
  fi
  kind_told=''
  [ -z "$stop_signal" ] || return 1
  if [ -n "$hook_late" ]; then
    failure="$1 $2 $3 did not end within $kind_limit s"
  elif [ "$hook_status" != 0 ]; then
    failure="$1 $2 $3 ended with status $hook_status: $(grep -v '^[[:space:]]*$' "$cfg_run_dir/kind.log" | tail -n 3 | tr '\n' ' ')"
  else
    return 0
  fi
  [ -n "$kind_follow" ] || cat "$cfg_run_dir/kind.log" >&2
  return 1
}

# kind_image: the image of the nodes is there, or is pulled; kind pulls its own choice itself.
kind_image() {
  [ -n "$cfg_kind_image" ] || return 0
  # kind looks for it by this name alone: a digest is for the registry.
  ! own_docker 60 "$socket" image inspect "$cfg_kind_image" >/dev/null 2>&1 || return 0
  # One out of an archive has no digest of a registry; one that was pulled has another than the one that is wanted.
  if [ "$(own_docker 60 "$socket" image inspect --format '{{len .RepoDigests}}' "${cfg_kind_image%@*}" 2>/dev/null)" = 0 ]; then
    cfg_kind_image=${cfg_kind_image%@*}
    return 0
  fi
  kind_told=1
  kind_do "$cfg_kind_wait" docker pull "$cfg_kind_image" && return 0
  failure="the node image $cfg_kind_image (KIND_NODE_IMAGE) is not in this container and cannot be pulled: $failure"
  return 1
}

# kind_nodes: the containers of the cluster's nodes, running or not, in $kind_nodes.
kind_nodes() {
  kind_nodes=$(own_docker 60 "$socket" ps --all --filter "label=io.x-k8s.kind.cluster=$cfg_kind_name" --format '{{.Names}}') || {
    failure="the nodes of the cluster $cfg_kind_name cannot be listed"
    return 1
  }
}

# kind_make: a new cluster.
kind_make() {
  kind_image || return 1
  log "kind: making the cluster $cfg_kind_name${cfg_kind_image:+ of $cfg_kind_image}"
  set -- kind create cluster --name "$cfg_kind_name" --config "$kind_file" --kubeconfig "$cfg_run_dir/kubeconfig" \
    --wait "${cfg_kind_wait}s" ${cfg_kind_image:+--image "$cfg_kind_image"}
  # kind itself waits that long for nodes only, after their start.
  kind_told=1
  kind_do $((cfg_kind_wait + 30)) "$@" && return 0
  case $failure in
    *'failed to pull image'*) failure="the node image that kind chose is not in this container and cannot be pulled: $failure" ;;
  esac
  return 1
}

# kind_again: the cluster of an earlier start, whose nodes ended with its daemon.
kind_again() {
  # shellcheck disable=SC2086 # a list of names
  kind_do 60 docker start $kind_nodes && return 0
  failure="the cluster $cfg_kind_name of an earlier start does not start again; kind delete cluster makes room for a new one: $failure"
  return 1
}

# kind_lacks: names that somebody asks for or reaches this container by, and that the certificate of an earlier start has
# not, in $kind_missing: the address of a container may change.
kind_lacks() {
  read -r kind_had <"$kind_note" || :
  kind_missing=''
  for kind_word in $cfg_kind_address $cfg_kind_san $kind_outside; do
    case " $kind_had $kind_missing " in
      *" $kind_word "*) ;;
      *) kind_missing="$kind_missing $kind_word" ;;
    esac
  done
}

# kind_renew: the API server has the names that it lacks; where that fails, it is said who cannot reach it.
kind_renew() {
  [ -n "$kind_missing" ] || return 0
  # shellcheck disable=SC2086 # a list of names
  if ! kind_do 60 docker exec "$cfg_kind_name-control-plane" sh -c "$(cat "$lib/kind-renew")" sh $kind_missing; then
    [ -z "$stop_signal" ] || return 1
    warn "the API server has no certificate for$kind_missing, with which it cannot be reached so: $failure"
    return 0
  fi
  if ! { echo "$kind_had$kind_missing" >"$kind_note.new" && mv "$kind_note.new" "$kind_note"; }; then
    failure="cannot write $kind_note"
    return 1
  fi
  log "kind: a new certificate of the API server has$kind_missing too"
}

# kind_kubeconfig: for clients here in $cfg_run_dir/kubeconfig, for those outside in kubeconfig-outside (dindctl kubeconfig).
kind_kubeconfig() {
  kind_do 60 kind export kubeconfig --name "$cfg_kind_name" --kubeconfig "$cfg_run_dir/kubeconfig" || return 1
  if ! (umask 077 && cp "$cfg_run_dir/kubeconfig" "$cfg_run_dir/kubeconfig-outside"); then
    failure="cannot write $cfg_run_dir/kubeconfig-outside"
    return 1
  fi
  kind_server kubeconfig 127.0.0.1 && kind_server kubeconfig-outside "$kind_outside"
}

# kind_server FILE HOST: where a client's configuration leads.
kind_server() {
  case $2 in
    *:*) kind_host="[$2]" ;;
    *) kind_host=$2 ;;
  esac
  kind_do 60 kubectl --kubeconfig "$cfg_run_dir/$1" config set-cluster "kind-$cfg_kind_name" \
    --server="https://$kind_host:$recipe_kind_port"
}

# kind_await: until the API is healthy and every node ready, in what is left of the time. Status 1 with the reason.
kind_await() {
  while :; do
    kind_look && return 0
    [ -z "$stop_signal" ] || return 1
    now_ms
    if [ "$now" -ge "$kind_until" ]; then
      failure="the cluster $cfg_kind_name is not ready after $cfg_kind_wait s (DIND_KIND_WAIT): $kind_state"
      return 1
    fi
    sleep 0.5
  done
}

# kind_look: whether it is so now; what is not in $kind_state.
kind_look() {
  kind_state=$(kind_client /healthz 2>&1) || return 1
  kind_state=$(kind_client /api/v1/nodes 2>&1) || return 1
  kind_state=$(printf '%s\n' "$kind_state" | jq -r '
    [.items[] | select(any(.status.conditions[]?; .type == "Ready" and .status == "True") | not) | .metadata.name] as $late |
    if (.items | length) == 0 then "it has no node" elif $late != [] then "not ready: \($late | join(", "))" else empty end' 2>&1) || return 1
  [ -z "$kind_state" ]
}

kind_client() {
  timeout 10 kubectl --kubeconfig "$cfg_run_dir/kubeconfig" --request-timeout=5s get --raw "$1"
}

# kind_run: status 1 with the reason in $failure, or when the container is stopped.
kind_run() {
  [ "$cfg_kind" = true ] || return 0
  if [ -n "$cfg_kind_config" ] && [ ! -r "$cfg_kind_config" ]; then
    failure="$cfg_kind_config cannot be read ([kind] config, DIND_KIND_CONFIG)"
    return 1
  fi
  failure='' kind_missing=''
  phase_begin
  kind_from=$phase_from
  kind_until=$((phase_from + cfg_kind_wait * 1000))
  kind_names
  kind_config
  mkdir -p "$data_root/$kind_notes" || {
    failure="cannot make $data_root/$kind_notes"
    return 1
  }
  kind_note=$data_root/$kind_notes/$cfg_kind_name
  kind_nodes || return 1
  kind_how=made
  if [ -n "$kind_nodes" ] && [ ! -e "$kind_note" ]; then
    if [ ! -e "$kind_note.begun" ]; then
      failure="there is a cluster $cfg_kind_name that no start of this image has made: name another one (KIND_CLUSTER_NAME), \
or remove it with kind delete cluster --name $cfg_kind_name in a container with DIND_KIND=off"
      return 1
    fi
    log "kind: the cluster $cfg_kind_name was not finished at an earlier start and is made again"
    kind_do 120 kind delete cluster --name "$cfg_kind_name" --kubeconfig "$cfg_run_dir/kubeconfig" || return 1
    kind_nodes=''
  fi
  if [ -z "$kind_nodes" ]; then
    if ! { rm -f "$kind_note" && true >"$kind_note.begun"; }; then
      failure="cannot write $kind_note.begun"
      return 1
    fi
    kind_make || return 1
  else
    kind_how=started
    kind_lacks
    kind_again || return 1
    kind_renew || return 1
  fi
  kind_kubeconfig && kind_await || return 1
  if [ $kind_how = made ]; then
    if ! { echo "$kind_sans" >"$kind_note.new" && mv "$kind_note.new" "$kind_note" && rm -f "$kind_note.begun"; }; then
      failure="cannot write $kind_note"
      return 1
    fi
  fi
  phase_from=$kind_from
  phase_end kind
  kind_nodes || return 1
  report_decision cluster "$cfg_kind_name" \
    "$kind_how: $(echo "$kind_nodes" | tr '\n' ' ')of kind, API server at https://$kind_outside:$recipe_kind_port"
  kind_ready=$cfg_run_dir/kubeconfig
}
