#!/bin/sh
# Run by dpkg after it has changed packages: takes the paths that path-exclude kept out of the file system out of the
# lists of files too. dpkg itself keeps them there, and `dpkg -V` would call each of them missing.
set -eu

root=${DPKG_ROOT:-}
configuration=$root/etc/dpkg/dpkg.cfg.d/dindimg
database=${DPKG_ADMINDIR:-$root/var/lib/dpkg}/info
# As old as the last list that was looked at.
stamp=$root/var/lib/dindimg/forgotten

# excluded PATH: whether the configuration keeps PATH out. Patterns of `case` are those of dpkg: `*` matches `/` too.
excluded() {
  found=1
  for pattern in $excludes; do
    # shellcheck disable=SC2254 # a pattern
    case $1 in $pattern) found=0 ;; esac
  done
  for pattern in $includes; do
    # shellcheck disable=SC2254 # a pattern
    case $1 in $pattern) found=1 ;; esac
  done
  return $found
}

# absent PATH: whether PATH was kept out, and is not there for another reason.
absent() {
  [ ! -e "$root$1" ] && [ ! -L "$root$1" ] && excluded "$1"
}

# prune FILE PREFIX-LENGTH: FILE without the lines whose path, below / after so many characters, is absent.
prune() {
  new=${1%/*}/../dindimg-new
  while IFS= read -r line || [ -n "$line" ]; do
    case $2 in
      0) path=$line ;;
      *) path=/${line#*  } ;;
    esac
    absent "$path" || printf '%s\n' "$line"
  done <"$1" >"$new"
  if cmp -s "$1" "$new"; then
    rm -f "$new"
  else
    chmod 644 "$new"
    mv -f "$new" "$1"
  fi
}

[ -e "$configuration" ] || exit 0
set -f
excludes=$(sed -n 's/^path-exclude=//p' "$configuration")
includes=$(sed -n 's/^path-include=//p' "$configuration")
set +f
[ -n "$excludes" ] || exit 0

for list in "$database"/*.list; do
  [ -e "$list" ] || continue
  if [ -e "$stamp" ] && [ -z "$(find "$list" -newer "$stamp")" ]; then
    continue
  fi
  set -f
  prune "$list" 0
  [ ! -e "${list%.list}.md5sums" ] || prune "${list%.list}.md5sums" 34
  set +f
done
# update-alternatives fails where a link's directory is missing, and dpkg removes empty ones.
for section in 1 2 3 4 5 6 7 8; do
  ! absent "/usr/share/man/man$section" || mkdir -p "$root/usr/share/man/man$section"
done
mkdir -p "${stamp%/*}"
: >"$stamp"
