# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report args engine storage lock
config_load
config_storage_driver='' config_snapshotter='' engine_config=/etc/docker/daemon.json
engine_help='      --storage-driver string'
unset DOCKER_DRIVER DIND_STORAGE
storage_outcome=$work/outcome
true >"$storage_outcome"
mounts='' data_root=$work/data
mkdir -p "$data_root"
overlay=yes
storage_overlay() {
  storage_error='an overlay with its upper layer here is refused'
  [ "$overlay" = yes ]
}
storage_containerd() { :; }
storage_rung_loop() {
  storage_error='mkfs.ext4 is not in this image'
  return 1
}
storage_rung_tmpfs() { storage_use overlay2 tmpfs; }
again() { dockerd_flags='' report_decisions='' report_tried='' cfg_storage=$1; }

it "a working overlay is named to dockerd, which would choose by itself otherwise"
again overlay2
storage_prepare
equals "$dockerd_flags" "--storage-driver=overlay2
"
it "what was probed beside other steps is not probed again, neither when it worked nor when it did not"
(
  calls=''
  storage_overlay() {
    storage_error=''
    [ "$1" = "$data_root" ] || storage_error='no room at all'
    echo "$1" >>"$work/probed"
    [ -z "$storage_error" ]
  }
  storage_begin
  storage_end
  yes storage_overlay_begun "$data_root"
  if [ -d /var/lib/containerd ]; then
    no storage_overlay_begun /var/lib/containerd
    equals "$storage_error" 'no room at all'
  fi
  equals "$(sort "$work/probed" | uniq -d)" ''
)
it "a rung that mounts over the data directory waits for the probe in it"
(
  storage_overlay() {
    storage_error=''
    sleep 0.3
    true >"$work/probe-ended"
  }
  storage_rung_tmpfs() {
    yes test -e "$work/probe-ended"
    storage_use overlay2 tmpfs
  }
  storage_begin
  again tmpfs
  storage_prepare
  contains "$dockerd_flags" overlay2
)
it "a probe that was killed beside them is made again"
(
  storage_overlay() {
    sleep 60
  }
  storage_begin
  kill -KILL "$storage_job"
  storage_end 2>/dev/null
  storage_overlay() { storage_error=''; }
  yes storage_overlay_begun "$data_root" 2>/dev/null
)
it "the file system below a directory is that of the nearest mount, the last one made there"
(
  mounts='/ overlay 0:5 rw
/var ext4 8:1 rw
/var xfs 8:2 rw
/var/library btrfs 8:3 rw
'
  storage_kind /var/lib/docker
  equals "$kind" xfs
  storage_kind /srv
  equals "$kind" overlay
  storage_kind /var/library
  equals "$kind" btrfs
)
it "two volumes of one file system are probed once, others each"
(
  calls=''
  storage_overlay() { calls="$calls|$1"; }
  mounts='/data 8:1 rw
/more 8:1 rw
/other 8:1 ro
/far 8:2 rw
'
  for directory in /data /more /other /far /plain /plain; do
    storage_overlay_shared "$directory"
  done
  equals "$calls" '|/data|/other|/far|/plain|/plain'
)
it "and one on which it failed is probed again, for its reason"
(
  calls=''
  storage_overlay() {
    calls="$calls|$1"
    return 1
  }
  mounts='/data 8:1 rw
/more 8:1 rw
'
  no storage_overlay_shared /data
  no storage_overlay_shared /more
  equals "$calls" '|/data|/more'
)
it "no rung left is an error, never vfs"
overlay=no
again 'overlay2 loop'
contains "$(storage_prepare 2>&1)" "no storage driver works on $data_root"
it "the ladder goes on where the recipe allows it"
again 'overlay2, loop,tmpfs'
storage_prepare
contains "$report_decisions" '"choice":"overlay2","tried":[{"choice":"overlay2","result":"an overlay'
it "a driver named in the arguments is not given a second time"
overlay=yes
again overlay2
storage_prepare --storage-driver overlay2
equals "$dockerd_flags" ''
it "a driver named in the arguments is probed"
overlay=no
again overlay2
contains "$(storage_prepare --storage-driver overlay2 2>&1)" "--storage-driver asks for overlay2"
it "vfs by name is used, with a warning"
DOCKER_DRIVER=vfs
again overlay2
contains "$(storage_prepare 2>&1)" "vfs copies every layer"
unset DOCKER_DRIVER
it "a driver of the configuration file is left to it"
overlay=yes
config_storage_driver=overlay2
again overlay2
storage_prepare
equals "$dockerd_flags" ''
config_storage_driver=''
it "an unknown rung is refused"
again aufs
contains "$(storage_prepare 2>&1)" "not 'aufs'"
it "Docker 29 keeps images in containerd, where the driver is overlayfs"
recipe_engine_version=29.1.0
storage_driver_name
equals "$driver" overlayfs
it "a data directory of the older store stays with overlay2"
mkdir -p "$data_root/image/overlay2"
storage_driver_name
equals "$driver" overlay2

exec_root=$work/exec
pid_file=$work/docker.pid
mkdir -p "$exec_root/containerd"
it "pid files of a killed daemon are removed, containerd's too"
echo 999999999 >"$pid_file"
echo 999999999 >"$exec_root/containerd/containerd.pid"
stale_remove
no test -e "$pid_file" -o -e "$exec_root/containerd/containerd.pid"
it "a data directory that is in use is refused after the wait"
cfg_lock_wait=0
exec 8>>"$data_root/.dind.lock"
flock -n 8
contains "$(lock_take 2>&1)" "is in use by another container of this kind"
it "a data directory that was in use can be taken afterwards"
exec 8>&-
equals "$(lock_take 2>&1 && echo taken)" taken
it "the open database of another daemon is noticed"
mkdir -p "$data_root/volumes"
exec 8>>"$data_root/volumes/metadata.db"
flock -n 8
contains "$(lock_take 2>&1)" "in use by another daemon, which has volumes/metadata.db open"
exec 8>&-
