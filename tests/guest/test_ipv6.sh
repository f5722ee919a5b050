# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317 # variables shared with the files under test; ip6tables is called there
load log config report args engine daemon_json network pools hardening ipv6
DIND_IPV6=auto
config_load
bridge=docker0 bridge_made=''
ip6tables() { [ -z "$without_table" ]; }
again() { # ENGINE ARG...: a container whose eth0 has IPv6
  fresh
  recipe_engine_version=$1
  shift
  dockerd_flags='' engine_help='      --ip6tables' iptables_chosen=legacy config_keys=' ' daemon_json='{}'
  without_table='' cfg_ipv6=${mode:-auto}
  put /proc/sys/net/ipv6/conf/eth0/accept_ra 1
  put /proc/sys/kernel/random/uuid 12345678-9abc-4def-8123-456789abcdef
  put /proc/net/ipv6_route \
    "00000000000000000000000000000000 00 00000000000000000000000000000000 00 $gateway 00000400 1 0 ${advertised:-00000003} eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 1 0 00200200 lo"
  put /proc/net/if_inet6 "fe800000000000000042acfffe110002 04 40 20 80     eth0
$global"
  ipv6_prepare "$@"
}
gateway=fd420000000000000000000000000001
global='fd420000000000000000000000000002 04 40 00 80     eth0'

it "an engine that translates addresses gets IPv6 where the outer network has it"
again 27.5
equals "$dockerd_flags" "--ipv6=true
--ip6tables=true
--fixed-cidr-v6=fd78:9abc:1234::/64
"
it "the next start has the same network"
put /proc/sys/kernel/random/uuid aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee
ipv6_prefix
equals "$prefix" fd78:9abc:1234::/64
it "an older engine does not, and the report says what to set"
again 20.10.24
equals "$dockerd_flags" ''
contains "$report_tried" 'DIND_IPV6=on'
it "unless it is asked to, as an experiment"
mode=on
again 20.10.24
contains "$dockerd_flags" --experimental=true
it "or experiments are allowed already"
mode=''
again 20.10.24 --experimental
contains "$dockerd_flags" --ip6tables=true
it "without rules of its own it gets none"
mode=on
contains "$(
  ip6tables() { false; }
  again 27.5 2>&1
)" 'load ip6table_nat'
it "a network given in the arguments is not replaced"
mode=''
again 27.5 --fixed-cidr-v6=fd00::/64
equals "$dockerd_flags" "--ipv6=true
--ip6tables=true
"
it "nor a decision"
again 27.5 --ipv6=false
equals "$dockerd_flags" ''
it "a route that a router advertised is kept when this network forwards"
advertised=00450003
again 27.5
equals "$(cat "$dind_root/proc/sys/net/ipv6/conf/eth0/accept_ra") ${dockerd_flags%%=*}" '2 --ipv6'
it "on the host's network that is the host's affair, and IPv6 is left alone"
bridge_made=dind0
again 27.5
equals "$(cat "$dind_root/proc/sys/net/ipv6/conf/eth0/accept_ra")$dockerd_flags" 1
contains "$report_tried" 'accept_ra=2 outside'
bridge_made='' advertised=''
it "it can be switched off"
mode=off
again 27.5
equals "$dockerd_flags" ''
it "an address of one link is none"
mode='' global=''
again 27.5
equals "$dockerd_flags" ''
it "where it is asked for, its absence is an error"
mode=on
contains "$(again 27.5 2>&1)" 'the outer network has none'
