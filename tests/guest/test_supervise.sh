# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report lock ready dockerd supervise
config_load

it "a process that ignores TERM is recognised"
sh -c 'trap "" TERM; exec sleep 30' &
pid=$!
sleep 0.2
yes ignores_term $pid
kill -KILL $pid
it "one that does not is not"
sleep 30 &
pid=$!
no ignores_term $pid
it "the process group is read from proc"
process_group $pid
process_group_of_child=$group
process_group $$
equals "$process_group_of_child" "$group"
kill -KILL $pid

it "a dead child is not alive, although nobody waited for it"
sh -c 'exit 3' &
dockerd_pid=$!
sleep 0.2
no process_alive "$dockerd_pid"
it "its status is still found"
dockerd_reap
equals "$dockerd_status" 3

it "only a process whose parent is a shim is killed as nested"
exec_root=$work/exec
task=$exec_root/containerd/daemon/io.containerd.runtime.v2.task/moby/abc
mkdir -p "$task"
sleep 30 &
pid=$!
printf '%s' "$pid" >"$task/init.pid"
nested_kill
yes kill -0 $pid
kill -KILL $pid

it "what failed at once is not tried again"
attempt=1
now_ms
dockerd_started=$now
no dockerd_retry
it "what took its time to fail is"
dockerd_started=$((now - 5000))
yes dockerd_retry
it "but not for ever"
attempt=$cfg_start_attempts
no dockerd_retry
it "the time a command took to stop is taken from the daemon's"
now_ms
echo $((now - 4000)) >"$cfg_run_dir/stop"
command_limit
equals "$limit" 5
