# shellcheck shell=sh
# Second stage, in the root file system of the image under test: a host with version 2 of control groups, an engine,
# and the scenarios, whose outcome goes to the second serial port.
set -u
exec 3>/dev/ttyS1
stty -F /dev/ttyS1 raw
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root

mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
# As systemd does it: options, every controller on, nothing of the user's in the root, everything shared.
mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
read -r controllers </sys/fs/cgroup/cgroup.controllers
for controller in $controllers; do
  echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
done
mkdir /sys/fs/cgroup/system.slice
echo $$ >/sys/fs/cgroup/system.slice/cgroup.procs
mount --make-rshared /
ip link set lo up
hostname lab

finish() {
  echo "=== done" >&3
  sync
  # The machine is started with -no-reboot.
  echo b >/proc/sysrq-trigger
  sleep 60
}

dockerd --host unix:///var/run/docker.sock --exec-opt native.cgroupdriver=cgroupfs --storage-driver overlay2 \
  --add-runtime oom-group=/vm/oom-group >/run/dockerd.log 2>&1 &
tries=0
until docker version >/dev/null 2>&1; do
  tries=$((tries + 1))
  if [ $tries -gt 60 ]; then
    echo "lab: dockerd does not answer"
    tail -n 100 /run/dockerd.log
    finish
  fi
  sleep 1
done

read -r scenarios </vm/scenarios
for scenario in $scenarios; do
  read -r began _ </proc/uptime
  echo "=== begin $scenario" >&3
  mkdir -p "/tmp/$scenario"
  {
    timeout 600 sh /vm/harness.sh "/vm/$scenario.sh" "/tmp/$scenario" 2>&1
    echo $? >/tmp/code
  } | sed -u 's/^/| /' >&3
  read -r ended _ </proc/uptime
  echo "=== end $scenario $(cat /tmp/code) $((${ended%.*} - ${began%.*}))" >&3
  for container in $(docker ps -aq); do
    docker rm -fv "$container"
  done
done
finish
