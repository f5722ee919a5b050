# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Whether this container is to be a daemon or a client of another one.

# Outside or inside of the namespaces of a daemon that is not root's (rootless.sh); empty for one that is.
rootless=''
# The socket of the daemon that this container would start, as a host, where the image's environment names it.
own_host=''
# Whether this image is for a Kubernetes cluster (kind.sh), and what its clients read once it answers.
kind_here='' kind_ready=''

# own_status: effective user in $own_user, effective capabilities in $own_capabilities: proc(5), /proc/PID/status.
own_status() {
  own_user='' own_capabilities=''
  while read -r name value; do
    case $name in
      Uid:)
        value=${value#*[[:space:]]}
        own_user=${value%%[[:space:]]*}
        ;;
      CapEff:)
        own_capabilities=$value
        return 0
        ;;
    esac
  done <"$dind_root/proc/self/status"
}

cannot_mount='this container may not mount: run it with --privileged for a daemon of its own'

# can_administer: CAP_SYS_ADMIN (bit 21) in the effective set; without it nothing can be mounted.
can_administer() {
  own_status
  # The sixth hexadecimal digit from the right holds bits 20 to 23.
  value=${own_capabilities%?????}
  case ${value#"${value%?}"} in
    [2367abefABEF]) return 0 ;;
  esac
  return 1
}

# can_mount: the capability, and a mount that is really made: seccomp and LSMs refuse it as well. Else the reason in
# $cannot_mount.
can_mount() {
  can_administer || return 1
  if ! mkdir -p "$cfg_run_dir/mount-probe" 2>/dev/null; then
    cannot_mount="$cfg_run_dir cannot be made: mount a tmpfs on /run when the root is read-only"
    return 1
  fi
  mount -t tmpfs -o size=4k tmpfs "$cfg_run_dir/mount-probe" 2>/dev/null || return 1
  umount "$cfg_run_dir/mount-probe"
}

# role_decide FORM: daemon or client in $role, the ground in $role_reason, whether somebody wants it so in $role_chosen.
role_decide() {
  role_chosen=yes
  case $1 in
    daemon | dockerd)
      role=daemon role_reason="the arguments ask for dockerd"
      return 0
      ;;
  esac
  if [ -n "${DOCKER_HOST:-}" ] && [ "$DOCKER_HOST" != "$own_host" ]; then
    redact "$DOCKER_HOST"
    role=client role_reason="DOCKER_HOST is $redacted"
  elif client_certificates && [ ! -e "$dind_root$DOCKER_TLS_CERTDIR/ca/key.pem" ] &&
    [ ! -e "$dind_root$DOCKER_TLS_CERTDIR/server/key.pem" ]; then
    role=client role_reason="only a client certificate in $DOCKER_TLS_CERTDIR"
  elif can_mount; then
    role=daemon role_reason="this container may mount"
  else
    role=client role_chosen=no role_reason=$cannot_mount
  fi
}
