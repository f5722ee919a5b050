# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# One daemon a data directory, and no traces of one that was killed.

# lock_take: hold the data directory for as long as this shell lives (descriptor 9). A job may follow another on the
# same volume, so a predecessor that is still ending is waited for.
lock_take() {
  [ -d "$data_root" ] || mkdir -p "$data_root" || die "cannot make the data directory $data_root"
  # Tried before, because a failing exec would end the shell without a word of ours.
  { true >>"$data_root/.dind.lock"; } 2>/dev/null || die "the data directory $data_root cannot be written"
  exec 9>>"$data_root/.dind.lock"
  lock_left=$((cfg_lock_wait * 5))
  while :; do
    lock_holder=''
    lock_status=0
    flock -n 9 || lock_status=$?
    case $lock_status in
      0) lock_foreign || break ;;
      1) lock_holder='another container of this kind' ;;
      *)
        warn "the file system of $data_root has no locks: a second daemon would not be noticed"
        return 0
        ;;
    esac
    if [ -z "$lock_said" ]; then
      log "waiting up to $cfg_lock_wait s for $data_root, held by $lock_holder"
      lock_said=1
    fi
    [ $lock_left -gt 0 ] ||
      die "the data directory $data_root is in use by $lock_holder; every daemon needs a volume of its own"
    lock_left=$((lock_left - 1))
    sleep 0.2
  done
}
lock_said=''

# lock_foreign: whether a daemon that does not know our lock has its databases open (bbolt locks them).
lock_foreign() {
  lock_jobs='' lock_found=1
  for file in volumes/metadata.db network/files/local-kv.db containerd/daemon/io.containerd.metadata.v1.bolt/meta.db; do
    if [ ! -f "$data_root/$file" ] || [ ! -r "$data_root/$file" ]; then
      continue
    fi
    flock -n 8 8<"$data_root/$file" &
    lock_jobs="$lock_jobs $!:$file"
  done
  for job in $lock_jobs; do
    lock_status=0
    wait "${job%%:*}" || lock_status=$?
    if [ $lock_status = 1 ]; then
      lock_holder="another daemon, which has ${job#*:} open" lock_found=0
    fi
  done
  return $lock_found
}

# running_refuse: a living dockerd of this container is an error.
running_refuse() {
  if [ -s "$pid_file" ]; then
    pid=''
    read -r pid <"$pid_file"
    if is_number "$pid" && read -r name 2>/dev/null <"/proc/$pid/comm" && [ "$name" = dockerd ]; then
      die "dockerd runs in this container already (process $pid)"
    fi
  fi
}

# stale_remove: pid files and sockets of a daemon that is gone. Not before the data directory is ours: on a shared /run
# they may be those of a living one in another container.
stale_remove() {
  running_refuse
  files_remove "$pid_file" "$exec_root/containerd/containerd.pid" "$exec_root/containerd/containerd.sock" \
    "$exec_root/containerd/containerd.sock.ttrpc" "$exec_root/containerd/containerd-debug.sock" ||
    die "cannot remove the pid files of an earlier daemon below $exec_root"
}
