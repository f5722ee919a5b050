# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# A storage driver that is known to work on the data directory. Left alone, dockerd degrades to vfs in silence.

# Further options of an overlay.
storage_options=''

# storage_overlay DIR: whether an overlay with its upper layer in DIR can be used as a driver uses it: a mount that
# succeeds may still lack whiteouts (character devices) or opaque directories (trusted attributes).
storage_overlay() {
  probe=$1/.dind-probe
  [ ! -e "$probe" ] || rm -rf "$probe"
  mkdir -p "$probe/lower/dir" "$probe/upper" "$probe/work" "$probe/merged" 2>/dev/null || {
    storage_error="cannot write to $1"
    return 1
  }
  true >"$probe/lower/file"
  storage_error=''
  if ! mount -t overlay -o "lowerdir=$probe/lower,upperdir=$probe/upper,workdir=$probe/work$storage_options" overlay \
    "$probe/merged" 2>/dev/null; then
    storage_error='an overlay with its upper layer here is refused'
  else
    if ! { rm -r "$probe/merged/file" "$probe/merged/dir" && mkdir "$probe/merged/dir"; } 2>/dev/null ||
      [ ! -c "$probe/upper/file" ]; then
      storage_error='an overlay can be mounted but files cannot be deleted in it'
    fi
    umount "$probe/merged" 2>/dev/null || umount -l "$probe/merged"
  fi
  rm -rf "$probe"
  [ -z "$storage_error" ]
}

# storage_mount DIR: type, device and options of the mount that DIR is, in $storage_mount; status 1 when it is none.
storage_mount() {
  storage_mount=''
  case $engine_newline$mounts in
    *"$engine_newline$1 "*) ;;
    *) return 1 ;;
  esac
  # The last one is on top.
  storage_mount=$engine_newline$mounts
  storage_mount=${storage_mount##*"$engine_newline$1 "}
  storage_mount=${storage_mount%%"$engine_newline"*}
}

# storage_begin: the probe of both data directories, beside the next steps. Its outcome goes to a file, lines
# "DIR ERROR", without an error where it works.
storage_begin() {
  storage_outcome=$cfg_run_dir/storage.outcome
  true >"$storage_outcome" || die "cannot write $storage_outcome"
  (
    for directory in "$data_root" /var/lib/containerd; do
      [ -d "$directory" ] || continue
      storage_overlay_shared "$directory" || :
      echo "$directory $storage_error" >>"$storage_outcome"
    done
  ) 9>&- &
  storage_job=$!
}
storage_job=''

# storage_overlay_shared DIR: storage_overlay, unless it has worked on a mount of the same file system: two volumes of
# one host as a rule are.
storage_overlay_shared() {
  if storage_mount "$1" && [ "$storage_mount" = "$storage_worked" ]; then
    storage_error=''
    return 0
  fi
  storage_overlay "$1" || return 1
  storage_worked=$storage_mount
}
storage_worked=''

# storage_end: waits for the probe, which no rung may mount something over.
storage_end() {
  [ -z "$storage_job" ] || wait "$storage_job" || :
  storage_job=''
}

# storage_overlay_begun DIR: the outcome of the probe there, which has ended.
storage_overlay_begun() {
  while read -r directory storage_error; do
    if [ "$directory" = "$1" ]; then
      [ -z "$storage_error" ]
      return
    fi
  done <"$storage_outcome"
  # It was killed.
  storage_overlay "$1"
}

# storage_kind DIR: the type of the file system below DIR in $kind, for the report only; the probe decides.
storage_kind() {
  kind_directory=$1
  while ! storage_mount "$kind_directory"; do
    case $kind_directory in
      /)
        kind=unknown
        return 0
        ;;
    esac
    kind_directory=${kind_directory%/*}
    kind_directory=${kind_directory:-/}
  done
  kind=${storage_mount%% *}
}

# storage_driver_name: what the overlay driver is called in $driver. Docker 29 keeps new images in containerd, whose
# snapshotter is overlayfs; a data directory with images of the older store stays with overlay2.
storage_driver_name() {
  driver=overlay2
  if [ -d "$data_root/image/overlay2" ]; then
    return 0
  fi
  case $config_snapshotter in
    true) driver=overlayfs ;;
    false) ;;
    *) if engine_is_from 29; then driver=overlayfs; fi ;;
  esac
}

# storage_prepare ARG...: decide for both data directories and tell dockerd.
storage_prepare() {
  storage_end
  storage_containerd
  storage_prior "$@"
  if [ -n "$prior" ]; then
    storage_asked
  else
    storage_ladder
  fi
}

# storage_prior ARG...: a driver that the user or the recipe names, in $prior and $prior_by.
storage_prior() {
  prior='' prior_by=''
  if args_value storage-driver s "$@"; then
    prior=$arg_value prior_by=--storage-driver
    # dockerd lets the variable win over its argument.
    unset DOCKER_DRIVER
  elif [ -n "${DOCKER_DRIVER:-}" ]; then
    prior=$DOCKER_DRIVER prior_by=DOCKER_DRIVER
  elif [ -n "$config_storage_driver" ] && [ -z "${DIND_STORAGE:-}" ]; then
    prior=$config_storage_driver prior_by=$engine_config
  fi
}

# storage_asked: a named driver is not replaced, but one that cannot work is refused here and not by a half start.
storage_asked() {
  storage_kind "$data_root"
  case $prior in
    overlay | overlay2 | overlayfs)
      storage_overlay_begun "$data_root" || {
        report_tried storage "$prior" "$storage_error ($kind)"
        die "$prior_by asks for $prior, but on $data_root ($kind) $storage_error
put a volume on $data_root, or set DIND_STORAGE to loop, tmpfs or fuse-overlayfs and remove $prior_by"
      }
      report_tried storage "$prior" works
      ;;
    vfs | native) warn "$prior copies every layer: slow, and large; used because $prior_by says so" ;;
    fuse-overlayfs)
      storage_fuse || {
        report_tried storage "$prior" "$storage_error ($kind)"
        die "$prior_by asks for $prior, but $storage_error"
      }
      report_tried storage "$prior" works
      ;;
    btrfs | zfs) warn "$prior keeps subvolumes on $data_root, which outlive this container; used because $prior_by says so" ;;
  esac
  report_decision storage "$prior" "named by $prior_by, on $kind"
}

# storage_ladder: the first rung that holds.
storage_ladder() {
  storage_kind "$data_root"
  under=$kind
  storage_saved_ifs=$IFS
  IFS=' ,'
  # shellcheck disable=SC2086 # a list of words
  set -- $cfg_storage
  IFS=$storage_saved_ifs
  for rung; do
    case $rung in
      overlay2 | overlayfs) storage_rung_overlay "$data_root" && return 0 ;;
      loop) storage_rung_loop && return 0 ;;
      tmpfs) storage_rung_tmpfs && return 0 ;;
      fuse-overlayfs) storage_rung_fuse && return 0 ;;
      vfs | native)
        warn "$rung copies every layer: slow, and large; used because DIND_STORAGE says so"
        storage_use "$rung" "asked for by name"
        return 0
        ;;
      *) die "DIND_STORAGE knows overlay2, loop, tmpfs, fuse-overlayfs, vfs and native, not '$rung'" ;;
    esac
    report_tried storage "$rung" "$storage_error ($kind)"
    log "storage: not $rung: $storage_error"
  done
  die "no storage driver works on $data_root ($under), tried: $*
put a volume on $data_root, or set DIND_STORAGE=loop (ext4 in a file) or tmpfs (memory)"
}

# storage_use DRIVER REASON
storage_use() {
  flag_add storage-driver "$1" || die "this dockerd has no --storage-driver"
  report_tried storage "$rung" works
  report_decision storage "$1" "$2"
}

storage_rung_overlay() {
  storage_overlay_begun "$1" || return 1
  storage_driver_name
  storage_use "$driver" "overlay works on $kind"
}

# storage_rung_loop: ext4 in a sparse file, mounted over the data directory. The file appears under its name only
# when it is whole, and is used again by the next start.
storage_rung_loop() {
  file=${cfg_storage_loop_file:-$data_root/.dind-loop.ext4}
  storage_error=''
  command -v mkfs.ext4 >/dev/null 2>&1 || {
    storage_error='mkfs.ext4 is not in this image'
    return 1
  }
  if [ ! -e "$file" ]; then
    rm -f "$file.new"
    # Every file of every nested container is in it.
    if ! (umask 077 && truncate -s "$cfg_storage_size" "$file.new") ||
      ! mkfs.ext4 -q -F -E lazy_itable_init=1,lazy_journal_init=1 "$file.new" >&2; then
      rm -f "$file.new"
      storage_error="cannot make an ext4 of $cfg_storage_size in $file"
      return 1
    fi
    mv "$file.new" "$file"
  fi
  storage_loop_mount "$file" || return 1
  storage_rung_overlay_on "ext4 in $file, on $under" && return 0
  umount "$data_root"
  return 1
}

# storage_loop_mount FILE: over the data directory. Another container may take the free device first, and its node
# may be missing here because /dev was copied before the kernel made it.
storage_loop_mount() {
  loop_try=0
  while :; do
    device=$(losetup -f 2>/dev/null) || device=''
    if [ -n "$device" ] && [ ! -b "$device" ]; then
      mknod "$device" b 7 "${device#/dev/loop}" 2>/dev/null || :
    fi
    if storage_error=$(mount -o loop "$1" "$data_root" 2>&1); then
      return 0
    fi
    loop_try=$((loop_try + 1))
    case $loop_try in
      # Once, for a file system that was not unmounted.
      1) e2fsck -p "$1" >&2 || : ;;
      5)
        storage_error="cannot mount $1: $storage_error"
        return 1
        ;;
    esac
    sleep 0.1
  done
}

storage_rung_tmpfs() {
  storage_error=$(mount -t tmpfs -o "size=$cfg_storage_size,mode=0711" tmpfs "$data_root" 2>&1) || return 1
  storage_rung_overlay_on "tmpfs of $cfg_storage_size: images live in memory and end with the container" && return 0
  umount "$data_root"
  return 1
}

# storage_rung_overlay_on TEXT: the overlay probe again, on what was just mounted.
storage_rung_overlay_on() {
  storage_overlay "$data_root" || return 1
  storage_driver_name
  storage_use "$driver" "$1"
}

storage_rung_fuse() {
  storage_fuse || return 1
  storage_use fuse-overlayfs "no kernel overlay on $under"
}

# storage_fuse: whether FUSE can mount an overlay on the data directory.
storage_fuse() {
  storage_error=''
  if ! command -v fuse-overlayfs >/dev/null 2>&1; then
    storage_error='fuse-overlayfs is not in this image'
  elif [ ! -c "$dind_root/dev/fuse" ]; then
    storage_error='/dev/fuse is missing: start the outer container with --device /dev/fuse'
  else
    probe=$data_root/.dind-probe
    rm -rf "$probe"
    mkdir -p "$probe/lower" "$probe/upper" "$probe/work" "$probe/merged"
    if fuse-overlayfs -o "lowerdir=$probe/lower,upperdir=$probe/upper,workdir=$probe/work" "$probe/merged" \
      >/dev/null 2>&1; then
      umount "$probe/merged"
    else
      storage_error='fuse-overlayfs cannot mount here'
    fi
    rm -rf "$probe"
  fi
  [ -z "$storage_error" ]
}

# storage_containerd: the other data directory matters to a containerd that the user runs; it is probed and reported.
storage_containerd() {
  [ -d /var/lib/containerd ] || return 0
  if storage_overlay_begun /var/lib/containerd; then
    report_tried storage /var/lib/containerd "overlay works"
  else
    report_tried storage /var/lib/containerd "$storage_error: a containerd of your own needs a volume there"
  fi
}
