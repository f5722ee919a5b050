# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2317,SC2329 # variables shared with the files under test, functions they call
load log config report security
config_load
parser=''
command() {
  case "$*" in
    '-v apparmor_parser') [ -n "$parser" ] ;;
    *) builtin_command "$@" ;;
  esac
}
builtin_command() {
  case $1 in
    mkdir) shift && env mkdir "$@" ;;
    *) return 1 ;;
  esac
}
mounts=''
mount() {
  mounts="${mounts}[mount $*]"
  case "$*" in
    *securityfs*) [ -z "$refused" ] && put /sys/kernel/security/apparmor/profiles "$profiles" ;;
    *) [ -z "$refused" ] ;;
  esac
}
umount() {
  mounts="${mounts}[umount $1]"
  [ -z "$refused" ]
}
# a_host ENFORCING PARSER VERSION PROFILES: a fake kernel and image.
a_host() {
  fresh
  mounts='' refused='' parser=$2 recipe_engine_version=$3 profiles=$4
  unset container
  [ -z "$1" ] || put /sys/module/apparmor/parameters/enabled "$1"
}
visible() { put /sys/kernel/security/apparmor/profiles "$profiles"; }

it "without AppArmor nothing is mounted, and the report says so"
a_host '' yes 20.10.24 ''
security_prepare
contains "$report_decisions$mounts" '"choice":"none","tried":[],"reason":"the kernel does not enforce AppArmor"'
it "an AppArmor that is switched off counts as none"
a_host N yes 20.10.24 ''
security_prepare
contains "$report_decisions$mounts" '"choice":"none"'

it "with the parser securityfs is mounted"
a_host Y yes 20.10.24 ''
security_prepare
equals "$mounts" "[mount -t securityfs securityfs $dind_root/sys/kernel/security]"
it "then nested containers get a profile, and the engine is told that it runs in a container"
contains "$report_decisions${container:-}" '"choice":"apparmor"'
equals "${container:-}" docker
it "a securityfs that is there is not mounted again"
a_host Y yes 20.10.24 ''
visible
security_prepare
equals "$mounts" ''

it "without the parser securityfs is never mounted"
a_host Y '' 20.10.24 ''
security_prepare
equals "$mounts${container:-}" ''
it "the report says that nested containers have no profile, and why"
contains "$report_decisions" '"choice":"apparmor-off","tried":[],"reason":"apparmor_parser is not in this image'
it "without the parser a securityfs that is there is taken away, or every nested container would fail to start"
a_host Y '' 20.10.24 ''
visible
security_prepare
equals "$mounts" "[umount $dind_root/sys/kernel/security]"
contains "$report_decisions" 'was mounted; hidden, because apparmor_parser is not in this image'
it "where it can neither be unmounted nor covered, the start stops and names the remedy"
a_host Y '' 20.10.24 ''
visible
refused=1
contains "$(security_prepare 2>&1)" 'start the outer container with its own /sys'
it "where securityfs is refused, the report says that nested containers are not confined"
a_host Y yes 20.10.24 ''
refused=1
security_prepare
contains "$report_decisions" 'securityfs cannot be mounted: nested containers are not confined'

it "an engine that would load its profile over the outer engine's does not get to see profiles"
a_host Y yes 26.1.5 'docker-default (enforce)'
security_prepare
equals "$mounts" "[mount -t securityfs securityfs $dind_root/sys/kernel/security][umount $dind_root/sys/kernel/security]"
contains "$report_decisions" '"choice":"apparmor-off"'
it "an engine of unknown version is taken for such a one"
a_host Y yes '' 'docker-default (enforce)'
security_prepare
contains "$report_decisions" '"choice":"apparmor-off"'
it "an engine that uses the loaded profile as it is may see it"
a_host Y yes 20.10.24 'docker-default (enforce)'
security_prepare
contains "$report_decisions" '"choice":"apparmor"'
it "other profiles of the host are no conflict"
a_host Y yes 26.1.5 'docker-default-ci (enforce)
/usr/sbin/ntpd (enforce)'
security_prepare
contains "$report_decisions" '"choice":"apparmor"'

it "enforcing SELinux is reported with the option that it needs"
a_host '' '' 20.10.24 ''
put /sys/fs/selinux/enforce 1
security_prepare
contains "$report_decisions" 'start the outer container with --security-opt label=disable'
it "permissive SELinux is not"
a_host '' '' 20.10.24 ''
put /sys/fs/selinux/enforce 0
security_prepare
contains "$report_decisions" '"id":"security","choice":"none","tried":[]'
it "no script of the guest relabels a file or switches labelling on"
equals "$(grep -rlE --include='*.sh' 'chcon|restorecon|setfiles|selinux-enabled' "$common" "$dind")" ''
