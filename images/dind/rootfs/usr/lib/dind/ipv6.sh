# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# IPv6 on the default bridge where the outer network has it. Nested addresses are unique local ones (RFC 4193), which
# nobody outside can answer: dockerd has to translate them, which it does from 27 on, and before as an experiment.

# The first engine that writes ip6tables rules without being experimental.
ipv6_settled=27

# ipv6_outer: whether an interface with a default route has an address that others can reach; its name in $interface.
ipv6_outer() {
  [ -r "$dind_root/proc/net/ipv6_route" ] && [ -r "$dind_root/proc/net/if_inet6" ] || return 1
  while read -r destination length _ _ _ _ _ _ flags name; do
    # The kernel ends the table with a default route of lo that rejects.
    case $destination:$length:$name in
      *:lo) continue ;;
      00000000000000000000000000000000:00:*) ;;
      *) continue ;;
    esac
    while read -r _ _ _ scope _ of; do
      # Scope 00 is global, unique local addresses included; 20 is one link.
      if [ "$scope:$of" = "00:$name" ]; then
        interface=$name ipv6_flags=$flags
        return 0
      fi
    done <"$dind_root/proc/net/if_inet6"
  done <"$dind_root/proc/net/ipv6_route"
  return 1
}

# ipv6_forward: whether $interface keeps its default route when dockerd makes this network namespace forward. A route
# that was advertised (RTF_ADDRCONF, 0x40000) is dropped unless accept_ra is 2 (kernel, ip-sysctl), which is set in a
# network of our own; with --network host that is the host's affair.
ipv6_forward() {
  case $ipv6_flags in
    ???[4567cdefCDEF]????) ;;
    *) return 0 ;;
  esac
  ipv6_accept=$dind_root/proc/sys/net/ipv6/conf/$interface/accept_ra
  kernel_number "$ipv6_accept" || return 1
  [ "$number" != 2 ] || return 0
  [ -z "$bridge_made" ] && { echo 2 >"$ipv6_accept"; } 2>/dev/null
}

# ipv6_prefix: a network of this container in $prefix, the same for each of its starts.
ipv6_prefix() {
  if [ ! -s "$cfg_run_dir/ipv6-prefix" ]; then
    read -r ipv6_random <"$dind_root/proc/sys/kernel/random/uuid" ||
      die "/proc/sys/kernel/random/uuid says nothing: is /proc mounted?"
    # Forty random bits and the first of their subnets: xxxxxxxx-xxxx-4xxx-…
    ipv6_low=${ipv6_random#????????-}
    ipv6_high=${ipv6_random%%-*}
    ipv6_rest=${ipv6_high#??????}
    echo "fd${ipv6_rest}:${ipv6_low%%-*}:${ipv6_high%????}::/64" >"$cfg_run_dir/ipv6-prefix.new"
    mv "$cfg_run_dir/ipv6-prefix.new" "$cfg_run_dir/ipv6-prefix"
  fi
  read -r prefix <"$cfg_run_dir/ipv6-prefix"
}

# ipv6_refuse REASON: an error where IPv6 was asked for, else a line of the report.
ipv6_refuse() {
  [ "$cfg_ipv6" != on ] || die "nested containers cannot have IPv6 (network.ipv6, DIND_IPV6): $1"
  report_tried network ipv6 "not for nested containers: $1"
}

# ipv6_prepare ARG...: flags for dockerd.
ipv6_prepare() {
  [ "$cfg_ipv6" != off ] && [ -n "$bridge" ] || return 0
  for ipv6_flag in ipv6 ip6tables; do
    args_switch "$ipv6_flag" "$@"
    [ -z "$arg_value" ] && ! config_has "$ipv6_flag" || return 0
  done
  if ! ipv6_outer; then
    [ "$cfg_ipv6" != on ] || ipv6_refuse "the outer network has none: no default route with a global address"
    return 0
  fi
  if [ "$iptables_chosen" = off ]; then
    ipv6_refuse "dockerd is not left to write rules"
  elif ! engine_has ip6tables; then
    ipv6_refuse "this dockerd cannot translate its addresses: take an image with 20.10 or newer"
  elif [ "$iptables_chosen" != native ] && ! ip6tables -w 5 -t nat -S >/dev/null 2>&1; then
    ipv6_refuse "the kernel has no ip6tables nat table: load ip6table_nat on the host"
  elif ! engine_is_from $ipv6_settled && [ "$cfg_ipv6" != on ] && ! ipv6_experimental "$@"; then
    ipv6_refuse "an experiment of Docker before $ipv6_settled: set DIND_IPV6=on to use it"
  elif ! ipv6_forward; then
    ipv6_refuse "$interface has its route from router advertisements, which a router does not take: \
set net.ipv6.conf.$interface.accept_ra=2 outside"
  else
    ipv6_add "$@"
  fi
}

# ipv6_experimental ARG...: whether experiments are allowed already.
ipv6_experimental() {
  args_switch experimental "$@"
  [ "$arg_value" = on ] || { config_has experimental && printf '%s' "$daemon_json" | jq -e .experimental >/dev/null; }
}

ipv6_add() {
  flag_add ipv6 true
  flag_add ip6tables true
  if ! engine_is_from $ipv6_settled && ! ipv6_experimental "$@"; then
    flag_add experimental true
  fi
  if args_value fixed-cidr-v6 '' "$@"; then
    prefix=$arg_value
  elif config_has fixed-cidr-v6; then
    prefix='that of the configuration file'
  else
    ipv6_prefix
    flag_add fixed-cidr-v6 "$prefix"
  fi
  report_tried network ipv6 "on the default bridge with $prefix: $interface has IPv6"
}
