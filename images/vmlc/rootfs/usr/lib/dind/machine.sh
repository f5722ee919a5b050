# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# What a container that systemd runs gets before systemd starts: memory where systemd would mount it, control groups,
# an identity, keys, and the environment of its services. Everything is in $machine, for the services to find.

# machine_memory: /run and /tmp in memory, unless they are mounted already. systemd would do it, over what is here.
machine_memory() {
  machine_points=' '
  while read -r _ _ _ _ point _; do
    machine_points="$machine_points$point "
  done <"$dind_root/proc/self/mountinfo"
  case $machine_points in
    *' /run '*) ;;
    *)
      mount -t tmpfs -o mode=755,nosuid,nodev,strictatime tmpfs "$dind_root/run" ||
        die "cannot mount a tmpfs on /run: $cannot_mount"
      ;;
  esac
  case $machine_points in
    *' /tmp '*) ;;
    *)
      mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$dind_root/tmp" ||
        die "cannot mount a tmpfs on /tmp: $cannot_mount"
      ;;
  esac
}

# machine_cgroup: version 2 is systemd's to divide; of version 1 each hierarchy has to be where nested processes say
# it is. What follows for dockerd is left in $machine/cgroup-parent.
machine_cgroup() {
  if [ -z "$cgroup_v2_mounted" ]; then
    cgroup_prepare
    machine_controllers
    machine_kubelet
  else
    cgroup_parent=''
    cgroup_v2_view
    cgroup_v2_locate
    case $cgroup_choice in
      lost) die "own control group $cgroup_v2_path is not below /sys/fs/cgroup (its root is $cgroup_v2_root)" ;;
      v2-root) cgroup_reason="this is the root of the hierarchy" ;;
      *)
        [ -w "$dind_root$cgroup_dir/cgroup.procs" ] ||
          die "control group $cgroup_dir cannot be written: run with --privileged"
        cgroup_v2_oom
        ;;
    esac
    # Groups of nested containers are made by systemd, which knows where its own are.
    cgroup_parent=''
    report_decision cgroup "$cgroup_choice" "$cgroup_reason; systemd divides it"
  fi
  printf '%s\n' "$cgroup_parent" >"$machine/cgroup-parent" || die "cannot write $machine/cgroup-parent"
}

# machine_kubelet: a node of Kubernetes (DIND_KUBELET) has its pods below groups of their own in each hierarchy of
# version 1. cpuset(7): a new group has no processors until it is told which. Each is bound to itself, because a kubelet
# in a namespace of mounts sees the root of a bind mount as the root of the hierarchy. On version 2 systemd divides the
# groups, and the kubelet's unit makes its own.
machine_kubelet() {
  is_on "${DIND_KUBELET:-}" || return 0
  while read -r _ point _; do
    # What is not scoped to this container is unmounted by now.
    [ -e "$dind_root$point/cgroup.procs" ] || continue
    for group in kubelet kubelet.slice; do
      machine_group=$dind_root$point/$group
      mkdir -p "$machine_group" || die "cannot make the control group $point/$group"
      for file in cpuset.cpus cpuset.mems; do
        [ ! -e "$machine_group/$file" ] || cat "$dind_root$point/$file" >"$machine_group/$file" ||
          die "cannot write $point/$group/$file"
      done
      mount --bind "$machine_group" "$machine_group" || die "cannot bind $point/$group to itself: $cannot_mount"
    done
  done <<END
$cgroup_v1_mounts
END
}

# machine_controllers: systemd mounts every controller of version 1 that the kernel has. Those that nobody has mounted
# would be new hierarchies of the whole host, so it is shown a list without them.
machine_controllers() {
  machine_list=''
  while read -r controller hierarchy groups enabled; do
    case $controller:$hierarchy in
      '#'*) ;;
      *:0) enabled=0 ;;
    esac
    machine_list="$machine_list$controller	$hierarchy	$groups	$enabled
"
  done <"$dind_root/proc/cgroups"
  printf '%s' "$machine_list" >"$machine/cgroups"
  mount --bind "$machine/cgroups" "$dind_root/proc/cgroups" ||
    die "cannot put a list of our own over /proc/cgroups: $cannot_mount"
}

# machine_limits: limits of the host that nested nodes run into, by the file that says them.
machine_limits() {
  machine_limit max_user_instances 512
  machine_limit max_user_watches 65536
}

# machine_limit NAME LEAST
machine_limit() {
  read -r limit 2>/dev/null <"$dind_root/proc/sys/fs/inotify/$1" || return 0
  [ "$limit" -ge "$2" ] ||
    warn "fs.inotify.$1 is $limit: programs fail with 'too many open files'; on the host: sysctl -w fs.inotify.$1=$2"
}

# machine_identity: what tells this machine from another one of the same image. systemd fills the empty machine-id.
machine_identity() {
  if [ -n "${DIND_MACHINE_ID:-}" ]; then
    case $DIND_MACHINE_ID in
      *[!0-9a-f]*) machine_id='' ;;
      *) machine_id=$DIND_MACHINE_ID ;;
    esac
    [ ${#machine_id} = 32 ] || die "DIND_MACHINE_ID must be 32 digits of 0-9a-f, not '$DIND_MACHINE_ID'"
    echo "$machine_id" >"$dind_root/etc/machine-id" || die "cannot write /etc/machine-id"
  fi
  case ${DIND_PRODUCT_UUID:-} in
    '' | 0 | false | no | off) return 0 ;;
    1 | true | yes | on)
      # Kept, so that the machine is the same after a restart.
      [ -s "$dind_root/etc/dind/product_uuid" ] ||
        cat "$dind_root/proc/sys/kernel/random/uuid" >"$dind_root/etc/dind/product_uuid" ||
        die "cannot write /etc/dind/product_uuid"
      ;;
    *[!0-9a-fA-F-]*) die "DIND_PRODUCT_UUID must be 1 or a UUID, not '$DIND_PRODUCT_UUID'" ;;
    *) echo "$DIND_PRODUCT_UUID" >"$dind_root/etc/dind/product_uuid" || die "cannot write /etc/dind/product_uuid" ;;
  esac
  product=/sys/class/dmi/id/product_uuid
  if [ ! -e "$dind_root$product" ]; then
    warn "DIND_PRODUCT_UUID is set, but this host has no $product"
    return 0
  fi
  mount --bind "$dind_root/etc/dind/product_uuid" "$dind_root$product" || die "cannot put a UUID over $product: $cannot_mount"
}

# machine_keys: who may log in as root: the text of a variable, a file that is named, or one of the usual places.
machine_keys() {
  machine_file=${DIND_AUTHORIZED_KEYS_FILE:-}
  if [ -n "$machine_file" ]; then
    [ -r "$dind_root$machine_file" ] || die "DIND_AUTHORIZED_KEYS_FILE: $machine_file cannot be read"
  fi
  machine_authorized=''
  for file in "$machine_file" /etc/dind/authorized_keys /run/secrets/authorized_keys; do
    if [ -n "$file" ] && [ -r "$dind_root$file" ]; then
      machine_authorized="$machine_authorized$(cat "$dind_root$file")
"
    fi
  done
  machine_authorized="$machine_authorized${DIND_AUTHORIZED_KEYS:-}"
  case $machine_authorized in
    *'PRIVATE KEY'*) die "the keys that may log in contain a private key: give the public one, NAME.pub" ;;
  esac
  # sshd passes over what it cannot read without a word. Every key's own text starts with the length of its type.
  machine_counts=$(printf '%s\n' "$machine_authorized" | awk '
    /^[ \t\r]*(#|$)/ { next }
    /(^|[ \t])((webauthn-)?sk-)?(ssh|ecdsa)-[^ \t]+[ \t]+AAAA/ { known++; next }
    { strange++ }
    END { print known + 0, strange + 0 }')
  case $machine_counts in
    '0 0') return 0 ;;
    '0 '*) die "none of the keys that may log in is a public key, as in NAME.pub: 'ssh-ed25519 AAAA...'" ;;
    *' 0') ;;
    *) warn "of the keys that may log in, lines that are no public key: ${machine_counts#* }" ;;
  esac
  if ! mkdir -p "$machine/keys" || ! printf '%s\n' "$machine_authorized" >"$machine/keys/root" ||
    ! chmod 644 "$machine/keys/root"; then
    die "cannot write $machine/keys/root, without which nobody can log in"
  fi
}

# machine_environment: services get nothing of the container's environment. Proxies are for all of them, the settings
# of this runtime for docker.service.
machine_environment() {
  mkdir -p "$dind_root/run/systemd/system.conf.d" || die "cannot make /run/systemd/system.conf.d"
  awk 'BEGIN {
    line = ""
    for (name in ENVIRON) if (name ~ /^((HTTP|HTTPS|FTP|ALL|NO)_PROXY|(http|https|ftp|all|no)_proxy)$/) {
      value = ENVIRON[name]
      gsub(/["\\]/, "\\\\&", value)
      gsub(/%/, "%%", value)
      line = line " \"" name "=" value "\""
    }
    if (line != "") printf "[Manager]\nDefaultEnvironment=%s\n", line
  }' >"$dind_root/run/systemd/system.conf.d/10-dind.conf" || die "cannot write the environment of services below /run"
  awk 'BEGIN {
    for (name in ENVIRON) if (name ~ /^(DIND_|DOCKER|MTU$)/ && name !~ /^(DOCKER_(HOST|CONTEXT|CERT_PATH|TLS_VERIFY|API_VERSION)|DIND_AUTHORIZED_KEYS)$/) {
      value = ENVIRON[name]
      gsub(/["\\`$]/, "\\\\&", value)
      printf "%s=\"%s\"\n", name, value
    }
  }' >"$machine/environment" || die "cannot write $machine/environment"
}

# machine_note: what was decided so far, for the report that docker.service completes.
machine_note() {
  printf '%s' "$report_decisions" >"$machine/decisions"
}

# machine_quote WORD: as one word of sh in $quoted.
machine_quote() {
  quoted=''
  machine_rest=$1
  while :; do
    case $machine_rest in
      *\'*)
        quoted="$quoted${machine_rest%%\'*}'\\''"
        machine_rest=${machine_rest#*\'}
        ;;
      *) break ;;
    esac
  done
  quoted="'$quoted$machine_rest'"
}

# machine_command WORD...: a process that outlives this shell holds the container's input and output, which systemd
# would close, and runs the command as a service with them.
machine_command() {
  {
    echo '#!/bin/sh'
    # shellcheck disable=SC2016 # awk's own
    awk 'BEGIN {
      for (name in ENVIRON) if (name ~ /^[A-Za-z_][A-Za-z0-9_]*$/ && name !~ /^(PWD|OLDPWD|SHLVL|_|container)$/) {
        value = ENVIRON[name]
        gsub(/\047/, "\047\\\047\047", value)
        printf "export %s=\047%s\047\n", name, value
      }
    }'
    machine_quote "$PWD"
    echo "cd $quoted || exit"
    printf exec
    for word; do
      machine_quote "$word"
      printf ' %s' "$quoted"
    done
    echo
  } >"$machine/command" || die "cannot write $machine/command"
  chmod 700 "$machine/command" || die "cannot make $machine/command executable"
  machine_wait=''
  ! is_on "$cfg_wait" || machine_wait=$cfg_start_timeout
  exec 3<&0
  setsid "$lib/run-command" "$machine/command" "$cfg_stop_timeout" "$machine_wait" <&3 3<&- &
  exec 3<&-
}
