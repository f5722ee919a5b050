# shellcheck shell=sh
# Second stage, in the root file system of the image under test: a host with the control groups that were asked for,
# and an engine that has the image. What the lab has to know goes to the second serial port, lines "SECONDS WORD TEXT".
set -u
exec 3>/dev/ttyS1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
lab=/lab
"$lab/busybox" stty -F /dev/ttyS1 raw

say() {
  read -r now _ </proc/uptime
  echo "$now $*" >&3
}

fail() {
  say failed "$*"
  sleep 600
  exit 1
}

# certificates: an authority, the daemon's and a client's, which the lab gets through the serial port.
certificates() {
  cd "$lab/tls" || return 1
  # Some commands of OpenSSL 3 read the authorities of the whole system before they begin.
  export SSL_CERT_FILE=/dev/null
  new='req -config ../openssl.cnf -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 30'
  # shellcheck disable=SC2086 # a list of words
  openssl $new -x509 -extensions ca -subj /CN=lab-authority -keyout ca-key.pem -out ca.pem || return 1
  for name in server client; do
    # shellcheck disable=SC2086
    openssl $new -new -subj "/CN=lab-$name" -keyout "$name-key.pem" -out "$name.csr" || return 1
    openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca-key.pem -set_serial "0x$(printf %s "$name" | od -An -tx1 | tr -d ' ')" \
      -days 30 -extfile ../openssl.cnf -extensions "$name" -out "$name.pem" || return 1
  done
}

# tell NAME FILE: a file in one line.
tell() {
  say file "$1" "$("$lab/busybox" base64 -w 0 "$2")"
}

# version_1: every controller that the kernel has, mounted as systemd does it.
version_1() {
  mount -t tmpfs -o mode=755 tmpfs "$groups"
  for set in cpu,cpuacct net_cls,net_prio cpuset memory devices freezer blkio perf_event hugetlb pids rdma misc; do
    mkdir "$groups/$set"
    if mount -t cgroup -o "$set" cgroup "$groups/$set" 2>/dev/null; then
      case $set in
        *,*)
          ln -s "$set" "$groups/${set%,*}"
          ln -s "$set" "$groups/${set#*,}"
          ;;
        memory) echo 1 >"$groups/memory/memory.use_hierarchy" || : ;;
      esac
    else
      rmdir "$groups/$set"
    fi
  done
  for set in cpu memory devices pids; do
    [ -d "$groups/$set" ] || fail "this kernel does not have the controller $set in version 1 of control groups"
  done
  mkdir "$groups/systemd"
  mount -t cgroup -o none,name=systemd cgroup "$groups/systemd"
  leaf "$groups/systemd"
}

# version_2 DIR: as systemd mounts it: options, and every controller that is left on.
version_2() {
  mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 "$1" || mount -t cgroup2 -o nsdelegate cgroup2 "$1" ||
    fail "this kernel mounts no version 2 of control groups"
  read -r controllers <"$1/cgroup.controllers" || controllers=''
  for controller in $controllers; do
    echo "+$controller" >"$1/cgroup.subtree_control"
  done
  leaf "$1"
}

# leaf DIR: nothing of the user's is in the root.
leaf() {
  mkdir "$1/system.slice"
  echo $$ >"$1/system.slice/cgroup.procs"
}

say stage "control groups"
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
groups=/sys/fs/cgroup
read -r layout <"$lab/layout"
case $layout in
  v2) version_2 "$groups" ;;
  v1) version_1 ;;
  hybrid)
    version_1
    mkdir "$groups/unified"
    version_2 "$groups/unified"
    ;;
esac
mount --make-rshared /

say stage "disks and network"
mkdir -p "$lab/tls"
certificates >"$lab/tls/log" 2>&1 &
certificates=$!
mkfs.ext4 -q -F -m 0 -O ^has_journal -E lazy_itable_init=1 /dev/vda || fail "mkfs.ext4 of the image does not work"
mkdir -p /var/lib/docker
mount -t ext4 /dev/vda /var/lib/docker || fail "the disk cannot be mounted"
# The daemon finds the image in its store; the trees are those that the root file system is made of.
cp -a "$lab/docker/." /var/lib/docker
# But a program's capabilities are an attribute, which an initramfs does not have: such a layer goes to the disk.
if [ -s "$lab/capabilities" ]; then
  command -v debugfs >/dev/null || fail "the image has no debugfs, which sets the capabilities of its programs"
  while read -r number name place; do
    [ "$place" = memory ] || cp -a "/layers/$number/." "/var/lib/docker/overlay2/$name/diff"
  done <"$lab/layers"
  umount /var/lib/docker
  debugfs -w -f "$lab/capabilities" /dev/vda >/run/debugfs.log 2>&1
  # It ends with 0 whatever has happened.
  if grep '^ea_set:' /run/debugfs.log; then
    fail "debugfs of the image sets no capabilities of its programs: $(tail -n 1 /run/debugfs.log)"
  fi
  mount -t ext4 /dev/vda /var/lib/docker || fail "the disk cannot be mounted again"
fi
while read -r number name place; do
  [ "$place" = disk ] || mount --bind "/layers/$number" "/var/lib/docker/overlay2/$name/diff"
done <"$lab/layers"
while read -r tag; do
  mkdir -p "$lab/share/$tag"
  mount -t virtiofs "$tag" "$lab/share/$tag" || fail "virtiofs $tag cannot be mounted"
done <"$lab/shares"
ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
echo 'nameserver 10.0.2.3' >/etc/resolv.conf
hostname lab
wait "$certificates" || fail "openssl of the image makes no certificates: $(tail -n 3 "$lab/tls/log" | tr '\n' ' ')"
tell ca.pem "$lab/tls/ca.pem"
tell cert.pem "$lab/tls/client.pem"
tell key.pem "$lab/tls/client-key.pem"

say stage "dockerd"
dockerd --host unix:///var/run/docker.sock --host tcp://0.0.0.0:2376 --exec-opt native.cgroupdriver=cgroupfs \
  --storage-driver overlay2 --tlsverify --tlscacert "$lab/tls/ca.pem" --tlscert "$lab/tls/server.pem" \
  --tlskey "$lab/tls/server-key.pem" >/run/dockerd.log 2>&1 &
dockerd=$!
tries=0
until docker version >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ $tries -gt 120 ] || ! kill -0 "$dockerd" 2>/dev/null; then
    tail -n 20 /run/dockerd.log
    fail "dockerd of the image does not answer"
  fi
  sleep 0.5
done

say ready
# The first process also waits for those whose parents have ended: the shell does so while a program runs.
while :; do
  /bin/sleep 1
done
