# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# One screen: what was chosen, what is wrong, and the flag or setting of the host that mends it.

# Thresholds below which things go wrong sooner or later. kind's known issues and sysctl(8) of many hosts: 128 inotify
# instances are used up by a handful of nested systemd or kubelet processes.
doctor_instances=512 doctor_watches=65536 doctor_files=65536 doctor_percent=95

# doctor: status 1 when something is wrong.
doctor() {
  doctor_wrong=''
  if [ -s "$run_dir/report.json" ]; then
    doctor_report
  else
    echo "no daemon was started in this container"
    if [ "$rootless" = outside ]; then
      doctor_rootless
    else
      can_administer || doctor_say "this container may not mount, a daemon cannot be started" \
        "docker run --privileged; in a pod securityContext.privileged: true"
    fi
  fi
  echo
  doctor_decisions
  doctor_daemon
  doctor_space
  doctor_limits
  doctor_zombies
  if [ -z "$doctor_wrong" ]; then
    echo "nothing is wrong"
    return 0
  fi
  return 1
}

# doctor_rootless: what a daemon of this user lacks.
doctor_rootless() {
  rootless_look
  while IFS='|' read -r what remedy; do
    [ -z "$what" ] || doctor_say "$what" "$remedy"
  done <<END
$rootless_lacks
END
}

# doctor_say WHAT REMEDY
doctor_say() {
  [ -n "$doctor_wrong" ] || echo "what is wrong, and what mends it:"
  doctor_wrong=1
  printf '  - %s\n    %s\n' "$1" "$2"
}

# doctor_report: the choices, one a line.
doctor_report() {
  jq -r '
    def pad($n): . + (" " * ([$n - length, 1] | max));
    "\(.profile) on \(.distribution): \(.state)\(if .timings.ready then " after \(.timings.ready) ms" else "" end)",
    (.versions | to_entries | map("\(.key) \(.value)") | join(", ") | select(. != "")),
    "",
    (.decisions[] | select(.id != "failure") | "\(.id | pad(10))\(.choice | pad(14))\(.reason)"),
    (.decisions[] | .id as $id | .tried[] | select(.result != "works") | "  \($id | pad(8))\(.choice): \(.result)")' \
    "$run_dir/report.json"
}

# doctor_decisions: choices that work but cost something, and the reason of a start that failed.
doctor_decisions() {
  [ -s "$run_dir/report.json" ] || return 0
  doctor_choices=$(jq -r '.decisions[] | "\(.id):\(.choice) \(.reason | gsub("\n"; "; "))",
    (.id as $id | .tried[] | "\($id):\(.choice) \(.result | gsub("\n"; "; "))" | select(startswith("security:selinux")))' \
    "$run_dir/report.json")
  while read -r choice reason; do
    case $choice in
      failure:*) doctor_say "the start failed" "$reason" ;;
      storage:vfs | storage:native)
        doctor_say "every layer of an image is copied whole (${choice#*:})" \
          "put a volume on the data directory: -v NAME:/var/lib/docker; in a pod an emptyDir"
        ;;
      listeners:plain)
        doctor_say "whoever reaches the port is root here: no TLS" "start with DOCKER_TLS_CERTDIR=/certs"
        ;;
      security:apparmor-off)
        doctor_say "nested containers have no AppArmor profile of their own" \
          "add the package apparmor to the recipe, if they run what you do not trust"
        ;;
      security:selinux*) doctor_say "the host enforces SELinux, and files of this container have its labels" "$reason" ;;
    esac
  done <<END
$doctor_choices
END
}

# doctor_daemon: the same as for probes.
doctor_daemon() {
  [ -e "$run_dir/state" ] || return 0
  check_all && return 0
  case $state_state in
    failed | starting) return 0 ;;
  esac
  case $check_error in
    *expires*) doctor_say "$check_error" "docker restart makes new ones; replace those you brought yourself first" ;;
    *interface*) doctor_say "$check_error" "restart the container: dockerd makes its bridge at the start" ;;
    *written*) doctor_say "$check_error" "free space below it, or mount a larger volume there" ;;
    *) doctor_say "$check_error" "see the log of the container, then restart it" ;;
  esac
}

# doctor_space: of the data directory, before it is full.
doctor_space() {
  doctor_dir=${state_data_root:-/var/lib/docker}
  [ -d "$doctor_dir" ] || return 0
  for what in space inodes; do
    case $what in
      space) doctor_df=$(df -P "$doctor_dir" 2>/dev/null) ;;
      inodes) doctor_df=$(df -Pi "$doctor_dir" 2>/dev/null) ;;
    esac
    doctor_used=${doctor_df%\%*}
    doctor_used=${doctor_used##*[!0-9]}
    if is_number "$doctor_used" && [ "$doctor_used" -ge $doctor_percent ]; then
      doctor_say "$doctor_used % of the $what of $doctor_dir are used" \
        "docker system prune inside, or a larger volume; DIND_GC_DISK and DIND_GC_INODES do it by themselves"
    fi
  done
}

# doctor_limits: of the host, which nested containers share.
doctor_limits() {
  doctor_number max_user_instances $doctor_instances
  doctor_number max_user_watches $doctor_watches
  while read -r word1 word2 word3 _ hard _; do
    if [ "$word1 $word2 $word3" = 'Max open files' ] && is_number "$hard" && [ "$hard" -lt $doctor_files ]; then
      doctor_say "at most $hard open files a process" "docker run --ulimit nofile=1048576:1048576"
    fi
  done <"$dind_root/proc/self/limits"
}

# doctor_number NAME LEAST: a setting of inotify(7).
doctor_number() {
  doctor_file=$dind_root/proc/sys/fs/inotify/$1
  [ -r "$doctor_file" ] && read -r number <"$doctor_file" || return 0
  if is_number "$number" && [ "$number" -lt "$2" ]; then
    doctor_say "fs.inotify.$1 is $number: many nested services, or kubelet, will run out" \
      "on the host: sysctl -w fs.inotify.$1=$2"
  fi
}

# doctor_zombies: left only when nothing reaps them.
doctor_zombies() {
  zombies=0
  for file in "$dind_root"/proc/[0-9]*/stat; do
    read -r stat 2>/dev/null <"$file" || continue
    case ${stat##*) } in
      Z*) zombies=$((zombies + 1)) ;;
    esac
  done
  [ $zombies -lt 10 ] || doctor_say "$zombies zombies: process 1 of this container does not reap them" \
    "start the image with its own ENTRYPOINT, or with docker run --init"
}
