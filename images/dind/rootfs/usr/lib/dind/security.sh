# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Security modules of the host's kernel, seen from a container.

# security_apparmor: whether the kernel enforces AppArmor.
security_apparmor() {
  [ -r "$dind_root/sys/module/apparmor/parameters/enabled" ] &&
    read -r apparmor <"$dind_root/sys/module/apparmor/parameters/enabled" && [ "$apparmor" = Y ]
}

# security_prepare: dockerd loads its profile when it sees securityfs; without apparmor_parser that fails at every
# start of a container, while the daemon reports ready. So securityfs is there only with the parser.
security_prepare() {
  if [ -r "$dind_root/sys/fs/selinux/enforce" ] && read -r selinux <"$dind_root/sys/fs/selinux/enforce" &&
    [ "$selinux" = 1 ]; then
    report_tried security selinux \
      "enforcing: start the outer container with --security-opt label=disable if nested mounts are denied"
  fi
  if ! security_apparmor; then
    report_decision security none "the kernel does not enforce AppArmor"
    return 0
  fi
  if command -v apparmor_parser >/dev/null 2>&1; then
    # runc and containerd look at this variable before they use AppArmor inside a container.
    container=docker
    export container
    if [ ! -d "$dind_root/sys/kernel/security/apparmor" ]; then
      mount -t securityfs securityfs /sys/kernel/security || {
        report_decision security apparmor-off "securityfs cannot be mounted: nested containers are not confined"
        return 0
      }
    fi
    report_decision security apparmor "nested containers get the docker-default profile"
    return 0
  fi
  if [ -d "$dind_root/sys/kernel/security/apparmor" ]; then
    umount /sys/kernel/security 2>/dev/null ||
      mount -t tmpfs -o ro,size=4k tmpfs /sys/kernel/security ||
      die "AppArmor is visible but apparmor_parser is not in this image: every nested container would fail; \
start the outer container with its own /sys"
    report_tried security securityfs "was mounted; hidden, because apparmor_parser is not in this image"
  fi
  report_decision security apparmor-off \
    "apparmor_parser is not in this image: nested containers have no profile of their own, the outer one still holds"
}
