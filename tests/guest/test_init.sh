# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log init
parent() { # NAME WORD...: the process above this shell
  put "/proc/$PPID/comm" "$1"
  printf '%s\0' "$@" >"$dind_root/proc/$PPID/cmdline"
}

it "an init that signals the whole group is enough"
for words in 'tini -g -- x' 'tini -s -g -- x' 'catatonit -g -- x' 'dumb-init -- x' 'dumb-init x'; do
  # shellcheck disable=SC2086 # a list of words
  parent $words
  yes init_present
done
it "one that signals its child alone is not: a shell that waits takes no notice"
for words in 'tini -- x -g' 'docker-init -- dockerd-entrypoint.sh' 'catatonit x' 'dumb-init -c x'; do
  # shellcheck disable=SC2086 # a list of words
  parent $words
  no init_present
done
it "another program is none"
parent bash -g
no init_present
