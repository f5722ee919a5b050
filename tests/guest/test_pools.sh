# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report args engine daemon_json network pools
config_load
config_keys=' '
unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy DOCKER_REGISTRY_MIRROR DOCKER_INSECURE_REGISTRY
bridge=docker0
unset DOCKER_DEFAULT_ADDRESS_POOL_BASE
again() { # ROUTE...: destination and mask, as /proc/net/route has them
  fresh
  dockerd_flags='' engine_help='      --default-address-pool pool-options'
  routes='Iface	Destination	Gateway	Flags	RefCnt	Use	Metric	Mask
eth0	00000000	0101000A	0003	0	0	0	00000000'
  for route; do
    routes="$routes
eth0	${route%/*}	00000000	0001	0	0	0	${route#*/}"
  done
  put /proc/net/route "$routes"
  pools_prepare
}

it "addresses are numbers and back"
pools_number 192.168.255.1
pools_address "$number"
equals "$number $address" "3232300801 192.168.255.1"
for word in '' 1.2.3 1.2.3.4.5 1..2.3 1.2.3.400 a.b.c.d fd00::1; do
  it "'$word' is no address"
  no pools_number "$word"
done
it "the host of a URL is found"
pools_host http://user:word@10.0.0.1:3128/path
equals "$host" 10.0.0.1

it "docker's own pools are left alone where nothing outside is in them"
again 0000000A/000000FF
equals "$dockerd_flags" ''
it "a route outside takes its network out of the pools"
again 000011AC/0000FFFF
equals "${dockerd_flags%%
*}" --default-address-pool=base=172.18.0.0/16,size=16
contains "$report_tried" 'without 172.17.0.0/16, in use outside'
it "a smaller network takes the pool it lies in, and a pool of several is split"
again 000515AC/00FFFFFF
contains "$dockerd_flags" "base=172.20.0.0/16,size=16
--default-address-pool=base=172.22.0.0/16,size=16
"
it "a larger one takes everything that lies in it"
again 000010AC/0000F0FF
equals "$dockerd_flags" "--default-address-pool=base=192.168.0.0/16,size=20
"
it "with all of docker's pools in use there is another one"
again 000010AC/0000F0FF 0000A8C0/0000FFFF
equals "$dockerd_flags" "--default-address-pool=base=10.200.0.0/13,size=20
"
it "with that one in use as well the report says what to set"
again 000010AC/0000F0FF 0000A8C0/0000FFFF 0000000A/000000FF
equals "$dockerd_flags" ''
contains "$report_tried" DOCKER_DEFAULT_ADDRESS_POOL_BASE
it "a resolver, a proxy and a mirror are outside too"
fresh
put /etc/resolv.conf 'nameserver 172.18.0.53'
HTTP_PROXY=http://user:secret@172.19.7.7:3128 DOCKER_REGISTRY_MIRROR=https://192.168.16.9
dockerd_flags=''
pools_prepare
contains "$report_tried" "without 172.18.0.0/16 172.19.0.0/16 192.168.16.0/20, in use outside"
no test "${report_tried#*secret}" != "$report_tried"
unset HTTP_PROXY DOCKER_REGISTRY_MIRROR
it "pools of the arguments, the environment or the configuration file are not replaced"
again 000011AC/0000FFFF
dockerd_flags=''
pools_prepare --default-address-pool=base=10.9.0.0/16,size=24
config_keys=' default-address-pools '
pools_prepare
config_keys=' '
(
  DOCKER_DEFAULT_ADDRESS_POOL_BASE=10.9.0.0/16
  pools_prepare
  equals "$dockerd_flags" ''
)
