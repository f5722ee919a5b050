# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Which iptables backend nested networks use. Legacy and nft rules do not see each other, so a wrong choice
# gives a daemon that reports ready and containers without a network.

iptables_names='iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore'
iptables_names_link='arptables arptables-save arptables-restore
ebtables ebtables-save ebtables-restore'

# iptables_override: what the environment asks for, in $iptables_asked and $iptables_asked_by; empty when nothing.
iptables_override() {
  iptables_asked='' iptables_asked_by=''
  if [ -n "${DIND_IPTABLES:-}" ]; then
    iptables_asked=$DIND_IPTABLES iptables_asked_by=DIND_IPTABLES
  elif [ -n "${DOCKER_IPTABLES_LEGACY+set}" ]; then
    # As in docker:dind: set and not empty is legacy, set and empty is nft.
    iptables_asked=nft iptables_asked_by=DOCKER_IPTABLES_LEGACY
    [ -z "$DOCKER_IPTABLES_LEGACY" ] || iptables_asked=legacy
  fi
  case $iptables_asked in
    '' | legacy | nft | native) ;;
    auto) cfg_iptables=auto iptables_asked='' ;;
    *) die "$iptables_asked_by must be legacy, nft, native or auto, not '$iptables_asked'" ;;
  esac
}

# iptables_order: the backends to try, in $iptables_order, the ground in $iptables_ground. Loads no module: it only
# looks at what this network namespace and kernel already have.
iptables_order() {
  for table in ip ip6 arp; do
    if [ -r "$dind_root/proc/net/${table}_tables_names" ] &&
      read -r name <"$dind_root/proc/net/${table}_tables_names" && [ -n "$name" ]; then
      iptables_order='legacy nft' iptables_ground="legacy ${table} tables are in use here"
      return 0
    fi
  done
  if [ -d "$dind_root/sys/module/nf_tables" ]; then
    iptables_order='nft legacy' iptables_ground='the kernel has nf_tables loaded'
  elif [ -d "$dind_root/sys/module/ip_tables" ]; then
    iptables_order='legacy nft' iptables_ground='the kernel has ip_tables loaded'
  else
    iptables_order='nft legacy' iptables_ground='no table in use, no module to see'
  fi
}

# iptables_probe BACKEND: make a chain in nat and remove it in one transaction, with the program dockerd would run: its
# names are links to one.
iptables_probe() {
  command -v "iptables-$1" >/dev/null 2>&1 || {
    report_tried iptables "$1" "iptables-$1 is not in this image"
    iptables_error="iptables-$1 is not in this image"
    return 1
  }
  if iptables_error=$("iptables-$1-restore" -w 5 --noflush 2>&1 <<'END'
*nat
-N DIND-PROBE
-X DIND-PROBE
COMMIT
END
  ); then
    report_tried iptables "$1" works
    return 0
  fi
  report_tried iptables "$1" "$iptables_error"
  return 1
}

# iptables_missing BACKEND: the part of the kernel it needs.
iptables_missing() {
  case $1 in
    legacy) echo "ip_tables and iptable_nat" ;;
    *) echo "nf_tables, nft_compat and nft_chain_nat" ;;
  esac
}

# iptables_prepare ARG...: decide, and make the decision hold for dockerd, and for docker exec
# where the root file system can be written.
iptables_prepare() {
  args_switch iptables "$@"
  if [ "$arg_value" = off ]; then
    iptables_chosen=off
    report_decision iptables off "the arguments say --iptables=false"
    return 0
  fi
  if [ -z "$arg_value" ] && config_has iptables && printf '%s' "$daemon_json" | jq -e '.iptables == false' >/dev/null; then
    iptables_chosen=off
    report_decision iptables off "$engine_config says so"
    return 0
  fi
  iptables_named "$@" && return 0
  iptables_override
  if [ "$iptables_asked" = native ]; then
    iptables_native "asked for by $iptables_asked_by"
    return 0
  fi
  if [ -n "$iptables_asked" ]; then
    iptables_probe "$iptables_asked" ||
      die "$iptables_asked_by asks for iptables-$iptables_asked, which does not work here: $iptables_error
the kernel needs $(iptables_missing "$iptables_asked"), loaded on the host"
    iptables_use "$iptables_asked" "asked for by $iptables_asked_by"
    return 0
  fi
  case $cfg_iptables in
    legacy) iptables_order='legacy nft' iptables_ground='the default of this image' ;;
    nft) iptables_order='nft legacy' iptables_ground='the default of this image' ;;
    *) iptables_order ;;
  esac
  iptables_first=''
  for backend in $iptables_order; do
    if iptables_probe "$backend"; then
      if [ -n "$iptables_first" ]; then
        warn "iptables-${iptables_first} does not work in this kernel, using iptables-$backend"
        iptables_ground="iptables-$iptables_first does not work here"
      fi
      iptables_use "$backend" "$iptables_ground"
      return 0
    fi
    iptables_first=${iptables_first:-$backend}
  done
  if engine_has firewall-backend && command -v nft >/dev/null 2>&1 && nft list ruleset >/dev/null 2>&1; then
    iptables_native "neither iptables-legacy nor iptables-nft works here"
    return 0
  fi
  die "no iptables backend works here ($iptables_error)
the kernel needs $(iptables_missing nft), or $(iptables_missing legacy), loaded on the host"
}

# iptables_named ARG...: whether the arguments or the file name the firewall of Docker 29, which is then dockerd's own
# affair.
iptables_named() {
  iptables_by='the arguments'
  if ! args_value firewall-backend '' "$@"; then
    config_has firewall-backend || return 1
    iptables_by=$engine_config
    arg_value=$(printf '%s' "$daemon_json" | jq -r '."firewall-backend"')
  fi
  [ "$arg_value" = nftables ] || return 1
  iptables_chosen=native
  report_decision iptables native "$iptables_by: firewall-backend is nftables"
}

iptables_native() {
  engine_has firewall-backend || die "this dockerd has no --firewall-backend: native needs Docker 29 or newer"
  flag_add firewall-backend nftables
  iptables_chosen=native
  report_decision iptables native "$1"
}

# iptables_use BACKEND REASON: nothing when iptables is that already; else switch the alternatives, and where the
# root file system is read-only put a directory of links first in PATH.
iptables_use() {
  iptables_chosen=$1
  iptables_program=$(command -v iptables) || die "iptables is not in this image"
  iptables_target=$(readlink -f "$iptables_program")
  case $1:${iptables_target##*/} in
    legacy:xtables-legacy-multi | nft:xtables-nft-multi) iptables_how='' ;;
    *)
      if iptables_alternatives "$1"; then
        iptables_how='; alternatives switched'
      else
        iptables_links "$1"
        iptables_how="; through $iptables_dir in PATH"
      fi
      ;;
  esac
  report_decision iptables "$1" "$2$iptables_how"
}

# iptables_variant NAME BACKEND: iptables-save and legacy give iptables-legacy-save.
iptables_variant() {
  case $1 in
    *-*) variant=${1%%-*}-$2-${1#*-} ;;
    *) variant=$1-$2 ;;
  esac
}

iptables_alternatives() {
  [ -w "$dind_root/etc/alternatives" ] && [ -L "$dind_root/etc/alternatives/iptables" ] || return 1
  for name in $iptables_names $iptables_names_link; do
    iptables_variant "$name" "$1"
    path=$(command -v "$variant") || continue
    [ -L "$dind_root/etc/alternatives/$name" ] || continue
    ln -sf "$path" "$dind_root/etc/alternatives/$name" 2>/dev/null || return 1
  done
}

iptables_links() {
  iptables_dir=$cfg_run_dir/iptables
  mkdir -p "$iptables_dir" || die "cannot make $iptables_dir"
  for name in $iptables_names $iptables_names_link; do
    iptables_variant "$name" "$1"
    path=$(command -v "$variant") || continue
    ln -sf "$path" "$iptables_dir/$name" || die "cannot link $iptables_dir/$name"
  done
  PATH=$iptables_dir:$PATH
  export PATH
}
