#!/bin/sh
# Unit tests of the guest runtime: sh tests/guest/run.sh [SHELL]..., for example `run.sh dash` or `run.sh "busybox ash"`.
# Every test file runs in the shell under test, in a directory of its own; nothing outside of it is touched.
set -u

here=$(cd "$(dirname "$0")" && pwd)
if [ $# -eq 0 ]; then
  set -- dash "busybox ash"
fi
failed_shells=''
for shell; do
  command -v "${shell%% *}" >/dev/null 2>&1 || {
    echo "$shell is not installed" >&2
    exit 2
  }
  passed=0 failed=0
  for file in "$here"/test_*.sh; do
    work=$(mktemp -d)
    # shellcheck disable=SC2086 # "busybox ash" is two words
    $shell "$here/harness.sh" "$file" "$work" >"$work/out" 2>"$work/err" || echo "not ok ${file##*/} ended early" >>"$work/out"
    # A word that nobody wrote fails nothing by itself.
    strange=$(grep '\(harness\|test_[a-z_0-9]*\)\.sh: .*not found$' "$work/err") &&
      echo "not ok ${file##*/} calls what is not there: $strange" >>"$work/out"
    while read -r word rest; do
      case $word in
        ok) passed=$((passed + 1)) ;;
        not)
          failed=$((failed + 1))
          echo "$shell: ${file##*/}: ${rest#ok }"
          ;;
        '#') echo "  $rest" ;;
      esac
    done <"$work/out"
    grep -q '^not ok' "$work/out" && sed 's/^/  stderr: /' "$work/err"
    rm -rf "$work"
  done
  echo "$shell: $passed passed, $failed failed"
  [ "$failed" -eq 0 ] || failed_shells="$failed_shells $shell"
done
[ -z "$failed_shells" ]
