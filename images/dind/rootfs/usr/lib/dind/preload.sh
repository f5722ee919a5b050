# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Images that the engine has from its first start on: archives built into this image, and those of a directory that many
# instances may share, read-only. Each is loaded once a data directory, several at a time, before anybody is told that the
# daemon is ready.

# Where the build puts archives.
preload_built=/usr/share/dind/preload

# preload_list: archives that the data directory has not had, one a line, in $preload_files, their number in
# $preload_count.
preload_list() {
  preload_files='' preload_count=0
  for preload_file in "$dind_root$preload_built"/*.tar ${cfg_preload:+"$cfg_preload"/*.tar "$cfg_preload"/*.tar.gz \
    "$cfg_preload"/*.tgz "$cfg_preload"/*.tar.xz "$cfg_preload"/*.tar.zst}; do
    [ -f "$preload_file" ] || continue
    preload_mark "$preload_file"
    [ ! -e "$mark" ] || continue
    preload_files="$preload_files$preload_file
"
    preload_count=$((preload_count + 1))
  done
}

# preload_mark FILE: what says that this content was loaded, in $mark: beside the images, with which it goes. An archive
# of the same name that is another one has another size or time.
preload_mark() {
  mark=$(stat -L -c '%s-%Y' "$1") || mark=unknown
  mark=$data_root/.dind-preload/${1##*/}.$mark
}

# preload_run: everything that is not there yet. Status 1 with the reason in $failure.
preload_run() {
  preload_list
  [ "$preload_count" -gt 0 ] || return 0
  phase_begin
  mkdir -p "$data_root/.dind-preload" || {
    failure="cannot write $data_root/.dind-preload"
    return 1
  }
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
  if [ -s "$cfg_run_dir/preload.failure" ]; then
    read -r failure <"$cfg_run_dir/preload.failure"
    return 1
  fi
  phase_end preload
  log "preload: $preload_count archives loaded"
}

# preload_work TURN: every archive whose number has this remainder. Beside the others.
preload_work() {
  exec 9>&- </dev/null
  preload_number=0
  while read -r preload_file; do
    [ -n "$preload_file" ] || continue
    preload_number=$((preload_number + 1))
    [ $(((preload_number - 1) % preload_jobs)) = "$1" ] || continue
    preload_one "$preload_file" || return 1
  done <<END
$preload_files
END
}

# preload_one FILE
preload_one() {
  now_ms
  preload_from=$now
  if ! preload_said=$(own_docker "$cfg_preload_timeout" "$socket" load --quiet --input "$1" 2>&1); then
    preload_said=$(printf '%s' "$preload_said" | tr '\n' ' ')
    echo "preload: ${1##*/} cannot be loaded: ${preload_said:-not within $cfg_preload_timeout s (DIND_PRELOAD_TIMEOUT)}" \
      >"$cfg_run_dir/preload.failure"
    return 1
  fi
  preload_mark "$1"
  true >"$mark" || {
    echo "cannot write $mark" >"$cfg_run_dir/preload.failure"
    return 1
  }
  now_ms
  log "preload: ${1##*/} in $((now - preload_from)) ms ($preload_number of $preload_count)"
}
