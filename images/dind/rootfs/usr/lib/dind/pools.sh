# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Address pools for nested networks that leave out what is reached outside. dockerd itself compares its pools with the
# routes it has; newer versions look at directly connected ones only, and none looks at what lies behind a gateway:
# resolvers of user networks, proxies, mirrors. A nested network on such an address cuts it off.

# Docker's own pools, base and size (moby, libnetwork/ipamutils), and one more for where those are all taken.
pools_docker='172.17.0.0/16,16 172.18.0.0/16,16 172.19.0.0/16,16 172.20.0.0/14,16 172.24.0.0/14,16 172.28.0.0/14,16
192.168.0.0/16,20'
pools_spare='10.200.0.0/13,20'
# Lines as in $taken of what lies beyond this network namespace.
pools_beyond=''

# pools_number ADDRESS: four decimal bytes as one number in $number; status 1 when it is nothing of the kind.
pools_number() {
  case $1 in
    *[!0-9.]* | *..* | .* | *. | '') return 1 ;;
  esac
  pools_saved_ifs=$IFS
  IFS=.
  # shellcheck disable=SC2086 # split at the dots
  set -- $1
  IFS=$pools_saved_ifs
  [ $# -eq 4 ] || return 1
  for byte; do
    is_number "$byte" && [ "$byte" -le 255 ] || return 1
  done
  number=$(((($1 * 256 + $2) * 256 + $3) * 256 + $4))
}

# pools_address NUMBER: the other way round, in $address.
pools_address() {
  address=$(($1 >> 24 & 255)).$(($1 >> 16 & 255)).$(($1 >> 8 & 255)).$(($1 & 255))
}

# pools_swapped HEX: a little-endian number of /proc/net/route in $number.
pools_swapped() {
  number=$((0x$1))
  number=$(((number & 255) << 24 | (number >> 8 & 255) << 16 | (number >> 16 & 255) << 8 | number >> 24))
}

# pools_host TEXT: the host of a URL, or of HOST:PORT, in $host.
pools_host() {
  host=${1#*://}
  host=${host%%/*}
  host=${host##*@}
  host=${host%:*}
}

# pools_taken: "NUMBER MASK" of everything that is reached outside, one a line, in $taken.
pools_taken() {
  taken=$pools_beyond
  if [ -r "$dind_root/proc/net/route" ]; then
    while read -r name destination _ _ _ _ _ mask _; do
      case $name:$mask in
        # The second pattern is the default route, the last a bridge of our own.
        Iface:* | *:00000000 | "$bridge":*) continue ;;
      esac
      pools_swapped "$destination"
      destination=$number
      pools_swapped "$mask"
      taken="$taken$destination $number
"
    done <"$dind_root/proc/net/route"
  fi
  network_resolvers
  for address in $resolvers_usable $cfg_dns; do
    pools_taken_host "$address"
  done
  for address in "${HTTP_PROXY:-}" "${HTTPS_PROXY:-}" "${http_proxy:-}" "${https_proxy:-}" \
    "${DOCKER_REGISTRY_MIRROR:-}" "${DOCKER_INSECURE_REGISTRY:-}"; do
    pools_host "$address"
    pools_taken_host "$host"
  done
}

# pools_taken_host ADDRESS: names are not looked up.
pools_taken_host() {
  if pools_number "$1"; then
    taken="$taken$number 4294967295
"
  fi
}

# pools_free BASE LENGTH: whether nothing that is taken lies in it; BASE is a number.
pools_free() {
  pool_mask=$((0xffffffff << (32 - $2) & 0xffffffff))
  while read -r destination mask; do
    [ -n "$mask" ] || continue
    if [ $((($1 ^ destination) & mask & pool_mask)) -eq 0 ]; then
      return 1
    fi
  done <<END
$taken
END
}

# pools_choose POOL...: what is free of them, as "BASE/LENGTH,SIZE" in $pools; a pool of which a part is taken is split
# into networks. Networks left out are named in $pools_left_out.
pools_choose() {
  pools='' pools_left_out=''
  for pool; do
    size=${pool#*,}
    length=${pool%,*}
    length=${length#*/}
    pools_number "${pool%/*}"
    base=$number
    if pools_free "$base" "$length"; then
      pools="$pools $pool"
      continue
    fi
    end=$((base + (1 << (32 - length))))
    while [ "$base" -lt "$end" ]; do
      pools_address "$base"
      if pools_free "$base" "$size"; then
        pools="$pools $address/$size,$size"
      else
        pools_left_out="$pools_left_out $address/$size"
      fi
      base=$((base + (1 << (32 - size))))
    done
  done
}

# pools_prepare ARG...: flags for dockerd, unless somebody has decided, or its own pools are all free.
pools_prepare() {
  if config_has default-address-pools || args_value default-address-pool '' "$@" ||
    [ -n "${DOCKER_DEFAULT_ADDRESS_POOL_BASE:-}$cfg_address_pools" ]; then
    return 0
  fi
  pools_taken
  # shellcheck disable=SC2086 # a list of words
  pools_choose $pools_docker
  [ -n "$pools_left_out" ] || return 0
  if [ -z "$pools" ]; then
    # shellcheck disable=SC2086 # a list of words
    pools_choose $pools_docker $pools_spare
  fi
  if [ -z "$pools" ]; then
    report_tried network address-pools "every pool is in use outside; set DOCKER_DEFAULT_ADDRESS_POOL_BASE"
    return 0
  fi
  for pool in $pools; do
    flag_add default-address-pool "base=${pool%,*},size=${pool#*,}"
  done
  report_tried network address-pools "without$pools_left_out, in use outside"
}
