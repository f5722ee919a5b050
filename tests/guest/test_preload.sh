# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report hooks ready supervise preload
data_root=$work/data socket=/run/docker.sock cfg_preload='' cfg_preload_timeout=5
mkdir -p "$data_root" "$work/shared"
loaded=$work/loaded
true >"$loaded"
driver=overlay2
# docker info, and docker -H SOCKET load --quiet --input FILE in a process of its own
own_docker() { echo "$data_root/.dind-preload/$driver"; }
mkdir -p "$work/bin"
cat >"$work/bin/docker" <<'END'
#!/bin/sh
case $6 in
  *broken*)
    echo "open $6: unexpected EOF" >&2
    exit 1
    ;;
esac
echo "${6##*/}" >>"$LOADED"
END
chmod 755 "$work/bin/docker"
PATH=$work/bin:$PATH LOADED=$loaded
export PATH LOADED

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
it "another data directory has none of them, nor has another driver's store"
data_root=$work/other
preload_store && preload_archives && preload_list
equals "$preload_count" 3
data_root=$work/data driver=fuse-overlayfs
preload_store && preload_list
equals "$preload_count" 3
driver=overlay2
preload_store && preload_list
equals "$preload_count" 0
it "what was removed to make room is loaded again"
preload_forget
preload_store && preload_list
equals "$preload_count" 3
it "one that cannot be loaded ends the start with its name and the reason, and is tried again"
data_root=$work/data
echo x >"$work/shared/broken.tar"
no preload_run
contains "$failure" "broken.tar cannot be loaded: open"
no preload_run
rm "$work/shared/broken.tar"
it "a stop ends it without a word"
preload_forget
stop_signal=TERM failure=''
no preload_run
equals "$failure" ""
stop_signal=''
it "a directory that is none is named"
cfg_preload=$work/none
no preload_run
contains "$failure" "DIND_PRELOAD must be a directory"
