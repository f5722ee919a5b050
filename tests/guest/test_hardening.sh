# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317,SC2329 # variables shared with the files under test, functions they call
load log config report args engine daemon_json hardening
mounts=''
engine_config=/etc/docker/daemon.json
config_load
modprobe() { false; }
highest=1048576
hardening_raise() { [ "$1" -le $highest ]; }
hardening_limit() { files_limit=$highest; }

# a_start KEYS ARG...: the flags for a daemon whose configuration file has KEYS, without line ends.
a_start() {
  fresh
  command mkdir -p "$dind_root/etc/docker"
  put /proc/sys/net/ipv4/conf/all/route_localnet 0
  dockerd_flags='' config_keys=" $1 " iptables_chosen=legacy
  shift
  hardening_prepare "$@"
  flags=$(printf '%s' "$dockerd_flags" | tr '\n' ' ')
}

it "by default there is no proxy, logs and open files are bounded, and nothing else changes"
a_start ''
equals "$flags" '--userland-proxy=false --log-driver=local --log-opt=max-size=20m --log-opt=max-file=5 --default-ulimit=nofile=65536:524288 '
it "the report names them"
contains "$report_decisions" '"id":"hardening","choice":"userland-proxy false, log-driver local, log-opt max-size=20m, log-opt max-file=5, default-ulimit nofile=65536:524288"'
it "one file of a container's log is not compressed: the engine would refuse to start any"
cfg_log_max_file=1
a_start ''
contains "$flags" '--log-opt=max-file=1 --log-opt=compress=false'
a_start '' --log-driver=json-file
case $flags in *compress*) flags=bad ;; esac
contains "$flags" '--log-opt=max-file=1 '
cfg_log_max_file=5
it "keys of the configuration file win: dockerd would refuse them beside a flag"
daemon_json='{"log-driver":"local"}'
a_start 'userland-proxy log-opts log-driver default-ulimits'
equals "$flags" ''
contains "$report_decisions" "\"choice\":\"userland-proxy\",\"result\":\"left to $engine_config\""
it "arguments win"
a_start '' --userland-proxy=true --log-driver journald
equals "$flags" '--default-ulimit=nofile=65536:524288 '
contains "$report_decisions" 'the driver journald keeps no files'
it "another bounded driver keeps the bounds"
a_start '' --log-driver=json-file
contains "$flags" '--log-opt=max-size=20m --log-opt=max-file=5'
it "options for the engine's own default driver are not given to another"
a_start '' --log-opt labels=x
equals "${flags%% --default*}" '--userland-proxy=false --log-opt=max-size=20m --log-opt=max-file=5'
it "a driver in the configuration file is looked at"
driver=json-file
contains "$flags" '--log-opt=max-size=20m --log-opt=max-file=5'
it "options for the engine's own default driver are not given to another"
a_start '' --log-opt labels=x
equals "${flags%% --default*}" '--userland-proxy=false --log-opt=max-size=20m --log-opt=max-file=5'
it "a driver in the configuration file is looked at"
config_log() { put $engine_config "{\"log-driver\":\"$1\"}"; }
fresh() { rm -rf "$dind_root" && command mkdir -p "$dind_root" && report_decisions='' report_tried='' && config_log "$driver"; }
daemon_json='{"log-driver":"json-file"}'
a_start log-driver
contains "$flags" '--log-opt=max-size=20m'
daemon_json='{"log-driver":"syslog"}'
a_start log-driver
case $flags in *log-opt*) flags=bad ;; esac
equals "${flags%% *}" '--userland-proxy=false'

it "without rules of its own the engine keeps the proxy"
fresh() { rm -rf "$dind_root" && command mkdir -p "$dind_root" && report_decisions='' report_tried=''; }
a_start iptables
contains "$report_decisions" 'stays: dockerd is not left to write iptables rules'
it "where 127.0.0.1 cannot be routed to a bridge, it does as well"
a_start ''
rm "$dind_root/proc/sys/net/ipv4/conf/all/route_localnet"
dockerd_flags='' report_tried=''
hardening_proxy
equals "$dockerd_flags" ''
contains "$report_tried" 'published ports would not answer on 127.0.0.1'

it "a limit of open files that cannot be reached is lowered to the daemon's own"
highest=20000
a_start ''
contains "$flags" '--default-ulimit=nofile=20000:20000'
contains "$report_decisions" 'cannot be raised here beyond 20000'
it "a soft limit below it stays"
cfg_nofile=1024:524288
a_start ''
contains "$flags" '--default-ulimit=nofile=1024:20000'
it "inherit leaves the limits alone"
cfg_nofile=inherit
a_start ''
case $flags in *ulimit*) flags=bad ;; esac
equals "${flags%% *}" '--userland-proxy=false'
cfg_nofile=65536:524288 highest=1048576

it "strict keeps privileges, containers and users apart"
cfg_no_new_privileges=true cfg_icc=false cfg_userns_remap=true
strict() {
  put /proc/sys/net/bridge/bridge-nf-call-iptables 1
  put /proc/sys/user/max_user_namespaces "$1"
  dockerd_flags=''
  shift
  hardening_prepare "$@"
  flags=$(printf '%s' "$dockerd_flags" | tr '\n' ' ')
}
modprobe() { put /proc/sys/net/bridge/bridge-nf-call-iptables 1; }
a_start ''
strict 1000
contains "$flags" '--no-new-privileges=true --icc=false --userns-remap=default '
it "each of them gives way to an argument"
strict 1000 --no-new-privileges=false --icc=true --userns-remap=ci
case $flags in *icc* | *privileges* | *userns*) flags=bad ;; esac
equals "${flags%% *}" '--userland-proxy=false'
it "containers cannot be kept apart without br_netfilter, which is no secret"
modprobe() { false; }
rm -rf "$dind_root/proc/sys/net/bridge"
contains "$(dockerd_flags='' && hardening_icc 2>&1)" 'has no br_netfilter loaded'
it "user namespaces that are switched off are named"
put /proc/sys/user/max_user_namespaces 0
contains "$(hardening_userns 2>&1)" 'set user.max_user_namespaces there'
cfg_no_new_privileges=false cfg_icc=true cfg_userns_remap=false

bound=''
mount() { bound=$*; }
# a_read_only_directory VERSION: no directory can be made in a file.
a_read_only_directory() {
  fresh
  rm -rf "$cfg_run_dir/etc-docker"
  put /etc/docker 'in the place of a directory that is read-only'
  bound='' recipe_engine_version=$1
  hardening_key
}
it "an older engine, which keeps a key in /etc/docker, gets a copy where that is read-only"
a_read_only_directory 20.10.24
equals "$bound" "--bind $cfg_run_dir/etc-docker $dind_root/etc/docker"
contains "$report_tried" 'for the engine'
it "so does one of unknown version"
a_read_only_directory ''
equals "${bound%% *}" --bind
it "a newer one keeps no key there"
a_read_only_directory 26.1.5
equals "$bound" ''
it "where a key can be made nothing is mounted, and nothing left behind"
bound='' recipe_engine_version=20.10.24
fresh
command mkdir -p "$dind_root/etc/docker"
hardening_key
equals "$bound$(ls -A "$dind_root/etc/docker")" ''
it "a daemon.json that is mounted writable says nothing about the read-only directory it is in"
(
  fresh
  put /etc/docker/daemon.json '{}'
  # Everything below is read-only, the mounted file is not.
  mkdir() { false; }
  mounts='/etc/docker/daemon.json ext4 8:1 rw
'
  hardening_key
  equals "${bound%% *}" --bind
)
it "without a copy the start stops and names the remedy"
mount() { false; }
contains "$(a_read_only_directory 20.10.24 2>&1)" 'mount a tmpfs or volume on /etc/docker'
