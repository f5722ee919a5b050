# shellcheck shell=sh
# shellcheck disable=SC1090,SC2034,SC2154 # the files under test are found at run time and share their variables
# harness.sh TEST-FILE WORK-DIRECTORY: the words tests are written in. A test is `it SENTENCE`, what it does, and
# `equals` or `holds`; the sentence says what is proven.
set -u

test_file=$1
work=$2
here=${0%/*}
common=$here/../../images/common/rootfs
dind=$here/../../images/dind/rootfs
vmlc=$here/../../images/vmlc/rootfs
rootless_part=$here/../../images/rootless/rootfs
cluster_part=$here/../../images/kind-cluster/rootfs
sentence=''

it() {
  sentence=$1
}

# equals GOT WANTED
equals() {
  if [ "$1" = "$2" ]; then
    echo "ok $sentence"
  else
    echo "not ok $sentence"
    echo "# got    [$1]"
    echo "# wanted [$2]"
  fi
}

# contains TEXT PART
contains() {
  case $1 in
    *"$2"*) echo "ok $sentence" ;;
    *)
      echo "not ok $sentence"
      echo "# got    [$1]"
      echo "# wanted [...$2...]"
      ;;
  esac
}

# lacks TEXT PART
lacks() {
  case $1 in
    *"$2"*)
      echo "not ok $sentence"
      echo "# got    [$1]"
      echo "# wanted no [...$2...]"
      ;;
    *) echo "ok $sentence" ;;
  esac
}

# yes / no COMMAND...: its status.
yes() {
  if "$@"; then echo "ok $sentence"; else echo "not ok $sentence"; fi
}

no() {
  if "$@"; then echo "not ok $sentence"; else echo "ok $sentence"; fi
}

# load NAME...: libraries of the runtime, with a fake root in $dind_root and a run directory.
load() {
  for name; do
    if [ -e "$dind/usr/lib/dind/$name.sh" ]; then
      . "$dind/usr/lib/dind/$name.sh"
    elif [ -e "$vmlc/usr/lib/dind/$name.sh" ]; then
      . "$vmlc/usr/lib/dind/$name.sh"
    elif [ -e "$cluster_part/usr/lib/dind/$name.sh" ]; then
      . "$cluster_part/usr/lib/dind/$name.sh"
    elif [ -e "$rootless_part/usr/lib/dind/$name.sh" ]; then
      . "$rootless_part/usr/lib/dind/$name.sh"
    else
      . "$common/usr/lib/dind/$name.sh"
    fi
  done
  dind_root=$work/root
  DIND_RUN_DIR=$work/run cfg_run_dir=$work/run
  command mkdir -p "$dind_root" "$cfg_run_dir"
  log_quiet=1
}

# put PATH TEXT: a file in the fake root.
put() {
  command mkdir -p "$dind_root${1%/*}"
  printf '%s\n' "$2" >"$dind_root$1"
}

# fresh: an empty fake root and no decisions.
fresh() {
  rm -rf "$dind_root"
  command mkdir -p "$dind_root"
  report_decisions='' report_tried=''
}

. "$test_file"
