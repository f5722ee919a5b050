# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report args engine daemon_json network pools ipv6
config_load
config_keys=' ' dockerd_flags=''
iptables_chosen=off bridge=docker0 bridge_made=''
engine_help='      --mtu int
      --default-network-opt mapmap
      --dns list'
unset DIND_MTU DOCKERD_MTU MTU HTTP_PROXY HTTPS_PROXY http_proxy https_proxy
route() {
  put /proc/net/route "Iface	Destination	Gateway	Flags	RefCnt	Use	Metric	Mask
eth1	0000FEA9	00000000	0001	0	0	0	0000FFFF
eth0	00000000	0100000A	0003	0	0	0	00000000"
  put /sys/class/net/eth0/mtu "$1"
}

it "the MTU is that of the interface with the default route"
route 1400
network_mtu
equals "$mtu" 1400
it "it is given to the default bridge and to new networks"
network_prepare
equals "$dockerd_flags" "--mtu=1400
--default-network-opt=bridge=com.docker.network.driver.mtu=1400
"
it "an engine without the second flag gets the first only, and the report says so"
dockerd_flags='' report_decisions='' report_tried=''
engine_help='      --mtu int'
network_prepare
equals "$dockerd_flags" "--mtu=1400
"
contains "$report_decisions" "new networks need their own MTU option"
it "TCP of networks with a larger MTU is clamped"
iptables_chosen=legacy
iptables() { case " $* " in *' -C '*) return 1 ;; *) rules="$rules|$*" ;; esac; }
ip6tables() { :; }
rules=''
network_prepare
equals "$rules" '|-w 5 -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu'
it "a kernel that cannot is reported"
iptables() { return 1; }
report_decisions='' report_tried=''
network_prepare
contains "$report_decisions" '"choice":"iptables TCPMSS","result":"refused'
iptables_chosen=off bridge=docker0 bridge_made=''
it "1500 needs no flag"
dockerd_flags=''
route 1500
network_prepare
equals "$dockerd_flags" ''
it "an argument wins over what was found"
route 1400
network_prepare --mtu 1300
equals "$dockerd_flags$network_choice" "mtu 1300"
it "a variable wins over what was found"
DOCKERD_MTU=1350
network_mtu
equals "$mtu" 1350
unset DOCKERD_MTU
it "an IPv6-only network is understood"
rm "$dind_root/proc/net/route"
put /proc/net/ipv6_route "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0"
network_mtu
equals "$mtu" 1400
it "resolvers on loopback only are reported"
put /etc/resolv.conf 'nameserver 127.0.0.11'
report_decisions='' report_tried=''
network_prepare
contains "$report_decisions" DIND_DNS
it "credentials of a proxy do not reach the report"
HTTP_PROXY=http://user:secret@proxy:3128
report_decisions='' report_tried=''
network_prepare
contains "$report_decisions" 'http://***@proxy:3128'

it "a flag is found in the help only as a whole word"
engine_help='      --validate-all'
no engine_has validate
it "what every engine has is not asked for"
engine_help=''
# shellcheck disable=SC2317 # must not be called
dockerd() { echo asked >>"$work/asked"; }
engine_has tlsverify
no test -e "$work/asked"
unset -f dockerd
it "that is what Docker 18.09 lists"
engine_not_listed=''
for flag in $engine_since_18_09; do
  grep -q -- " --$flag " "$here/dockerd-18.09" || engine_not_listed="$engine_not_listed $flag"
done
equals "$engine_not_listed" ''
it "an argument wins over a variable"
dockerd_flags='' cfg_dns='' DOCKER_REGISTRY_MIRROR=http://new
engine_environment --registry-mirror=http://arg
equals "$dockerd_flags" ''
engine_environment
it "else the variable becomes a flag"
equals "$dockerd_flags" "--registry-mirror=http://new
"
unset DOCKER_REGISTRY_MIRROR
it "the option that keeps nested networks from asking outside is taken out of Docker's resolv.conf"
put /etc/resolv.conf 'search lan
nameserver 127.0.0.11
options edns0 ndots:0 trust-ad'
network_resolvers
network_ndots
equals "$(cat "$dind_root/etc/resolv.conf")" 'search lan
nameserver 127.0.0.11
options  edns0 trust-ad '
it "and of no other"
put /etc/resolv.conf 'nameserver 10.0.0.53
options ndots:0'
network_resolvers
network_ndots
contains "$(cat "$dind_root/etc/resolv.conf")" ndots:0
it "of one that cannot be written a copy without it takes its place"
put /etc/resolv.conf 'nameserver 127.0.0.11
options ndots:0'
resolv_write() {
  [ "$1" != "$dind_root/etc/resolv.conf" ] || return 1
  printf '%s' "$resolv_text" >"$1"
}
mount() { bound=$*; }
mkdir -p "$cfg_run_dir"
report_decisions='' report_tried=''
network_resolvers
network_ndots
equals "$bound" "--bind $cfg_run_dir/resolv.conf $dind_root/etc/resolv.conf"
equals "$(cat "$cfg_run_dir/resolv.conf")" 'nameserver 127.0.0.11'
equals "$report_tried" ''
it "and where that fails too, the report says what is missing"
mount() { false; }
network_ndots
contains "$report_tried" 'names without a dot'
