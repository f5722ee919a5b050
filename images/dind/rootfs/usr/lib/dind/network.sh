# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# What nested networks inherit from the outer one.

# network_interface: the interface of the default route in $interface; status 1 when there is none.
network_interface() {
  interface=''
  if [ -r "$dind_root/proc/net/route" ]; then
    while read -r name destination _ _ _ _ _ mask _; do
      if [ "$destination:$mask" = 00000000:00000000 ]; then
        interface=$name
        return 0
      fi
    done <"$dind_root/proc/net/route"
  fi
  [ -r "$dind_root/proc/net/ipv6_route" ] || return 1
  while read -r destination length _ _ _ _ _ _ _ name; do
    if [ "$destination:$length" = 00000000000000000000000000000000:00 ] && [ "$name" != lo ]; then
      interface=$name
      return 0
    fi
  done <"$dind_root/proc/net/ipv6_route"
  return 1
}

# network_mtu: the MTU nested networks have to keep to, in $mtu; empty when nothing says.
network_mtu() {
  mtu='' mtu_reason='no default route'
  if [ -n "${DIND_MTU:-}" ]; then
    mtu=$DIND_MTU mtu_reason='DIND_MTU'
  elif [ -n "${DOCKERD_MTU:-}" ]; then
    mtu=$DOCKERD_MTU mtu_reason='DOCKERD_MTU'
  elif [ -n "${MTU:-}" ]; then
    mtu=$MTU mtu_reason='MTU'
  elif [ -n "$cfg_mtu" ]; then
    mtu=$cfg_mtu mtu_reason='of the recipe'
  elif network_interface && [ -r "$dind_root/sys/class/net/$interface/mtu" ]; then
    read -r mtu <"$dind_root/sys/class/net/$interface/mtu"
    mtu_reason="of $interface, which has the default route"
    return 0
  fi
  [ -z "$mtu" ] || is_number "$mtu" || die "$mtu_reason must be a number, not '$mtu'"
}

# network_resolvers: whether nested containers of the default bridge are left without a resolver of the outer
# network: dockerd drops loopback addresses from their resolv.conf and falls back to public servers.
network_resolvers() {
  resolvers_usable='' resolvers_loopback=''
  [ -r "$dind_root/etc/resolv.conf" ] || return 0
  while read -r key address _ || [ -n "$key" ]; do
    [ "$key" = nameserver ] || continue
    case $address in
      127.* | ::1) resolvers_loopback="$resolvers_loopback $address" ;;
      *) resolvers_usable="$resolvers_usable $address" ;;
    esac
  done <"$dind_root/etc/resolv.conf"
}

# network_ndots: the resolver of Docker's own networks comes with `ndots:0`, which nested networks take over, and with
# which their resolver does not pass on names without a dot, so that no name of the outer network is found. Without it
# they are. (As --dns-opt it would be refused by older engines, which then pass the loopback resolver on.)
network_ndots() {
  [ -n "$resolvers_loopback" ] || return 0
  resolv_text='' resolv_changed=''
  while read -r key rest || [ -n "$key" ]; do
    if [ "$key" = options ]; then
      case " $rest " in
        *' ndots:0 '*)
          resolv_changed=1
          rest=" $rest "
          rest=${rest%% ndots:0 *}${rest#* ndots:0}
          [ -n "${rest# }" ] || continue
          ;;
      esac
    fi
    resolv_text="$resolv_text$key $rest$engine_newline"
  done <"$dind_root/etc/resolv.conf"
  [ -n "$resolv_changed" ] || return 0
  resolv_write "$dind_root/etc/resolv.conf" ||
    { resolv_write "$cfg_run_dir/resolv.conf" &&
      mount --bind "$cfg_run_dir/resolv.conf" "$dind_root/etc/resolv.conf"; } ||
    report_tried network ndots "cannot be taken out of /etc/resolv.conf: nested networks miss names without a dot"
}

# resolv_write FILE: in place, as what engines give is a mount; beside a read-only root it is a read-only one.
resolv_write() {
  { printf '%s' "$resolv_text" >"$1"; } 2>/dev/null
}

# network_clamp: TCP of nested networks that do not know the MTU (an engine without a default for new ones, networks
# that a volume brings, those with an option of their own) agrees on segments that fit, instead of stalling where the
# outer network drops what is too large without a word.
network_clamp() {
  # In a network that is not ours the rule would stay.
  [ "$mtu" -lt 1500 ] && [ "$iptables_chosen" != off ] && [ -z "$bridge_made" ] || return 0
  for program in iptables ip6tables; do
    set -- FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
    "$program" -w 5 -t mangle -C "$@" 2>/dev/null || "$program" -w 5 -t mangle -A "$@" 2>/dev/null ||
      report_tried network "$program TCPMSS" "refused: nested networks with a larger MTU may stall"
  done
}

# network_prepare ARG...: flags for dockerd, one decision.
network_prepare() {
  if args_value mtu '' "$@" && is_number "$arg_value"; then
    mtu=$arg_value mtu_reason='in the arguments'
  elif config_has mtu && [ -z "${DIND_MTU:-}${DOCKERD_MTU:-}${MTU:-}" ]; then
    mtu=$(printf '%s' "$daemon_json" | jq -r .mtu)
    mtu_reason="in $engine_config"
    is_number "$mtu" || die "$engine_config: mtu must be a number, not '$mtu'"
  else
    network_mtu
  fi
  network_reason="MTU $mtu $mtu_reason"
  if [ -z "$mtu" ]; then
    network_choice=default network_reason="MTU not set: $mtu_reason"
  else
    network_choice="mtu $mtu"
    if [ "$mtu" != 1500 ]; then
      case $mtu_reason in
        in\ *) ;;
        *) flag_add mtu "$mtu" ;;
      esac
      if ! config_has default-network-opts && ! args_value default-network-opt '' "$@"; then
        flag_add default-network-opt "bridge=com.docker.network.driver.mtu=$mtu" ||
          report_tried network default-network-opt "unknown to this dockerd: new networks need their own MTU option"
      fi
      network_clamp
    fi
  fi
  pools_prepare "$@"
  ipv6_prepare "$@"
  network_resolvers
  network_ndots
  if [ -n "$resolvers_loopback" ] && [ -z "$resolvers_usable$cfg_dns" ]; then
    report_tried network "resolver$resolvers_loopback" \
      "loopback only: containers of the default bridge do not get it; set DIND_DNS, or use a network of their own"
  fi
  for name in HTTP_PROXY HTTPS_PROXY http_proxy https_proxy; do
    case $name in
      HTTP_PROXY) value=${HTTP_PROXY:-} ;;
      HTTPS_PROXY) value=${HTTPS_PROXY:-} ;;
      http_proxy) value=${http_proxy:-} ;;
      https_proxy) value=${https_proxy:-} ;;
    esac
    [ -n "$value" ] || continue
    redact "$value"
    report_tried network "$name" "dockerd uses $redacted"
  done
  if [ -n "${DOCKER_REGISTRY_MIRROR:-}" ]; then
    redact "$DOCKER_REGISTRY_MIRROR"
    report_tried network DOCKER_REGISTRY_MIRROR "dockerd uses $redacted"
  fi
  report_decision network "$network_choice" "$network_reason"
}
