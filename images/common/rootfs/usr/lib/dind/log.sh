# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Diagnostics and the clock. Everything is written to stderr: stdout belongs to the user's command.

# Tests point this at a fake tree; in an image it is empty.
dind_root=''

# log_quiet: set when a command owns the terminal; errors and warnings are still said.
log_quiet=${DIND_QUIET:-}

log() {
  [ -n "$log_quiet" ] && [ "$log_quiet" != 0 ] || printf 'dind: %s\n' "$*" >&2
}

warn() {
  printf 'dind: warning: %s\n' "$*" >&2
}

# die MESSAGE: say why and end with status 1.
die() {
  printf 'dind: error: %s\n' "$1" >&2
  die_hook "$1"
  exit 1
}

# What else has to happen before dying; prepare.sh replaces it.
die_hook() { :; }

# termination_note MESSAGE: where Kubernetes looks for the reason of an end.
termination_note() {
  if [ -f "$dind_root/dev/termination-log" ] && [ -w "$dind_root/dev/termination-log" ]; then
    printf 'dind: %s\n' "$1" >"$dind_root/dev/termination-log"
  fi
}

# now_ms: milliseconds since boot in $now, at 10 ms resolution. No fork: it is read in start phases.
now_ms() {
  read -r now _ </proc/uptime
  # The leading 1 keeps 08 and 09 from being read as octal.
  now=$((${now%.*} * 1000 + (1${now#*.} - 100) * 10))
}

# process_alive PID: a zombie does not count.
process_alive() {
  read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
  case ${stat##*) } in
    Z* | X*) return 1 ;;
  esac
}

# files_remove FILE...: those that are there. A start that finds none runs no program for it.
files_remove() {
  for remove_file; do
    shift
    if [ -e "$remove_file" ] || [ -L "$remove_file" ]; then
      set -- "$@" "$remove_file"
    fi
  done
  [ $# -eq 0 ] || rm -f "$@"
}

# text_read FILE: its content in $text, with an end to the last line; empty when it cannot be read. No fork: nearly every
# start compares small files.
text_read() {
  text=''
  [ -r "$1" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    text="$text$line
"
  done <"$1"
}

# is_number VALUE: a decimal number without leading zero, fit for arithmetic and for test(1).
is_number() {
  case $1 in
    '' | *[!0-9]* | 0?* | ??????????*) return 1 ;;
  esac
}

# is_on VALUE: how a switch is said in the environment.
is_on() {
  case $1 in
    1 | true | yes | on | always) return 0 ;;
  esac
  return 1
}

# redact TEXT: the same in $redacted without the user information of a URL.
redact() {
  case $1 in
    *://*@*) redacted="${1%%://*}://***@${1##*@}" ;;
    *@*) redacted="***@${1##*@}" ;;
    *) redacted=$1 ;;
  esac
}
