# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report client role rootless
HOME=$dind_root/home XDG_RUNTIME_DIR=$dind_root/run
mkdir -p "$HOME" "$XDG_RUNTIME_DIR"
unset DOCKER_HOST XDG_DATA_HOME DOCKERD_ROOTLESS_ROOTLESSKIT_NET
own_user=1000

# What a container can do: the words that its unshare(1) refuses.
refused=none
unshare() {
  case " $* " in
    *" $refused "*)
      echo "unshare: Operation not permitted" >&2
      return 1
      ;;
  esac
}
id() { echo rootless; }
# command -v NAME: whether the image has a program.
command() {
  case $1 in
    -v) [ "$2" != "$absent" ] ;;
    *) "$@" ;;
  esac
}
absent=none
status() {
  put /proc/self/status "CapBnd:	$1
Seccomp:	$2
NoNewPrivs:	$3"
}
looked() {
  rootless_look
  printf '%s' "$rootless_lacks"
}
usual=00000000a80425fb
status $usual 0 0
put /etc/subuid rootless:100000:65536
put /etc/subgid 1000:100000:65536
mkdir -p "$dind_root/dev/net"
ln -s /dev/null "$dind_root/dev/net/tun"

it "nothing is in the way of a user in an unconfined container with the device"
equals "$(looked)" ""
it "ids are found by name and by number"
yes rootless_subordinate "$dind_root/etc/subuid"
yes rootless_subordinate "$dind_root/etc/subgid"
it "a user without ids is named"
put /etc/subuid other:100000:65536
contains "$(looked)" "user 1000 has no ids in /etc/subuid"
put /etc/subuid rootless:100000:65536

it "without the capabilities that map users, they are named"
status 00000000a8042000 0 0
contains "$(looked)" "--cap-add SETUID"
it "where no privilege can be gained, the option that forbids it is named"
status $usual 0 1
contains "$(looked)" "docker run without --security-opt no-new-privileges"
status $usual 0 0

it "a filter of system calls is named when it refuses user namespaces"
status $usual 2 0
refused=--user
contains "$(looked)" "seccomp=unconfined"
it "the host's own switches are named before it"
put /proc/sys/kernel/unprivileged_userns_clone 0
contains "$(looked)" "kernel.unprivileged_userns_clone=1"
rm "$dind_root/proc/sys/kernel/unprivileged_userns_clone"
put /proc/sys/user/max_user_namespaces 0
contains "$(looked)" "user.max_user_namespaces"
put /proc/sys/user/max_user_namespaces 100
status $usual 0 0
put /proc/sys/kernel/apparmor_restrict_unprivileged_userns 1
contains "$(looked)" "apparmor_restrict_unprivileged_userns=0"
rm "$dind_root/proc/sys/kernel/apparmor_restrict_unprivileged_userns"

it "a profile of AppArmor is named when mounts are refused"
refused=--mount
put /proc/self/attr/current "docker-default (enforce)"
contains "$(looked)" "docker-default refuses mounts"
contains "$(looked)" "apparmor=unconfined"
it "a filter is named where there is no profile"
put /proc/self/attr/current unconfined
status $usual 2 0
contains "$(looked)" "seccomp=unconfined"
status $usual 0 0
it "hidden parts of /proc are named when another one cannot be mounted"
refused=--mount-proc
contains "$(looked)" "systempaths=unconfined"
contains "$(looked)" "procMount: Unmasked"
refused=none

it "a missing device is named"
rm "$dind_root/dev/net/tun"
contains "$(looked)" "--device /dev/net/tun"
ln -s /dev/null "$dind_root/dev/net/tun"

it "a program that the image does not have is named"
absent=newuidmap
contains "$(looked)" "newuidmap is not in this image"
absent=none

it "the image's own DOCKER_HOST does not make a client of a container that can have a daemon"
own_host=unix://$XDG_RUNTIME_DIR/docker.sock
DOCKER_HOST=$own_host
rootless_decide command
equals "$role" daemon
it "a container that cannot have one is a client, with every reason"
refused=--mount-proc
rm "$dind_root/dev/net/tun"
rootless_decide command
equals "$role $role_chosen" "client no"
contains "$role_reason" "systempaths=unconfined"
contains "$role_reason" "--device /dev/net/tun"
it "a daemon that is asked for by name is refused with the same"
refused_daemon() { (rootless_decide daemon) 2>/dev/null; }
no refused_daemon
ln -s /dev/null "$dind_root/dev/net/tun"
refused=none

it "the daemon's port is published where it is reached"
cfg_listen=tcp cfg_tls_port=2376 cfg_port=2375 DOCKER_TLS_CERTDIR=/certs
rootless_publish --debug
equals "$rootless_port" 2376
DOCKER_TLS_CERTDIR=
rootless_publish
equals "$rootless_port" 2375
it "it is not where others listen, or nobody does"
rootless_publish -H tcp://0.0.0.0:1234
equals "$rootless_port" ""
rootless_publish dockerd --debug
equals "$rootless_port" ""
DIND_DAEMON_JSON='{"hosts": ["tcp://0.0.0.0:1"]}'
rootless_publish
equals "$rootless_port" ""
DIND_DAEMON_JSON='' DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS='-p 0.0.0.0:2375:2375/tcp'
rootless_publish
equals "$rootless_port" ""
DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS='' cfg_listen=unix
rootless_publish
equals "$rootless_port" ""

it "a daemon that runs in the container is left alone"
mkdir -p "$cfg_run_dir/rootlesskit"
true >"$cfg_run_dir/rootlesskit/lock"
yes rootless_refuse
alone() (rootless_refuse) 2>/dev/null
(
  exec 7<"$cfg_run_dir/rootlesskit/lock"
  flock -n 7
  no alone
)
