# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report ready tls renew
config_load
ip() { :; }
put /proc/sys/kernel/hostname box
DOCKER_TLS_CERTDIR=$work/certs
unset DOCKER_TLS_SAN
tls_prepare "$DOCKER_TLS_CERTDIR"
tls_cert=$DOCKER_TLS_CERTDIR/server/cert.pem
socket=/var/run/docker.sock keep_mode=daemon running=''
own_docker() { printf '%s' "$running"; }
connections() { # STATE OF THE SOCKET, STATE OF THE PORT
  put /proc/net/unix "Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 1 /var/run/docker.sock
0000000000000000: 00000003 00000000 00000000 0001 $1 2 /var/run/docker.sock"
  put /proc/net/tcp "  sl  local_address rem_address   st tx_queue
   0: 00000000:0948 00000000:0000 0A 00000000
   1: 0100007F:0948 0100007F:9999 $2 00000000"
}
again() {
  connections 00 06
  renew_note
  renew_said='' running=''
}
replace() {
  rm "$tls_cert"
  tls_prepare "$DOCKER_TLS_CERTDIR"
}

it "a certificate that dockerd serves already is no reason for a restart"
again
no renew_check
it "one that was replaced is, where that interrupts nobody"
replace
yes renew_check
it "a running container is not interrupted, and the reason is said once"
running=abc
contains "$(renew_check 2>&1)" "as soon as no container runs"
renew_check 2>/dev/null
equals "$(renew_check 2>&1)" ''
it "neither is a client of the socket"
running=''
connections 03 06
no renew_check
it "nor one of the port"
connections 00 01
no renew_check
connections 00 06
it "a daemon beside a command is not restarted"
keep_mode=command renew_said=''
contains "$(renew_check 2>&1)" "after the next start"
keep_mode=daemon
it "a certificate of ours that is about to end is issued again"
again
cfg_tls_renew_days=900 cfg_tls_days=3650
yes renew_check
yes openssl x509 -noout -checkend $((3000 * 86400)) -in "$tls_cert" >"$work/said"
cfg_tls_renew_days=30
again
it "a replaced certificate that is not good is not taken"
rm -r "$DOCKER_TLS_CERTDIR/ca"
echo broken >"$tls_cert"
contains "$(renew_check 2>&1)" "is not valid"
no renew_check 2>/dev/null
it "and nothing was said where a start that fails is explained"
no test -e "$dind_root/dev/termination-log"
