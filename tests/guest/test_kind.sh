# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2031,SC2030 # variables shared with the files under test, cases in subshells
load log config report hooks ready supervise tls network kind
stop_signal='' data_root=$work/data socket=/run/docker.sock
mkdir -p "$data_root" "$work/bin"
ip() {
  echo '2: docker0    inet 172.17.0.1/16 brd x'
  echo '9: eth0    inet 10.1.2.3/24 brd x'
}
put /proc/sys/kernel/hostname pod-1
put /proc/net/route 'Iface	Destination	Gateway	Flags	RefCnt	Use	Metric	Mask
eth0	00000000	0100000A	0003	0	0	0	00000000'
config_load

it "without words of anybody the cluster has the names of the container, and the defaults of the recipe"
kind_load
kind_names
contains "$kind_sans" ' 10.1.2.3 '
contains "$kind_sans" ' pod-1 '
contains "$kind_sans" ' localhost '
equals "$kind_outside" 10.1.2.3
kind_config
contains "$(cat "$kind_file")" 'apiServerPort: 30001'
contains "$(cat "$kind_file")" 'podSubnet: "10.245.0.0/16"'
contains "$(cat "$kind_file")" 'cgroupRoot: /kubelet'
lacks "$(cat "$kind_file")" worker

it "the recipe's workers are nodes, and its names are in the certificate with those of the environment"
(
  recipe_kind_workers=2 recipe_kind_san='DNS:k8s.example.com IP:10.0.0.1 '
  API_SERVER_ADDRESS=192.0.2.7 CERT_SANS='a.example.com,b.example.com 10.1.2.3'
  kind_load
  kind_names
  equals "$kind_outside" 192.0.2.7
  for name in k8s.example.com 10.0.0.1 192.0.2.7 a.example.com b.example.com; do
    contains "$kind_sans" " $name "
  done
  equals "$(echo "$kind_sans" | tr ' ' '\n' | grep -cx 10.1.2.3)" 1
  kind_config
  equals "$(grep -c 'role: worker' "$kind_file")" 2
)

it "what could break out of the configuration is refused by its variable"
contains "$( (CERT_SANS='a"b' kind_load) 2>&1)" "CERT_SANS has names"
contains "$( (CERT_SANS=API.example.com kind_load) 2>&1)" "in small letters"
contains "$( (API_SERVER_ADDRESS=10.0.0.1:30001 kind_load) 2>&1)" "without a port"
contains "$( (API_SERVER_ADDRESS='x
- y' kind_load) 2>&1)" "API_SERVER_ADDRESS has names"
contains "$( (KIND_CLUSTER_NAME='../x' kind_load) 2>&1)" "KIND_CLUSTER_NAME must be"
contains "$( (DIND_KIND_WAIT=soon kind_load) 2>&1)" "DIND_KIND_WAIT must be"

it "a host name that kubeadm would refuse is left out or written as it wants"
(
  put /proc/sys/kernel/hostname CI_Runner
  kind_names
  lacks "$kind_sans" unner
  put /proc/sys/kernel/hostname Runner
  kind_names
  contains "$kind_sans" ' runner '
)

it "a cluster that no start has made is not removed"
(
  own_docker() { echo mine; }
  kind_do() { echo "not ok $*"; }
  kind_load
  no kind_run
  contains "$failure" "no start of this image has made"
)

it "DIND_KIND=off leaves the cluster out"
(
  DIND_KIND=off
  kind_load
  kind_nodes() { echo "not ok asked for nodes"; }
  yes kind_run
)

it "a configuration of the user's own is taken as it is"
(
  DIND_KIND_CONFIG=$work/own.yaml
  kind_load
  failure=''
  no kind_run
  contains "$failure" "own.yaml cannot be read"
  echo 'kind: Cluster' >"$work/own.yaml"
  kind_config
  equals "$kind_file" "$work/own.yaml"
)

it "a node that is not ready is named, and one without conditions is none that is"
kind_client() {
  case $1 in
    /healthz) echo ok ;;
    *) echo "$NODES" ;;
  esac
}
node() { echo "{\"metadata\":{\"name\":\"$1\"},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"$2\"}]}}"; }
NODES="{\"items\":[$(node a True),$(node b False)]}"
no kind_look
equals "$kind_state" "not ready: b"
NODES="{\"items\":[$(node a True)]}"
yes kind_look
NODES='{"items":[]}'
no kind_look
equals "$kind_state" "it has no node"

it "names that a certificate of an earlier start lacks are found, each once"
kind_note=$work/note
echo " localhost 10.1.2.3 " >"$kind_note"
cfg_kind_san=' localhost 10.9.9.9' cfg_kind_address=10.9.9.9
kind_lacks
equals "$kind_missing" " 10.9.9.9"

it "they are put beside those of kubeadm's configuration, as these are written, and nowhere else"
printf '#!/bin/sh\necho "$*" >%s\n' "$work/kubeadm.said" >"$work/bin/kubeadm"
chmod 755 "$work/bin/kubeadm"
put /kind/kubeadm.conf 'apiServer:
  certSANs:
  - localhost
  - 0.0.0.0
  extraArgs:
  - name: x'
PATH=$work/bin:$PATH KIND_CONF=$dind_root/kind/kubeadm.conf KIND_PKI=$work sh "$cluster_part/usr/lib/dind/kind-renew" 10.9.9.9 a.example.com
equals "$(cat "$dind_root/kind/kubeadm.conf")" 'apiServer:
  certSANs:
  - "10.9.9.9"
  - "a.example.com"
  - localhost
  - 0.0.0.0
  extraArgs:
  - name: x'
it "a certificate that cannot be made leaves the old one"
echo old >"$work/apiserver.crt"
printf '#!/bin/sh\nexit 1\n' >"$work/bin/kubeadm.fails"
mkdir -p "$work/failing"
cp "$work/bin/kubeadm.fails" "$work/failing/kubeadm"
chmod 755 "$work/failing/kubeadm"
before=$(cat "$dind_root/kind/kubeadm.conf")
no env PATH="$work/failing:$PATH" KIND_CONF="$dind_root/kind/kubeadm.conf" KIND_PKI="$work" \
  sh "$cluster_part/usr/lib/dind/kind-renew" bad.example.com
equals "$(cat "$work/apiserver.crt")" old
equals "$(cat "$dind_root/kind/kubeadm.conf")" "$before"
it "kubeadm is asked for that certificate alone"
contains "$(cat "$work/kubeadm.said")" 'init phase certs apiserver --config'

it "a program that fails is told with its last words, and one that takes too long is ended"
contains "$(kind_do 5 sh -c 'echo first; echo why; exit 3' 2>/dev/null || echo "$failure")" "ended with status 3: first why"
contains "$(kind_do 1 sleep 20 20 2>/dev/null || echo "$failure")" "did not end within 1 s"
