# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Images that the engine has from its first start on: archives built into this image, and those of a directory that many
# instances may share, read-only. Each is loaded once a store of images, several at a time, before anybody is told that
# the daemon is ready.

# Where the build puts archives.
preload_built=/usr/share/dind/preload
# Where is noted what was loaded, below the directory of the store.
preload_notes=.dind-preload

# preload_archives: every archive, one a line, in $preload_all.
preload_archives() {
  preload_all=''
  for preload_file in "$dind_root$preload_built"/*.tar ${cfg_preload:+"$cfg_preload"/*.tar "$cfg_preload"/*.tar.gz \
    "$cfg_preload"/*.tgz "$cfg_preload"/*.tar.xz "$cfg_preload"/*.tar.zst}; do
    [ ! -f "$preload_file" ] || preload_all="$preload_all$preload_file
"
  done
}

# preload_list: those that the store has not had in $preload_files, their number in $preload_count.
preload_list() {
  preload_files='' preload_count=0
  while read -r preload_file; do
    [ -n "$preload_file" ] || continue
    preload_mark "$preload_file"
    [ ! -e "$mark" ] || continue
    preload_files="$preload_files$preload_file
"
    preload_count=$((preload_count + 1))
  done <<END
$preload_all
END
}

# preload_store: the directory of notes in $preload_store: beside the images, with which it goes, and of their driver
# alone, since another one does not see them.
preload_store() {
  preload_store=$(own_docker 60 "$socket" info --format "{{.DockerRootDir}}/$preload_notes/{{.Driver}}" 2>/dev/null) &&
    mkdir -p "$preload_store"
}

# preload_mark FILE: what says that this content was loaded, in $mark. An archive of the same name that is another one
# has another size or time.
preload_mark() {
  mark=$(stat -L -c '%s-%Y' "$1") || mark=unknown
  mark=$preload_store/${1##*/}.$mark
}

# preload_run: everything that is not there yet. Status 1 with the reason in $failure, or when the container is stopped.
preload_run() {
  if [ -n "$cfg_preload" ] && [ ! -d "$cfg_preload" ]; then
    failure="DIND_PRELOAD must be a directory with archives of docker save, not '$cfg_preload'"
    return 1
  fi
  preload_archives
  [ -n "$preload_all" ] || return 0
  preload_store || {
    failure="preload: the store of images cannot be asked for, or has no place for notes (${preload_store:-no answer})"
    return 1
  }
  preload_list
  [ "$preload_count" -gt 0 ] || return 0
  phase_begin
  preload_jobs=$(nproc 2>/dev/null) || preload_jobs=2
  files_remove "$cfg_run_dir/preload.failure"
  preload_turn=0 preload_pids=''
  while [ $preload_turn -lt "$preload_jobs" ] && [ $preload_turn -lt "$preload_count" ]; do
    preload_work $preload_turn &
    preload_pids="$preload_pids $!"
    preload_turn=$((preload_turn + 1))
  done
  for preload_pid in $preload_pids; do
    wait "$preload_pid" || :
  done
  [ -z "$stop_signal" ] || return 1
  if [ -s "$cfg_run_dir/preload.failure" ]; then
    read -r failure <"$cfg_run_dir/preload.failure"
    return 1
  fi
  phase_end preload
  log "preload: $preload_count archives loaded"
}

# preload_work TURN: every archive whose number has this remainder, until one of them all fails. Beside the others.
preload_work() {
  exec 9>&- </dev/null
  preload_number=0
  while read -r preload_file; do
    [ -n "$preload_file" ] || continue
    preload_number=$((preload_number + 1))
    [ $(((preload_number - 1) % preload_jobs)) = "$1" ] || continue
    [ ! -s "$cfg_run_dir/preload.failure" ] || return 1
    preload_one "$preload_file" || return 1
  done <<END
$preload_files
END
}

# preload_one FILE. Not under timeout(1), which would take it out of the process group that a stop signal reaches.
preload_one() {
  now_ms
  preload_from=$now
  preload_mark "$1"
  preload_said=$cfg_run_dir/preload.$preload_number
  (
    own_environment
    exec docker -H "unix://$socket" load --quiet --input "$1"
  ) >"$preload_said" 2>&1 &
  hook_pid=$!
  hook_wait "$cfg_preload_timeout"
  if [ -n "$hook_late" ]; then
    preload_fail "${1##*/} is not loaded after $cfg_preload_timeout s (DIND_PRELOAD_TIMEOUT)"
  elif [ "$hook_status" != 0 ]; then
    preload_fail "${1##*/} cannot be loaded: $(tr '\n' ' ' <"$preload_said")"
  elif ! { true >"$mark"; } 2>/dev/null; then
    preload_fail "cannot write $mark"
  else
    rm -f "$preload_said"
    now_ms
    log "preload: ${1##*/} in $((now - preload_from)) ms ($preload_number of $preload_count)"
    return 0
  fi
  return 1
}

# preload_fail REASON: of the first that fails.
preload_fail() {
  [ -s "$cfg_run_dir/preload.failure" ] || echo "preload: $1" >"$cfg_run_dir/preload.failure"
}

# preload_forget: images were removed to make room, and come again with the next start where they are preloaded.
preload_forget() {
  for preload_store in "$data_root/$preload_notes" "$data_root"/*/"$preload_notes"; do
    [ ! -d "$preload_store" ] || rm -rf "$preload_store"
  done
}
