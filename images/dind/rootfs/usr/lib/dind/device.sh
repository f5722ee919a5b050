# shellcheck shell=sh
# shellcheck disable=SC2154 # the files of this directory share their variables
# A block device of the container's own for the data directory: an overlay works on it whatever the volumes are made of.

# Bytes at the start and at the end of a device that are zero on one that nobody has written: file systems, volume
# managers and partition tables have their marks at the start, old arrays of disks theirs at the end.
device_part=2097152

# device_mount: ext4 on DIND_STORAGE_DEVICE over the data directory; made where the device is blank, and only there.
# Before the lock is taken, which so lies on the device: two containers of one machine cannot use it at once.
device_mount() {
  [ -n "$cfg_storage_device" ] || return 0
  [ -b "$cfg_storage_device" ] || die "DIND_STORAGE_DEVICE names $cfg_storage_device, which is no block device here"
  [ -d "$data_root" ] || mkdir -p "$data_root" || die "cannot make the data directory $data_root"
  if grep -q "^$cfg_storage_device $data_root " /proc/mounts; then
    return 0
  fi
  # Where the outer container has a mount shared with its host, this one would show there, and stay.
  mount --make-private "$data_root" 2>/dev/null ||
    { mount --bind "$data_root" "$data_root" && mount --make-private "$data_root"; } ||
    die "cannot keep mounts on $data_root from the host"
  if device_blank; then
    log "storage: making an ext4 on $cfg_storage_device"
    mkfs.ext4 -q -E lazy_itable_init=1,lazy_journal_init=1 "$cfg_storage_device" >&2 ||
      die "cannot make an ext4 on $cfg_storage_device"
  fi
  device_error=$(mount -t ext4 "$cfg_storage_device" "$data_root" 2>&1) && return 0
  # Once, for a file system that was not unmounted.
  e2fsck -p "$cfg_storage_device" >&2 || :
  device_error=$(mount -t ext4 "$cfg_storage_device" "$data_root" 2>&1) ||
    die "cannot mount $cfg_storage_device on $data_root: $device_error
it has to be an ext4, or blank: what is on it is left as it is"
}

# device_blank: whether nobody has written to the device's ends. What cannot be read is not blank.
device_blank() {
  device_file=$cfg_run_dir/device.ends
  device_size=$(blockdev --getsize64 "$cfg_storage_device") || die "cannot read the size of $cfg_storage_device"
  device_last=$((device_size / device_part - 1))
  [ "$device_last" -ge 0 ] || die "$cfg_storage_device has $device_size bytes: too few for the data of a daemon"
  { head -c "$device_part" "$cfg_storage_device" &&
    dd if="$cfg_storage_device" bs="$device_part" skip="$device_last" 2>/dev/null; } >"$device_file" ||
    die "cannot read $cfg_storage_device"
  device_left=$(tr -d '\000' <"$device_file" | head -c 1 | wc -c)
  rm -f "$device_file"
  [ "$device_left" -eq 0 ]
}
