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

# bridge_foreign NAME: whether it was here before the first start in this network namespace.
bridge_foreign() {
  bridge_space=$(readlink "$dind_root/proc/self/ns/net") || bridge_space=unknown
  bridge_before=''
  if [ -r "$cfg_run_dir/network-namespace" ]; then
    read -r bridge_before <"$cfg_run_dir/network-namespace"
  fi
  [ "$bridge_before" != "$bridge_space" ] || return 1
  if [ -d "$dind_root/sys/class/net/$1" ]; then
    return 0
  fi
  echo "$bridge_space" >"$cfg_run_dir/network-namespace"
  return 1
}

# bridge_make: dind0 or the next free name, with the first address of a free pool.
bridge_make() {
  bridge='' bridge_number=0
  while [ -d "$dind_root/sys/class/net/dind$bridge_number" ]; do
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
  if ! ip link add name "$bridge" type bridge || ! ip addr add "$address/${pool#*,}" dev "$bridge" ||
    ! ip link set "$bridge" up; then
    die "cannot make the bridge $bridge beside the docker0 of another daemon"
  fi
  bridge_made=$bridge
  flag_add bridge "$bridge"
  report_tried network docker0 "belongs to another daemon in this network; $bridge with $address is used"
  warn "this is the network of another Docker daemon: published ports and names of networks are shared with it"
  [ "$iptables_chosen" = off ] || bridge_rules=$(bridge_list)
}

# bridge_list: every rule of both tables, one a line, as "TABLE -A CHAIN …".
bridge_list() {
  for table in nat filter; do
    iptables-save -t "$table" | sed -n "s/^-A /$table -A /p"
  done
}

# bridge_restore: rules that were here before dockerd started and are not any more, back at the head of their chains
# in their order; a chain that is gone is made.
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
  for table in nat filter; do
    bridge_batch=$(printf '%s\n' "$bridge_back" | bridge_reverse "$table")
    [ -n "$bridge_batch" ] || continue
    printf '*%s\n%s\nCOMMIT\n' "$table" "$bridge_batch" | iptables-restore --noflush ||
      warn "rules of the other daemon in table $table could not be put back"
  done
}

# bridge_reverse TABLE: its rules as insertions at the head, the last one first.
bridge_reverse() {
  bridge_lines=''
  while read -r table_of _ chain rest; do
    [ "$table_of" = "$1" ] || continue
    bridge_lines="-I $chain 1 $rest$engine_newline$bridge_lines"
  done
  printf '%s' "$bridge_lines"
}

# bridge_remove: it is not in a namespace that ends with this container, and neither are its rules.
bridge_remove() {
  [ -n "$bridge_made" ] || return 0
  if [ "$iptables_chosen" != off ]; then
    for table in nat filter; do
      bridge_batch=$(bridge_list | sed -n "/ $bridge_made /s/^$table -A /-D /p")
      [ -z "$bridge_batch" ] || printf '*%s\n%s\nCOMMIT\n' "$table" "$bridge_batch" | iptables-restore --noflush ||
        warn "rules of $bridge_made in table $table could not be removed"
    done
  fi
  ip link del "$bridge_made" 2>/dev/null || warn "cannot remove the bridge $bridge_made"
}
