# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report ready gc preload
config_load
data_root=$work socket=$work/docker.sock log_file=$work/log
settings() { # DISK INODES AGE
  DIND_GC_DISK=$1 DIND_GC_INODES=$2 DIND_GC_AGE=$3
  config_load
  gc_settings
}
figures='100 20 10 50 40'
stat() { echo "$figures"; }

it "without a threshold nothing is wanted"
settings '' '' 600
no gc_wanted
it "a threshold that is no percentage is refused by name"
contains "$(DIND_GC_DISK=90% && settings 90% '' 600 2>&1)" DIND_GC_DISK
contains "$(settings '' 100 600 2>&1)" DIND_GC_INODES
it "the share of the disk is that of df: used blocks of those a user can have, rounded up"
settings 88 '' 600
yes gc_due
equals "$gc_why" "disk at 89 % of 88 %"
it "below the threshold nothing is due"
settings 89 '' 600
no gc_due
it "inodes are looked at as well"
settings '' 19 600
yes gc_due
equals "$gc_why" "inodes at 20 % of 19 %"
it "a file system without a number of inodes has no share of them"
figures='100 20 10 0 0'
no gc_due

own_docker() { docker "$@"; }
# An engine with an old and a fresh container that ended, an image of a running container, an old and a fresh one.
# The disk is full until enough is removed.
docker() {
  shift 2
  case "$*" in
    'ps -aq --no-trunc --filter'*) echo 'c-fresh c-old' ;;
    'ps -aq --no-trunc') echo 'c-run' ;;
    'inspect c-run') echo '[{"Image":"i-used"}]' ;;
    'inspect c-fresh c-old') echo '[
      {"Id":"c-fresh","Name":"/fresh","State":{"FinishedAt":"2999-01-01T00:00:00.1Z"}},
      {"Id":"c-newer","Name":"/newer","State":{"FinishedAt":"2020-01-02T00:00:00.1Z"}},
      {"Id":"c-old","Name":"/old","State":{"FinishedAt":"2020-01-01T00:00:00.1Z"}}]' ;;
    'image ls -q --no-trunc') echo 'i-used i-old i-fresh i-none' ;;
    'image inspect '*) echo '[
      {"Id":"i-used","RepoTags":["used:1"],"Metadata":{"LastTagTime":"2020-01-01T00:00:00Z"}},
      {"Id":"i-old","RepoTags":["old:1","old:2"],"Metadata":{"LastTagTime":"2020-01-01T00:00:00Z"}},
      {"Id":"i-fresh","RepoTags":["fresh:1"],"Metadata":{"LastTagTime":"2999-01-01T00:00:00Z"}},
      {"Id":"i-none","RepoTags":[],"Metadata":{"LastTagTime":"0001-01-01T00:00:00Z"}}]' ;;
    'builder prune '*) echo 'Total reclaimed space: 0B' ;;
    'rm '* | 'image rm '*)
      echo "$*" >>"$work/removed"
      left=$((left - 1))
      [ "$left" -gt 0 ] || echo '100 90 80 50 40' >"$work/figures"
      ;;
  esac
}
stat() { cat "$work/figures"; }
collect() { # HOW MANY REMOVALS ARE NEEDED
  left=$1 gc_full=''
  echo '100 5 0 50 40' >"$work/figures"
  : >"$work/removed"
  : >"$log_file"
  gc_collect
  removed=$(tr '\n' ' ' <"$work/removed")
}
settings 80 '' 600
it "what ended first goes first, and no more than needed"
collect 1
equals "$removed" 'rm c-old '
it "and the log says so"
contains "$(cat "$log_file")" 'garbage collection: disk at 100 % of 80 %: removed container old'
it "then images that no container has, with all their names; what is young, in use or running stays"
collect 99
equals "$removed" 'rm c-old rm c-newer image rm i-none image rm old:1 old:2 '
it "and what cannot be helped is said once"
gc_collect
equals "$(grep -c 'nothing is left' "$log_file")" 1
it "a daemon that does not answer is said once, and nothing is taken for empty"
gc_full='' figures='100 0 0 50 40'
rm -f "$work/figures"
stat() { echo "$figures"; }
own_docker() { return 1; }
: >"$log_file"
gc_collect
gc_collect
equals "$(grep -c 'does not answer' "$log_file")" 1
