# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154,SC2031,SC2030 # the files share their variables, and cases run in subshells
load log config report role cgroup machine

machine=$work/machine
mkdir -p "$machine"

it 'quotes a word so that a shell reads it back as it was'
# shellcheck disable=SC2016 # not to be expanded is the point
for word in "it's" 'a "b" $c `d` \e' '' "'" "line
break"; do
  machine_quote "$word"
  eval "back=$quoted"
  equals "$back" "$word"
done

it 'hides controllers that nobody has mounted, and no others'
put /proc/cgroups '#subsys_name	hierarchy	num_cgroups	enabled
cpu	1	10	1
net_cls	0	6	1
hugetlb	0	1	0
pids	8	10	1'
mount() { :; }
machine_controllers
equals "$(cat "$machine/cgroups")" '#subsys_name	hierarchy	num_cgroups	enabled
cpu	1	10	1
net_cls	0	6	0
hugetlb	0	1	0
pids	8	10	1'

it 'gives services the proxies, and docker.service the settings of this runtime'
mkdir -p "$dind_root/run"
(
  # shellcheck disable=SC2016
  export HTTP_PROXY='http://u:"p%\@proxy' DIND_STORAGE='a "b" $c' DOCKER_HOST=tcp://x OTHER=1 \
    DIND_AUTHORIZED_KEYS=x
  machine_environment
)
equals "$(cat "$dind_root/run/systemd/system.conf.d/10-dind.conf")" '[Manager]
DefaultEnvironment= "HTTP_PROXY=http://u:\"p%%\\@proxy"'
# shellcheck disable=SC2016
equals "$(grep -v '^DIND_\(LIB\|RUN_DIR\|QUIET\)=' "$machine/environment")" 'DIND_STORAGE="a \"b\" \$c"'

it 'takes keys from the variable and from the usual places'
put /etc/dind/authorized_keys 'ssh-ed25519 AAAA one'
(
  DIND_AUTHORIZED_KEYS='ssh-ed25519 AAAAB two'
  machine_keys
)
equals "$(cat "$machine/keys/root")" 'ssh-ed25519 AAAA one
ssh-ed25519 AAAAB two'

it 'refuses a private key'
(
  DIND_AUTHORIZED_KEYS='-----BEGIN OPENSSH PRIVATE KEY-----'
  machine_keys
) 2>"$work/said"
contains "$(cat "$work/said")" 'private key'

it 'refuses keys that sshd would pass over without a word'
rm "$dind_root/etc/dind/authorized_keys"
(
  DIND_AUTHORIZED_KEYS='c3NoLWVkMjU1MTkgQUFBQQ=='
  machine_keys
) 2>"$work/said"
contains "$(cat "$work/said")" 'is a public key'
# Files of variables keep the quotes.
(
  DIND_AUTHORIZED_KEYS='"ssh-ed25519 AAAAC one"'
  machine_keys
) 2>"$work/said"
contains "$(cat "$work/said")" 'is a public key'
(
  DIND_AUTHORIZED_KEYS='# of the team
restrict,pty sk-ssh-ed25519@openssh.com AAAAG one
ssh-ed25519
ecdsa-sha2-nistp256 AAAAE two'
  machine_keys
) 2>"$work/said"
contains "$(cat "$work/said")" 'no public key: 1'
rm "$machine/keys/root"
(
  DIND_AUTHORIZED_KEYS='# nobody yet'
  machine_keys
) 2>"$work/said"
equals "$(cat "$work/said")" ''
no [ -e "$machine/keys/root" ]

it 'refuses a machine id that is none'
(
  DIND_MACHINE_ID=xyz
  machine_identity
) 2>"$work/said"
contains "$(cat "$work/said")" 'DIND_MACHINE_ID must be 32 digits'

it 'says which limit of the host is too low, and what mends it'
put /proc/sys/fs/inotify/max_user_instances 128
put /proc/sys/fs/inotify/max_user_watches 65536
contains "$(machine_limits 2>&1)" 'sysctl -w fs.inotify.max_user_instances=512'
