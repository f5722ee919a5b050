# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Security modules of the host's kernel, seen from a container.

# Engines up to this version use a profile that is loaded already; later ones load their own over it.
security_keeps_profile=20

# security_apparmor: whether the kernel enforces AppArmor.
security_apparmor() {
  [ -r "$dind_root/sys/module/apparmor/parameters/enabled" ] &&
    read -r apparmor <"$dind_root/sys/module/apparmor/parameters/enabled" && [ "$apparmor" = Y ]
}

# security_selinux: the kernel enforces SELinux: say which option the outer engine has for it. Labels belong to the
# outer engine; nothing here changes one.
security_selinux() {
  if [ -r "$dind_root/sys/fs/selinux/enforce" ] && read -r selinux <"$dind_root/sys/fs/selinux/enforce" &&
    [ "$selinux" = 1 ]; then
    report_tried security selinux \
      "enforcing: start the outer container with --security-opt label=disable if nested mounts are denied"
  fi
}

# security_prepare: dockerd loads its profile when it sees securityfs; without apparmor_parser that fails at every
# start of a container, while the daemon reports ready. So securityfs is there only with the parser.
security_prepare() {
  security_selinux
  if ! security_apparmor; then
    report_decision security none "the kernel does not enforce AppArmor"
    return 0
  fi
  if ! command -v apparmor_parser >/dev/null 2>&1; then
    security_hide "apparmor_parser is not in this image"
    report_decision security apparmor-off \
      "apparmor_parser is not in this image: nested containers have no profile of their own, the outer one still holds"
    return 0
  fi
  # runc and containerd look at this variable before they use AppArmor inside a container.
  container=docker
  export container
  if [ ! -d "$dind_root/sys/kernel/security/apparmor" ] &&
    ! mount -t securityfs securityfs "$dind_root/sys/kernel/security" 2>/dev/null; then
    report_decision security apparmor-off "securityfs cannot be mounted: nested containers are not confined"
    return 0
  fi
  if security_conflict; then
    security_hide "the outer engine has a profile docker-default, which this dockerd would load its own over"
    report_decision security apparmor-off \
      "profiles are the host's: nested containers have none of their own, so that the outer engine's stays as it is"
    return 0
  fi
  report_decision security apparmor "nested containers get the docker-default profile"
}

# security_conflict: whether a profile of the name that dockerd uses is loaded by somebody else, and dockerd would
# replace it. Profiles are the kernel's, not the container's.
security_conflict() {
  security_major=${recipe_engine_version%%.*}
  if is_number "$security_major" && [ "$security_major" -le $security_keeps_profile ]; then
    return 1
  fi
  [ -r "$dind_root/sys/kernel/security/apparmor/profiles" ] || return 1
  while read -r profile _; do
    [ "$profile" != docker-default ] || return 0
  done <"$dind_root/sys/kernel/security/apparmor/profiles"
  return 1
}

# security_hide REASON: take securityfs out of sight where it is.
security_hide() {
  [ -d "$dind_root/sys/kernel/security/apparmor" ] || return 0
  umount "$dind_root/sys/kernel/security" 2>/dev/null ||
    mount -t tmpfs -o ro,size=4k tmpfs "$dind_root/sys/kernel/security" 2>/dev/null ||
    die "AppArmor is visible and cannot be hidden, but $1: nested containers would fail or harm the host's profiles; \
start the outer container with its own /sys"
  report_tried security securityfs "was mounted; hidden, because $1"
}
