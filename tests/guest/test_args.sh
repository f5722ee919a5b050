# shellcheck shell=sh
# shellcheck disable=SC2154 # results of the files under test
load log args

it "no argument asks for the daemon"
args_form
equals "$form" daemon
it "a first argument with a hyphen asks for the daemon"
args_form --insecure-registry r:5000
equals "$form" daemon
it "dockerd is taken literally"
args_form dockerd -D
equals "$form" dockerd
it "docker is a form of its own"
args_form docker run x
equals "$form" docker
it "anything else is a command"
args_form sh -c 'docker ps'
equals "$form" command

for spelling in --storage-driver=vfs '--storage-driver vfs' '-s vfs' -s=vfs -svfs; do
  it "a flag is found when it is spelled $spelling"
  # shellcheck disable=SC2086 # the words of the spelling
  args_value storage-driver s --debug $spelling --tls
  equals "$arg_value" vfs
done
it "the last of two flags wins"
args_value mtu '' --mtu 1 --mtu=2
equals "$arg_value" 2
it "an absent flag is not found"
no args_value mtu '' --mtux=5 -m 5
it "a flag after -- is not ours"
no args_value mtu '' -- --mtu=5
it "a value may be empty"
yes args_value bip '' --bip=
it "a switch without value is on"
args_switch iptables --iptables
equals "$arg_value" on
it "a switch may be turned off"
args_switch iptables --iptables=false --debug
equals "$arg_value" off
it "a switch does not take the next word"
args_switch iptables --iptables false
equals "$arg_value" on
