#!/bin/busybox sh
# First stage, out of the initramfs: the modules, and the layers of the image under test as the root file system.
busybox=/bin/busybox
$busybox mkdir -p /proc /sys /dev /root
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sysfs /sys
$busybox mount -t devtmpfs devtmpfs /dev
while read -r module; do
  $busybox insmod "/modules/$module.ko" || echo "lab: module $module cannot be loaded"
done </modules/order
$busybox rm -rf /modules
# As udev leaves it: everybody's.
[ ! -c /dev/net/tun ] || $busybox chmod 666 /dev/net/tun
# As Docker puts them over each other: the last is on top.
layers=''
while read -r number _; do
  layers=/layers/$number${layers:+:$layers}
done </lab/layers
$busybox mkdir /top
$busybox mount -t tmpfs tmpfs /top
$busybox mkdir /top/upper /top/work
$busybox mount -t overlay -o "lowerdir=$layers,upperdir=/top/upper,workdir=/top/work" overlay /root
for path in proc sys dev lab layers; do
  $busybox mkdir -p "/root/$path"
done
for path in lab layers; do
  $busybox mount --bind "/$path" "/root/$path"
done
for path in proc sys dev; do
  $busybox mount --move "/$path" "/root/$path"
done
# As switch_root does it, which would delete the layers: they lie in the file system that is left.
cd /root || exit 1
$busybox mount --move . /
exec $busybox chroot . /lab/busybox sh /lab/boot.sh
