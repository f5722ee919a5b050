# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report args engine iptables daemon_json
config_load
config_keys=' '

mkdir -p "$work/bin"
saved_path=$PATH
PATH=$work/bin:$PATH
for backend in legacy nft; do
  printf '#!/bin/sh\n' >"$work/bin/iptables-$backend"
done
printf '#!/bin/sh\ncat >"%s"\n' "$work/batch" >"$work/bin/iptables-legacy-restore"
printf '#!/bin/sh\necho "no table nat" >&2\nexit 3\n' >"$work/bin/iptables-nft-restore"
chmod +x "$work/bin/"*
it "a backend works when a chain can be made and removed in one transaction, so that none is ever left"
yes iptables_probe legacy
equals "$(tr '\n' ' ' <"$work/batch")" "*nat -N DIND-PROBE -X DIND-PROBE COMMIT "
it "what a backend says that does not work is kept"
no iptables_probe nft
equals "$iptables_error" "no table nat"
PATH=$saved_path
report_tried=''

works='legacy nft'
iptables_probe() {
  iptables_error='no nat table'
  case " $works " in
    *" $1 "*) report_tried iptables "$1" works ;;
    *)
      report_tried iptables "$1" "$iptables_error"
      return 1
      ;;
  esac
}
iptables_use() { used="$1: $2"; }
engine_help='      --firewall-backend string   Firewall backend
      --iptables'
unset DIND_IPTABLES DOCKER_IPTABLES_LEGACY

it "the recipe's backend is used when it works"
cfg_iptables=legacy
iptables_prepare
equals "$used" "legacy: the default of this image"
it "the other one is used, and the reason says so, when it does not"
works=nft
iptables_prepare 2>/dev/null
equals "$used" "nft: iptables-legacy does not work here"
it "a change of backend is a warning"
contains "$(iptables_prepare 2>&1)" "iptables-legacy does not work in this kernel, using iptables-nft"
it "what the environment asks for is not replaced"
DIND_IPTABLES=legacy
contains "$(iptables_prepare 2>&1)" "DIND_IPTABLES asks for iptables-legacy, which does not work here: no nat table"
it "and the error names the missing part of the kernel"
contains "$(iptables_prepare 2>&1)" "ip_tables and iptable_nat"
unset DIND_IPTABLES
works='legacy nft'
it "DOCKER_IPTABLES_LEGACY set and empty means nft"
DOCKER_IPTABLES_LEGACY=''
iptables_prepare
equals "$used" "nft: asked for by DOCKER_IPTABLES_LEGACY"
it "DOCKER_IPTABLES_LEGACY=1 means legacy"
DOCKER_IPTABLES_LEGACY=1
iptables_prepare
equals "$used" "legacy: asked for by DOCKER_IPTABLES_LEGACY"
unset DOCKER_IPTABLES_LEGACY
it "an unknown backend is refused"
contains "$(DIND_IPTABLES=ipchains && iptables_prepare 2>&1)" "not 'ipchains'"
it "--iptables=false leaves it alone"
iptables_prepare --iptables=false
equals "$iptables_chosen" off
it "auto prefers nft where the kernel has it loaded"
cfg_iptables=auto
mkdir -p "$dind_root/sys/module/nf_tables" "$dind_root/sys/module/ip_tables"
iptables_prepare
equals "$used" "nft: the kernel has nf_tables loaded"
it "auto prefers legacy where only that is loaded"
rmdir "$dind_root/sys/module/nf_tables"
iptables_prepare
equals "$used" "legacy: the kernel has ip_tables loaded"
it "auto follows the tables in use before the modules"
mkdir -p "$dind_root/sys/module/nf_tables"
put /proc/net/ip_tables_names nat
iptables_prepare
equals "$used" "legacy: legacy ip tables are in use here"
it "native is refused by an engine without it"
engine_help='--iptables'
contains "$(DIND_IPTABLES=native && iptables_prepare 2>&1)" "Docker 29"
it "nothing that works is an error that names what the kernel lacks"
works=''
contains "$(iptables_prepare 2>&1)" "nf_tables, nft_compat and nft_chain_nat, or ip_tables and iptable_nat"

it "the save form of a name gets the backend in the middle"
iptables_variant ip6tables-save nft
equals "$variant" ip6tables-nft-save
it "the plain name gets it at the end"
iptables_variant iptables legacy
equals "$variant" iptables-legacy
