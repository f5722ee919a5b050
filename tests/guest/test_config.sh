# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2016,SC2317,SC2329 # variables shared with the files under test, functions they call
load log config
unset DIND_STORAGE DIND_LISTEN DIND_TLS_SAN DOCKER_TLS_SAN DIND_DNS

it "without a recipe's file the defaults are the reference's"
config_load
equals "$cfg_storage,$cfg_listen,$cfg_tls_days,$cfg_start_timeout,$cfg_gc_disk,$cfg_nofile,$cfg_icc" \
  'overlay2 ,tcp,825,60,,65536:524288,true'
put /etc/dind/config.env '# a comment
STORAGE_FALLBACK="loop tmpfs "
STORAGE_GC_DISK="85"
START_TIMEOUT="90"
STOP_GRACE="3"
LISTEN_TCP="off"
LISTEN_ADDRESS="fd00::1"
LISTEN_TLS_PORT="4000"
TLS_CLIENT_MODE="0640"
TLS_SAN="DNS:a IP:::1 "
NETWORK_MTU="1400"
USERLAND_PROXY="true"
UMASK="0077"
USERNS_REMAP="true"
STOP_TIMEOUT="$(touch pwned)"'
it "the recipe's file decides, and is data"
recipe_read
equals "$recipe_stop_timeout" '$(touch pwned)'
sed -i /pwned/d "$dind_root/etc/dind/config.env"
config_load
equals "$cfg_storage,$cfg_gc_disk,$cfg_start_timeout,$cfg_stop_grace,$cfg_listen,$cfg_tls_port,$cfg_mtu,$cfg_userland_proxy,$cfg_userns_remap" \
  'overlay2 loop tmpfs ,85,90,3,unix,4000,1400,true,true'
it "an IPv6 address is written as a host before a port"
equals "$cfg_listen_address" '[fd00::1]'
it "the umask holds at once"
equals "$(umask)" 0077
umask 022
it "names for the certificate add up with docker:dind's variable"
equals "$(DOCKER_TLS_SAN=DNS:b && config_load && echo "$cfg_tls_san")" 'DNS:a IP:::1  DNS:b'
it "a variable replaces the recipe's names"
equals "$(DIND_TLS_SAN=DNS:c && config_load && echo "$cfg_tls_san")" 'DNS:c '
it "a variable wins over the recipe"
equals "$(DIND_LISTEN=tcp DIND_GC_DISK=0 DIND_START_TIMEOUT=5 DIND_USERNS_REMAP=0 && config_load &&
  echo "$cfg_listen,$cfg_gc_disk,$cfg_start_timeout,$cfg_userns_remap")" 'tcp,,5,false'
it "a driver that the recipe insists on is the whole ladder"
put /etc/dind/config.env 'STORAGE_FALLBACK="loop "
STORAGE_DRIVER="vfs"'
config_load
equals "$cfg_storage" vfs
it "a variable wins over it as well"
equals "$(DIND_STORAGE='overlay2 loop' && config_load && echo "$cfg_storage")" 'overlay2 loop'

it "a bad value is refused by the name of its variable"
for bad in DIND_LOCK_WAIT=x DIND_START_TIMEOUT=0 DIND_START_ATTEMPTS=0 DIND_STOP_TIMEOUT=1s DIND_STOP_GRACE=-1 \
  DIND_LISTEN=udp DIND_LISTEN_ADDRESS=host DIND_PORT=70000 DIND_TLS_PORT=0 DIND_TLS_KEY=dsa DIND_TLS_DAYS=0 \
  DIND_TLS_RENEW_DAYS=-1 DOCKER_TLS_SAN=docker.example DIND_LOG=docker.log DIND_IPV6=maybe DIND_TLS_CLIENT_GID=ci DIND_TLS_CLIENT_MODE=rw DIND_TLS_CLIENT_MODE=0000 \
  DIND_GC_DISK=100 DIND_GC_INODES=x DIND_ADDRESS_POOLS=10.0.0.0/8 DIND_ADDRESS_POOLS=10.0.0.0/8: \
  DIND_USERLAND_PROXY=maybe DIND_ICC=x DIND_NO_NEW_PRIVILEGES=x DIND_USERNS_REMAP=ci DIND_LOG_DRIVER=syslog \
  DIND_LOG_MAX_SIZE=20 DIND_LOG_MAX_SIZE=m DIND_LOG_MAX_SIZE=1.5m DIND_LOG_MAX_FILE=0 DIND_NOFILE=1024 \
  DIND_NOFILE=2:1 DIND_NOFILE=a:b DIND_UMASK=u=rwx DIND_UMASK=0700; do
  said=$(export "${bad?}" && config_load 2>&1)
  contains "$bad: $said" "error: ${bad%%=*}"
done
it "a good one is taken"
for good in DIND_LISTEN_ADDRESS=10.0.0.1 DIND_PORT=4000 DIND_GC_DISK=99 DIND_TLS_CLIENT_MODE=644 DIND_NOFILE=inherit \
  DIND_ADDRESS_POOLS='10.200.0.0/16:24 fd00:1::/48:64' DIND_LOG_MAX_SIZE=512k DIND_UMASK=027 DIND_ICC=off; do
  equals "$(export "${good?}" && config_load 2>&1)" ''
done
