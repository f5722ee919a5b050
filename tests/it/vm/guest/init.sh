#!/bin/busybox sh
# First stage: the modules, the disk, and the layers of the image under test as the root file system.
busybox=/bin/busybox
$busybox mkdir -p /proc /sys /dev /disk /layer /root
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sysfs /sys
$busybox mount -t devtmpfs devtmpfs /dev
while read -r module; do
  $busybox insmod "/modules/$module.ko" || echo "lab: module $module cannot be loaded"
done </modules/order
$busybox mount -t ext4 /dev/vda /disk
# Of the data directory only the images are taken over: the rest belongs to the daemon that loaded them.
for path in /disk/*; do
  case $path in
    */image | */overlay2) ;;
    *) $busybox rm -rf "$path" ;;
  esac
done
$busybox mount -t tmpfs tmpfs /layer
$busybox mkdir /layer/upper /layer/work
cd /disk || exit 1
read -r layers </vm/layers
$busybox mount -t overlay -o "lowerdir=$layers,upperdir=/layer/upper,workdir=/layer/work" overlay /root
$busybox mkdir -p /root/vm
$busybox mount -t tmpfs tmpfs /root/vm
$busybox cp -a /vm/. /root/vm
$busybox mount --move /disk /root/var/lib/docker
for path in proc sys dev; do
  $busybox mount --move "/$path" "/root/$path"
done
cd /root && exec $busybox switch_root /root /bin/sh /vm/boot.sh
