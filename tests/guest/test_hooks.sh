# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report hooks
config_load
socket=/var/run/docker.sock failure=''
hook() {
  put "/etc/dind/$1" "#!/bin/sh
$2"
  chmod "$3" "$dind_root/etc/dind/$1"
}

it "no directory means no hooks"
yes hooks_run ready.d
it "hooks run in the order of their names, a script that cannot be executed by the shell"
hook ready.d/20-second "echo second >>$work/order" 755
hook ready.d/10-first.sh "echo first >>$work/order" 644
hooks_run ready.d
equals "$(cat "$work/order")" "first
second"
it "they talk to the daemon of this container"
hook ready.d/30-host "echo \"\$DOCKER_HOST\${DOCKER_TLS_VERIFY:-}\" >$work/host" 755
DOCKER_TLS_VERIFY=1
export DOCKER_TLS_VERIFY
hooks_run ready.d
equals "$(cat "$work/host")" unix:///var/run/docker.sock
unset DOCKER_TLS_VERIFY
it "what they print is not on stdout"
hook ready.d/40-speaks 'echo words' 755
equals "$(hooks_run ready.d 2>/dev/null)" ''
it "leftovers of editors and packages are not run"
hook ready.d/50-old~ "echo bad >>$work/order" 755
hook ready.d/50-old.dpkg-dist "echo bad >>$work/order" 755
hooks_run ready.d 2>/dev/null
no grep -q bad "$work/order"
it "what can be run by nobody is said"
put /etc/dind/ready.d/60-note 'words'
contains "$(hooks_run ready.d 2>&1)" "60-note is neither executable"
it "a hook that fails ends the start with its name and status, and later ones do not run"
hook pre.d/10-fails 'exit 3' 755
hook pre.d/20-later "echo later >>$work/order" 755
no hooks_run pre.d
it "the failure names it"
hooks_run pre.d || :
contains "$failure" "pre.d/10-fails ended with status 3"
it "later hooks are left alone"
no grep -q later "$work/order"
it "a hook that hangs is ended"
cfg_hook_timeout=1
hook pre.d/10-fails 'sleep 30' 755
hooks_run pre.d || :
contains "$failure" "did not end within 1 s"
