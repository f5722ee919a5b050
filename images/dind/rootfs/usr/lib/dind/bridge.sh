# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# A bridge of our own where the network is not: with `--network host` the outer engine's docker0 is here, and a second
# daemon would give its addresses out again. The rules of both daemons share one set of chains, which a starting
# dockerd empties; what it takes away of the other one's is put back.

bridge_made='' bridge_rules=''

# bridge_prepare ARG...: leaves the bridge's name in $bridge, empty when there is none to look after.
bridge_prepare() {
  bridge=docker0
  if args_value bridge b "$@"; then
    bridge=$arg_value
    [ "$bridge" != none ] || bridge=''
    return 0
  fi
  if config_has bridge; then
    bridge=''
    return 0
  fi
  bridge_foreign "$bridge" || return 0
  if args_value bip '' "$@" || config_has bip || [ -n "${DOCKERD_BIP:-}" ]; then
    die "docker0 of this network belongs to another daemon, whose address would be changed: \
use --bridge with a bridge of your own instead of --bip, or an outer network that is not the host's"
  fi
  bridge_make
}

# bridge_foreign NAME: whether it is somebody else's: another daemon runs in this network namespace, or containers that
# are not ours are on it. One that a container before this one left behind, in a pod's network that outlives it, is
# neither; dockerd takes that over.
bridge_foreign() {
  [ -d "$dind_root/sys/class/net/$1" ] || return 1
  bridge_daemons
  [ "$daemons" = 0 ] || return 0
  # What a killed container left is taken away by the kernel a moment later.
  now_ms
  bridge_until=$((now + 2000))
  while bridge_used "$1"; do
    now_ms
    [ "$now" -lt $bridge_until ] || return 0
    sleep 0.1
  done
  return 1
}

# bridge_used NAME: whether an interface is on it.
bridge_used() {
  for bridge_port in "$dind_root/sys/class/net/$1/brif"/*; do
    if [ -e "$bridge_port" ]; then
      return 0
    fi
  done
  return 1
}

# bridge_daemons: how many dockerd run in this network namespace, in $daemons: each listens on a socket of libnetwork,
# and /proc/net/unix has those of every file system; unix(7), moby libnetwork/sandbox_externalkey_unix.go.
bridge_daemons() {
  daemons=0
  while read -r _ _ _ _ _ state _ path; do
    case $state:$path in
      01:*/libnetwork/*.sock) daemons=$((daemons + 1)) ;;
    esac
  done <"$dind_root/proc/net/unix"
}

# bridge_make: dind0 or the next free name, with the first address of a free pool. With no third daemon here, such a
# bridge that nothing is on was left by one that was killed.
bridge_make() {
  bridge='' bridge_number=0
  while [ -d "$dind_root/sys/class/net/dind$bridge_number" ]; do
    if [ "$daemons" -le 1 ] && ! bridge_used "dind$bridge_number"; then
      bridge_made=dind$bridge_number
      bridge_remove
      continue
    fi
    bridge_number=$((bridge_number + 1))
  done
  pools_taken
  # shellcheck disable=SC2086 # a list of words
  pools_choose $pools_docker $pools_spare
  pool=${pools# }
  pool=${pool%% *}
  [ -n "$pool" ] || die "no address is left for a bridge of our own: use --bridge"
  pools_number "${pool%/*}"
  pools_address $((number + 1))
  bridge=dind$bridge_number
  if ! ip link add name "$bridge" type bridge; then
    die "cannot make the bridge $bridge beside the docker0 of another daemon"
  fi
  bridge_made=$bridge
  if ! ip addr add "$address/${pool#*,}" dev "$bridge" || ! ip link set "$bridge" up; then
    die "cannot give the bridge $bridge the address $address"
  fi
  flag_add bridge "$bridge"
  report_tried network docker0 "belongs to another daemon in this network; $bridge with $address is used"
  warn "this is the network of another Docker daemon: published ports and names of networks are shared with it"
  bridge_note
}

# bridge_note: the rules that are not this daemon's, before it starts.
bridge_note() {
  [ -n "$bridge_made" ] && [ "$iptables_chosen" != off ] || return 0
  bridge_rules=$(bridge_list | sed "/ $bridge_made /d")
}

# bridge_families: the programs whose rules dockerd writes; of IPv6 as a matter of course from 27 on.
bridge_families() {
  families=iptables
  if engine_is_from 27 || [ "$cfg_ipv6" = on ]; then
    families='iptables ip6tables'
  fi
}

# bridge_list: every rule, one a line, as "PROGRAM TABLE -A CHAIN …".
bridge_list() {
  bridge_families
  for family in $families; do
    for table in nat filter; do
      "$family-save" -t "$table" 2>/dev/null | sed -n "s/^-A /$family $table -A /p"
    done
  done
}

# bridge_restore: rules that were here before dockerd started and are not any more, back at the head of their chains
# in their order.
bridge_restore() {
  [ -n "$bridge_rules" ] || return 0
  bridge_now=$(bridge_list)
  bridge_back=$(
    printf '%s\n' "$bridge_rules" | while IFS= read -r rule; do
      case "$engine_newline$bridge_now$engine_newline" in
        *"$engine_newline$rule$engine_newline"*) ;;
        *) printf '%s\n' "$rule" ;;
      esac
    done
  )
  [ -n "$bridge_back" ] || return 0
  bridge_families
  for family in $families; do
    for table in nat filter; do
      bridge_batch=$(printf '%s\n' "$bridge_back" | bridge_reverse "$family" "$table")
      [ -n "$bridge_batch" ] || continue
      printf '*%s\n%s\nCOMMIT\n' "$table" "$bridge_batch" | "$family-restore" --noflush ||
        warn "$family: rules of the other daemon in table $table could not be put back"
    done
  done
}

# bridge_reverse PROGRAM TABLE: its rules as insertions at the head, the last one first.
bridge_reverse() {
  bridge_lines=''
  while read -r family_of table_of _ chain rest; do
    [ "$family_of $table_of" = "$1 $2" ] || continue
    bridge_lines="-I $chain 1 $rest$engine_newline$bridge_lines"
  done
  printf '%s' "$bridge_lines"
}

# bridge_remove: it is not in a namespace that ends with this container, and neither are its rules.
bridge_remove() {
  [ -n "$bridge_made" ] || return 0
  if [ "$iptables_chosen" != off ]; then
    bridge_families
    for family in $families; do
      for table in nat filter; do
        bridge_batch=$(bridge_list | sed -n "/ $bridge_made /s/^$family $table -A /-D /p")
        [ -z "$bridge_batch" ] || printf '*%s\n%s\nCOMMIT\n' "$table" "$bridge_batch" | "$family-restore" --noflush ||
          warn "$family: rules of $bridge_made in table $table could not be removed"
      done
    done
  fi
  ip link del "$bridge_made" 2>/dev/null || warn "cannot remove the bridge $bridge_made"
  bridge_made=''
}
