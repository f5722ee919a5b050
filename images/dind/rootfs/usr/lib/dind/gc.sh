# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Garbage collection, when asked for: above a share of used disk or inodes of the data directory, what nothing uses
# goes, oldest first, until the share is below again. Volumes are data and stay.

# gc_settings: how often, and what is too young to go.
gc_settings() {
  gc_interval=${DIND_GC_INTERVAL:-60}
  gc_age=${DIND_GC_AGE:-600}
  config_number DIND_GC_INTERVAL "$gc_interval" 1
  config_number DIND_GC_AGE "$gc_age"
}

gc_wanted() {
  [ -n "$cfg_gc_disk$cfg_gc_inodes" ]
}

# gc_due: whether a threshold is passed; the figure in $gc_why. Shares are rounded up, as df(1) does.
gc_due() {
  gc_why=''
  # Blocks, free ones, those for users, inodes, free ones.
  gc_figures=$(stat -f -c '%b %f %a %c %d' "$data_root") || return 1
  while read -r blocks free available nodes nodes_free; do
    gc_over disk "$cfg_gc_disk" $((blocks - free)) $((blocks - free + available))
    gc_over inodes "$cfg_gc_inodes" $((nodes - nodes_free)) "$nodes"
  done <<END
$gc_figures
END
  [ -n "$gc_why" ]
}

# gc_over WHAT THRESHOLD USED TOTAL: file systems without a fixed number of inodes say 0.
gc_over() {
  [ -n "$2" ] && [ "$4" -gt 0 ] || return 0
  gc_share=$((($3 * 100 + $4 - 1) / $4))
  if [ "$gc_share" -gt "$2" ]; then
    gc_why="$1 at $gc_share % of $2 %"
  fi
}

# gc_say TEXT: where dockerd's log is.
gc_say() {
  if [ -n "$log_file" ]; then
    printf 'dind: garbage collection: %s\n' "$1" >>"$log_file"
  else
    log "garbage collection: $1"
  fi
}

# gc_failed: once, until a collection comes to its end again.
gc_failed() {
  [ "$gc_full" = failed ] || gc_say "$gc_why, but the daemon does not answer: nothing is removed"
  gc_full=failed
}

# gc_docker ARG...: removing a large image takes its time.
gc_docker() {
  own_docker 600 "$socket" "$@" 2>/dev/null
}

# gc_before SECONDS [-u]: the moment that long ago, as the engine writes moments.
gc_before() {
  gc_then=$(($(date +%s) - $1))
  shift
  date "$@" -d "@$gc_then" +%Y-%m-%dT%H:%M:%S
}

# gc_containers: "ID NAME" of the containers that ended a while ago, the one that ended first first. One that was
# only created is about to be used.
gc_containers() {
  gc_ids=$(gc_docker ps -aq --no-trunc --filter status=exited --filter status=dead) || return 1
  [ -n "$gc_ids" ] || return 0
  # shellcheck disable=SC2086 # one word each; one that has gone meanwhile is left out
  gc_docker inspect $gc_ids | jq -r --arg before "$(gc_before "$gc_age" -u)" '
    map(select(.State.FinishedAt < $before)) | sort_by(.State.FinishedAt)[] | "\(.Id) \(.Name | ltrimstr("/"))"'
}

# gc_images: "NAME…" or an id, of the images no container has, running or not, and nobody pulled, built or named a
# while ago; the oldest first.
gc_images() {
  gc_ids=$(gc_docker ps -aq --no-trunc) || return 1
  gc_used='[]'
  if [ -n "$gc_ids" ]; then
    # shellcheck disable=SC2086 # one word each
    gc_used=$(gc_docker inspect $gc_ids | jq -c 'map(.Image)') || return 1
  fi
  gc_ids=$(gc_docker image ls -q --no-trunc) || return 1
  [ -n "$gc_ids" ] || return 0
  # shellcheck disable=SC2086 # one word each
  gc_docker image inspect $gc_ids | jq -r --argjson used "$gc_used" --arg before "$(gc_before "$gc_age")" '
    unique_by(.Id)
    | map(select(.Id as $id | $used | index($id) | not) | . + {at: (.Metadata.LastTagTime // "0001")})
    | map(select(.at < $before)) | sort_by(.at)[]
    | if (.RepoTags | length) > 0 then .RepoTags | join(" ") else .Id end'
}

# gc_cache: build cache, what was not used for longest first.
gc_cache() {
  for gc_hours in 168 24 1; do
    [ $((gc_hours * 3600)) -ge "$gc_age" ] || continue
    gc_freed=$(gc_docker builder prune --force --filter "until=${gc_hours}h") || return 0
    case ${gc_freed##*: } in
      '' | 0B) ;;
      *) gc_say "$gc_why: removed build cache unused for $gc_hours h, ${gc_freed##*: }" ;;
    esac
    gc_due || return 0
  done
}

# gc_collect: containers, build cache, images; after each one the share is looked at again.
gc_collect() {
  gc_due || return 0
  gc_list=$(gc_containers) || {
    gc_failed
    return 0
  }
  while read -r id name; do
    if [ -z "$id" ] || ! gc_due; then
      break
    fi
    gc_docker rm "$id" >/dev/null && gc_say "$gc_why: removed container $name"
  done <<END
$gc_list
END
  gc_due || return 0
  gc_cache
  gc_due || return 0
  gc_list=$(gc_images) || {
    gc_failed
    return 0
  }
  while read -r names; do
    if [ -z "$names" ] || ! gc_due; then
      break
    fi
    # Without force: an image that came into use meanwhile stays.
    # shellcheck disable=SC2086 # one word each
    if gc_docker image rm $names >/dev/null; then
      gc_say "$gc_why: removed image $names"
      preload_forget
    fi
  done <<END
$gc_list
END
  if ! gc_due; then
    gc_full=''
  elif [ -z "$gc_full" ]; then
    gc_say "$gc_why, and nothing is left that is not in use or younger than $gc_age s"
    gc_full=1
  fi
}
gc_full=''
