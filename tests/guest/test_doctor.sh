# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report ready check role doctor
run_dir=$cfg_run_dir
put /proc/self/status 'CapEff:	000001ffffffffff'
put /proc/sys/fs/inotify/max_user_instances 8192
put /proc/sys/fs/inotify/max_user_watches 524288
put /proc/self/limits 'Max open files            1024                 1048576              files     '
state_data_root=$work
df() { printf 'Filesystem 1024-blocks Used Available Capacity Mounted on\nx 10 1 9 %s /x\n' "$df_used"; }
df_used=10%
check_all() { [ -z "$check_error" ]; }
check_error='' state_state=ready
report() {
  cat >"$run_dir/report.json" <<END
{"schema":1,"state":"$1","profile":"dind","distribution":"debian/bookworm","decisions":[
{"id":"storage","choice":"$2","tried":[{"choice":"loop","result":"no room"}],"reason":"it works"}$3],
"versions":{"dockerd":"20.10.24"},"timings":{"ready":590}}
END
  echo state=ready >"$run_dir/state"
}

it "a good container has nothing wrong"
report ready overlay2 ''
said=$(doctor)
equals $? 0
contains "$said" "nothing is wrong"
it "one line says what it is, one each choice"
contains "$said" "dind on debian/bookworm: ready after 590 ms"
contains "$said" "storage   overlay2      it works"
it "what was tried without success is there"
contains "$said" "loop: no room"
it "a costly choice comes with its remedy, and the status says so"
report ready vfs ''
no doctor >/dev/null
contains "$(doctor)" "put a volume on the data directory"
it "a start that failed says why, in one line"
report failed overlay2 ',{"id":"failure","choice":"start","tried":[],"reason":"no room\nput a volume"}'
contains "$(doctor)" "no room; put a volume"
it "a daemon that is gone is wrong"
report ready overlay2 ''
check_error='no answer on /var/run/docker.sock'
contains "$(doctor)" "no answer on /var/run/docker.sock"
check_error=''
it "a full data directory is seen before it is full"
df_used=96%
contains "$(doctor)" "96 % of the space"
df_used=10%
it "limits of the host come with the words that raise them"
put /proc/sys/fs/inotify/max_user_instances 128
contains "$(doctor)" "sysctl -w fs.inotify.max_user_instances=512"
put /proc/sys/fs/inotify/max_user_instances 8192
it "so do limits of the container"
put /proc/self/limits 'Max open files            1024                 20000              files     '
contains "$(doctor)" "docker run --ulimit nofile=1048576:1048576"
it "zombies are counted"
for pid in 2 3 4 5 6 7 8 9 10 11; do
  put /proc/$pid/stat "$pid (sh) Z 1 1"
done
contains "$(doctor)" "10 zombies"
rm -r "$dind_root"/proc/[0-9]*
it "without a daemon and without privileges the missing flag is named"
rm "$run_dir/report.json" "$run_dir/state"
put /proc/self/status 'CapEff:	00000000a80425fb'
contains "$(doctor)" "docker run --privileged"
