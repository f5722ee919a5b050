# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report preload
data_root=$work/data socket=/run/docker.sock cfg_preload='' cfg_preload_timeout=5
mkdir -p "$data_root" "$work/shared"
loaded=$work/loaded
true >"$loaded"
# own_docker SECONDS SOCKET load --quiet --input FILE
own_docker() {
  case $6 in
    *broken*)
      echo "open $6: unexpected EOF" >&2
      return 1
      ;;
  esac
  echo "${6##*/}" >>"$loaded"
}

it "without archives there is nothing to do"
yes preload_run
equals "$(cat "$loaded")" ""

it "archives of the image are loaded, and those of a shared directory"
put /usr/share/dind/preload/a.tar one
put /usr/share/dind/preload/note.txt no
echo two >"$work/shared/b.tar.gz"
echo three >"$work/shared/c d.tar"
cfg_preload=$work/shared
yes preload_run
equals "$(sort "$loaded" | tr '\n' ' ')" "a.tar b.tar.gz c d.tar "
it "a second start loads nothing again"
true >"$loaded"
yes preload_run
equals "$(cat "$loaded")" ""
it "an archive that was replaced is loaded"
echo longer >"$work/shared/b.tar.gz"
yes preload_run
equals "$(cat "$loaded")" "b.tar.gz"
it "another data directory has none of them"
data_root=$work/other
preload_list
equals "$preload_count" 3
it "one that cannot be loaded ends the start with its name and the reason, and is tried again"
data_root=$work/data
echo x >"$work/shared/broken.tar"
no preload_run
contains "$failure" "broken.tar cannot be loaded: open"
no preload_run
