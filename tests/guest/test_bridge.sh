# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report args engine daemon_json network pools bridge
config_load
config_keys=' ' dockerd_flags='' iptables_chosen=nft
unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy DOCKER_REGISTRY_MIRROR DOCKER_INSECURE_REGISTRY DOCKERD_BIP
engine_help='      --bridge string'
calls=''
ip() { calls="$calls|$*"; }
mkdir -p "$work/bin"
# shellcheck disable=SC2016 # expanded there
printf '#!/bin/sh\ncat "%s/rules-$2"\n' "$work" >"$work/bin/iptables-save"
printf '#!/bin/sh\ncat >>"%s/restored"\n' "$work" >"$work/bin/iptables-restore"
chmod +x "$work/bin/"*
PATH=$work/bin:$PATH
sockets() { # PATH...: listening
  text='Num       RefCount Protocol Flags    Type St Inode Path'
  for path; do
    text="$text
0000000000000000: 00000002 00000000 00010000 0001 01 1 $path"
  done
  put /proc/net/unix "$text"
}
sockets /run/systemd/notify
theirs=/var/run/docker/libnetwork/1a2b3c.sock

it "in a network of its own dockerd makes its bridge itself"
bridge_prepare
equals "$bridge$dockerd_flags" docker0
it "a container that starts again, in a pod's network too, takes the bridge of the one before it"
mkdir -p "$dind_root/sys/class/net/docker0/brif"
bridge_prepare
equals "$bridge$dockerd_flags" docker0
it "an argument names another one, or none"
bridge_prepare --bridge=br9
equals "$bridge" br9
bridge_prepare -b none
equals "$bridge" ''

sockets "$theirs" "$theirs.new" /run/docker/libnetwork/4d5e6f.sock
mkdir -p "$dind_root/sys/class/net/dind0"
put /proc/net/route 'Iface	Destination	Gateway	Flags	RefCnt	Use	Metric	Mask
docker0	000011AC	00000000	0001	0	0	0	0000FFFF'
echo '-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80' >"$work/rules-nat"
echo '-A FORWARD -j DOCKER-USER' >"$work/rules-filter"
it "a bridge of another daemon is left to it: one of our own with an address that is free"
bridge_prepare 2>"$work/said"
equals "$calls" "|link add name dind1 type bridge|addr add 172.18.0.1/16 dev dind1|link set dind1 up"
equals "$bridge $dockerd_flags" "dind1 --bridge=dind1
"
it "rules of the other daemon that are gone come back to the head of their chains in their order"
echo '-A DOCKER -i dind1 -j RETURN' >"$work/rules-nat"
bridge_restore
equals "$(cat "$work/restored")" '*nat
-I DOCKER 1 ! -i docker0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80
-I DOCKER 1 -i docker0 -j RETURN
COMMIT'
it "the bridge goes with its rules"
: >"$work/restored"
calls=''
bridge_remove
equals "$(cat "$work/restored")$calls" '*nat
-D DOCKER -i dind1 -j RETURN
COMMIT|link del dind1'
it "an address for the bridge of another daemon is refused"
contains "$(bridge_prepare --bip=10.0.0.1/24 2>&1)" "belongs to another daemon"
it "so is what containers that are not ours are on, although nobody answers for it"
sockets
: >"$dind_root/sys/class/net/docker0/brif/veth1"
sleep() { now_late=1; }
now_ms() { now=$((now + ${now_late:-0} * 3000)); }
now=0 now_late=''
yes bridge_foreign docker0
rm "$dind_root/sys/class/net/docker0/brif/veth1"
it "a bridge of ours that a killed container left on the host's network goes"
sockets "$theirs"
calls='' dockerd_flags=''
ip() {
  calls="$calls|$*"
  case $* in 'link del'*) rm -r "$dind_root/sys/class/net/dind0" ;; esac
}
bridge_prepare 2>"$work/said"
equals "$bridge $calls" "dind0 |link del dind0|link add name dind0 type bridge|addr add 172.18.0.1/16 dev dind0|link set dind0 up"
