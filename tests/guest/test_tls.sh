# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317 # variables shared with the files under test
load log config report tls
config_load
ip() { echo '2: eth0    inet 10.1.2.3/24 brd 10.1.2.255 scope global eth0 valid_lft forever
2: eth0    inet6 fd00::5/64 scope global'; }
put /proc/sys/kernel/hostname box
put /etc/hosts '127.0.0.1 localhost
10.1.2.3 box.example box'
certs=$work/certs
cfg_tls_san='DNS:ci.example, IP:192.0.2.1'
tls_prepare "$certs"

it "the server's certificate names every address and name, and those asked for"
equals "$tls_san" "DNS:docker DNS:localhost IP:127.0.0.1 IP:::1 DNS:box DNS:box.example IP:10.1.2.3 IP:fd00::5 DNS:ci.example IP:192.0.2.1"
it "both certificates are valid under the authority, each for its purpose only"
equals "$(openssl verify -purpose sslserver -CAfile "$certs/client/ca.pem" "$certs/server/cert.pem" >/dev/null 2>&1 && echo server) \
$(openssl verify -purpose sslclient -CAfile "$certs/server/ca.pem" "$certs/client/cert.pem" >/dev/null 2>&1 && echo client) \
$(openssl verify -purpose sslserver -CAfile "$certs/server/ca.pem" "$certs/client/cert.pem" >/dev/null 2>&1 || echo distinct)" "server client distinct"
it "keys are ECDSA P-256"
contains "$(openssl pkey -in "$certs/server/key.pem" -noout -text)" prime256v1
it "keys are for root only"
equals "$(stat -c %a "$certs/ca/key.pem" "$certs/server/key.pem" "$certs/client/key.pem" | tr '\n' ' ')" "600 600 600 "
it "no work file is left behind"
equals "$(echo "$certs/server/".[!.]* "$certs/server/"*)" "$certs/server/.[!.]* $certs/server/ca.pem $certs/server/cert.pem $certs/server/key.pem $certs/server/san"

it "no certificate is signed with the serial number of another"
equals "$(for what in ca server client; do openssl x509 -noout -serial -in "$certs/$what/cert.pem"; done | sort -u | wc -l)" 3

sum() { cksum "$certs"/*/*.pem; }
before=$(sum)
tls_prepare "$certs"
it "the next start changes nothing"
equals "$(sum)" "$before"
key=$(cksum "$certs/server/key.pem")
client=$(cksum "$certs/client/cert.pem")
cfg_tls_san=DNS:other.example
tls_prepare "$certs"
it "a new name gives a new server certificate with the same key, and leaves the client's alone"
equals "$(cksum "$certs/server/key.pem")$(cksum "$certs/client/cert.pem")" "$key$client"
contains "$(openssl x509 -noout -text -in "$certs/server/cert.pem")" DNS:other.example
it "a certificate that is about to expire is issued again"
cfg_tls_renew_days=900 cfg_tls_days=3650
before=$(cksum "$certs/client/cert.pem")
tls_prepare "$certs"
no test "$(cksum "$certs/client/cert.pem")" = "$before"
it "one that is made for a short life is issued again in its last third only"
cfg_tls_days=9
rm -r "$certs"
tls_prepare "$certs"
before=$(cksum "$certs/client/cert.pem")
tls_prepare "$certs"
equals "$(cksum "$certs/client/cert.pem")" "$before"
cfg_tls_renew_days=30 cfg_tls_days=825
it "a start that was killed half way is repaired"
rm "$certs/ca/key.pem" "$certs/ca/cert.pem" "$certs/server/key.pem"
mkdir -p "$certs/server/.new"
tls_prepare "$certs"
yes openssl verify -CAfile "$certs/client/ca.pem" "$certs/server/cert.pem" >"$work/verify"
it "the client's key can be given to a group, never to the world"
cfg_tls_client_gid=0
tls_prepare "$certs"
equals "$(stat -c %a "$certs/client/key.pem")" 640
cfg_tls_client_gid=''
it "certificates brought by the user are verified and nothing is written"
rm -r "$certs/ca"
before=$(ls -lR "$certs")
tls_prepare "$certs"
equals "$(ls -lR "$certs")" "$before"
contains "$report_decisions" '"choice":"given"'
it "a key that is not the certificate's is refused"
cp "$certs/server/key.pem" "$work/key.pem"
cp "$certs/client/key.pem" "$certs/server/key.pem"
contains "$(tls_prepare "$certs" 2>&1)" "is not the key of"
cp "$work/key.pem" "$certs/server/key.pem"
it "an incomplete set is refused"
rm "$certs/server/key.pem"
contains "$(tls_prepare "$certs" 2>&1)" "neither ca/key.pem nor all of server"
it "a certificate of another authority is served, and what clients need is said"
rm -r "$certs"
tls_prepare "$certs"
other=$work/other
tls_prepare "$other"
rm -r "$certs/ca"
cp "$other/server/ca.pem" "$certs/server/ca.pem"
contains "$(tls_prepare "$certs" 2>&1)" "clients need the authority it is of"
it "certificates between it and the authority may follow it in its file"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/root.key" -subj /CN=root \
  -out "$certs/server/ca.pem" -days 2 2>"$work/said"
printf 'basicConstraints=critical,CA:TRUE\n' >"$work/extensions"
for name in middle:root leaf:middle; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/${name%:*}.key" \
    -subj "/CN=${name%:*}" -out "$work/request" 2>"$work/said"
  issuer=$certs/server/ca.pem
  [ "$name" = middle:root ] || issuer=$work/middle.pem
  set --
  [ "$name" != middle:root ] || set -- -extfile "$work/extensions"
  openssl x509 -req -in "$work/request" -CA "$issuer" -CAkey "$work/${name#*:}.key" -set_serial 7 -days 2 \
    -out "$work/${name%:*}.pem" "$@" 2>"$work/said"
done
cat "$work/leaf.pem" "$work/middle.pem" >"$certs/server/cert.pem"
cp "$work/leaf.key" "$certs/server/key.pem"
equals "$(tls_prepare "$certs" 2>&1)" "dind: warning: $certs/server/cert.pem expires within 30 days"
it "a client's certificate that another authority issued is made again"
rm -r "$certs"
tls_prepare "$certs"
cp "$other/client/"*.pem "$certs/client/"
tls_prepare "$certs"
yes openssl verify -CAfile "$certs/server/ca.pem" "$certs/client/cert.pem" >"$work/said" 2>&1
it "a complete directory that cannot be written is used as it is"
(
  tls_writable() { false; }
  rm "$certs/server/san"
  before=$(ls -lR "$certs")
  tls_prepare "$certs"
  equals "$(ls -lR "$certs")" "$before"
)
it "an address with a peer is the own one, not the peer's"
(
  ip() { echo '2: tun0    inet 10.8.0.2 peer 10.8.0.1/32 scope global tun0'; }
  tls_names
  contains " $tls_san " ' IP:10.8.0.2 '
)
it "an openssl whose requests cannot be signed at once makes the same certificates in two calls each"
rm -r "$certs"
(
  openssl() {
    case " $* " in
      ' version ') echo 'OpenSSL 1.1.1w  11 Sep 2023' ;;
      *' req '*' -CA '*) return 1 ;;
      *) command openssl "$@" ;;
    esac
  }
  tls_prepare "$certs"
)
equals "$(openssl verify -purpose sslserver -CAfile "$certs/client/ca.pem" "$certs/server/cert.pem" >/dev/null 2>&1 && echo server) \
$(openssl verify -purpose sslclient -CAfile "$certs/server/ca.pem" "$certs/client/cert.pem" >/dev/null 2>&1 && echo client)" "server client"
it "and where they can, one call each"
rm -r "$certs"
case $(openssl version) in
  'OpenSSL '[3-9].*)
    (
      openssl() {
        [ "$1" = version ] || echo "$1" >>"$work/calls"
        command openssl "$@"
      }
      tls_prepare "$certs"
    )
    equals "$(sort "$work/calls" | uniq -c | tr -s ' ')" " 3 req"
    ;;
esac
it "RSA keys can be asked for"
cfg_tls_key=rsa
rm -rf "$certs"
tls_prepare "$certs"
contains "$(openssl pkey -in "$certs/server/key.pem" -noout -text)" "3072 bit"
cfg_tls_key=ecdsa
it "a start that finds them good asks openssl once"
rm -rf "$certs"
tls_prepare "$certs"
(
  rm -f "$work/calls"
  openssl() {
    echo "$1" >>"$work/calls"
    command openssl "$@"
  }
  tls_prepare "$certs"
  equals "$(cat "$work/calls")" verify
)
it "a team's authority that is itself below another one stays"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$certs/ca/key.pem" -subj /CN=team \
  -out "$work/request" 2>"$work/said"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$work/root.key" -subj /CN=root \
  -out "$work/root.pem" -days 900 2>"$work/said"
openssl x509 -req -in "$work/request" -CA "$work/root.pem" -CAkey "$work/root.key" -set_serial 7 -days 900 \
  -extfile "$work/extensions" -out "$certs/ca/cert.pem" 2>"$work/said"
authority=$(cksum "$certs/ca/"*)
tls_prepare "$certs"
equals "$(cksum "$certs/ca/"*)" "$authority"
yes openssl verify -partial_chain -CAfile "$certs/ca/cert.pem" "$certs/server/cert.pem" >"$work/said" 2>&1
before=$(sum)
tls_prepare "$certs"
equals "$(sum)" "$before"
it "beside the other steps of a start they are made as well, and the report says so"
rm -rf "$certs"
report_decisions='' report_timings=''
tls_begin "$certs"
tls_end
contains "$report_decisions" "\"choice\":\"ecdsa\",\"tried\":[],\"reason\":\"issued: ca server client"
contains "$report_timings" '"tls":'
yes openssl verify -CAfile "$certs/client/ca.pem" "$certs/server/cert.pem" >"$work/said" 2>&1
it "and a failure beside them ends the start with its reason"
rm "$certs/ca/key.pem" "$certs/server/key.pem"
DOCKER_TLS_CERTDIR=$certs
contains "$(
  tls_begin "$certs"
  tls_end 2>&1
)" "dind: error: $certs has ca/cert.pem but neither"
it "one that was killed is a failure too"
rm -rf "$certs"
contains "$(
  tls_prepare() { sleep 60; }
  tls_begin "$certs"
  kill -KILL $tls_job
  tls_end 2>&1
)" "ended with status 137"
