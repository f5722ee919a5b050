# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317 # variables and functions shared with the files under test
load log config report device
config_load
cfg_run_dir=$work cfg_storage_device=$work/device
blockdev() { stat -c %s "$2"; }

it "a device that nobody has written to is blank, and one with any mark at its start is not"
truncate -s 4M "$work/device"
yes device_blank
no test -e "$work/device.ends"
truncate -s 9M "$work/device"
printf x | dd of="$work/device" bs=1 seek=9437183 conv=notrunc 2>/dev/null
no device_blank
rm "$work/device"
truncate -s 4M "$work/device"
printf x | dd of="$work/device" bs=1 seek=1048576 conv=notrunc 2>/dev/null
no device_blank

it "a device that cannot be read ends the start: it could have data on it"
(
  cfg_storage_device=$work/nowhere
  die() {
    echo "$1" >"$work/said"
    exit 1
  }
  device_blank
) 2>/dev/null && no true
equals "$(cat "$work/said")" "cannot read the size of $work/nowhere"

it "what is no block device is refused, and without a word of it nothing is mounted"
(
  die() {
    echo "$1" >"$work/said"
    exit 1
  }
  device_mount
) && no true
yes grep -q 'is no block device here' "$work/said"
cfg_storage_device=''
yes device_mount
