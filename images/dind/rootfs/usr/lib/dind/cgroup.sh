# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Control groups: make nested containers possible, and keep them inside what the outer engine granted.

# Version 2: the group below the own one that the processes of this container move to. No other program makes one of
# this name, so a path that ends in it is of an earlier start.
cgroup_leaf=dind-init
cgroup_newline='
'

# cgroup_scan: the mounts below /sys/fs/cgroup and the paths of this process.
#   cgroup_v2_root, cgroup_v2_mounted  root field and presence of cgroup2 at /sys/fs/cgroup itself
#   cgroup_v1_mounts                   lines "ROOT POINT OPTIONS" of the version 1 hierarchies
#   cgroup_shared                      set when one of those mounts propagates to another namespace
#   mounts_shared                      points of every mount that does
#   mounts                             lines "POINT TYPE DEVICE OPTIONS" of every mount
#   cgroup_v2_path, cgroup_v1_paths    own path; lines ":CONTROLLERS:PATH"
cgroup_scan() {
  cgroup_v2_mounted='' cgroup_v2_root='' cgroup_v1_mounts='' cgroup_shared='' cgroup_points=' '
  cgroup_hybrid='' mounts_shared=' ' mounts=''
  # In one piece: read(1) takes a byte at a time, and there may be hundreds of mounts.
  cgroup_lines=$(cat "$dind_root/proc/self/mountinfo") || die "/proc/self/mountinfo cannot be read"
  set -f
  cgroup_ifs=$IFS
  IFS=$cgroup_newline
  for cgroup_line in $cgroup_lines; do
    IFS=' '
    # shellcheck disable=SC2086 # the fields of a line
    set -- $cgroup_line
    device=$3 root=$4 point=$5 flags=$6
    shift 6
    # The optional fields end at a lone hyphen: proc(5), /proc/PID/mountinfo.
    while [ $# -gt 3 ] && [ "$1" != - ]; do
      case $1 in
        shared:*) mounts_shared="$mounts_shared$point " ;;
      esac
      shift
    done
    mounts="$mounts$point $2 $device $flags
"
    case $point in
      /sys/fs/cgroup | /sys/fs/cgroup/*) ;;
      *) continue ;;
    esac
    kind=$2
    shift $(($# - 1))
    options=$1
    case $kind in
      cgroup2)
        if [ "$point" = /sys/fs/cgroup ]; then
          cgroup_v2_mounted=1 cgroup_v2_root=$root
        else
          cgroup_hybrid=1
        fi
        ;;
      cgroup)
        cgroup_v1_mounts="$cgroup_v1_mounts$root $point $options
"
        cgroup_points="$cgroup_points$point "
        ;;
      *) continue ;;
    esac
    case $mounts_shared in
      *" $point ") cgroup_shared=1 ;;
    esac
  done
  IFS=$cgroup_ifs
  set +f
  cgroup_v2_path='' cgroup_v1_paths=''
  while IFS=: read -r id controllers path; do
    if [ "$id" = 0 ]; then
      cgroup_v2_path=$path
    else
      cgroup_v1_paths="$cgroup_v1_paths:$controllers:$path
"
    fi
  done <"$dind_root/proc/self/cgroup"
}

# cgroup_prepare: what was scanned made fit. Leaves the argument for --cgroup-parent in $cgroup_parent, or empty.
cgroup_prepare() {
  cgroup_parent=''
  if [ -r "$cfg_run_dir/machine/cgroup-parent" ]; then
    # systemd divides the groups, and the entry point has prepared and reported them: see machine.sh.
    read -r cgroup_parent <"$cfg_run_dir/machine/cgroup-parent" || :
    return 0
  fi
  if [ -n "$cgroup_v2_mounted" ]; then
    cgroup_v2_prepare
  elif [ -n "$cgroup_v1_mounts" ]; then
    cgroup_v1_prepare
  else
    die "no cgroup file system below /sys/fs/cgroup: run with --privileged"
  fi
}

# cgroup_private_mounts: nothing that is mounted or unmounted here may show outside.
cgroup_private_mounts() {
  [ -n "$cgroup_shared" ] || return 0
  mount --make-rprivate /sys/fs/cgroup || die "cannot make /sys/fs/cgroup private to this container"
  cgroup_shared=''
}

# cgroup_view TYPE OPTIONS POINT: this namespace's view of a hierarchy, put over the one at POINT. Through a bind mount,
# because the kernel refuses to mount a file system directly on top of itself.
cgroup_view() {
  mkdir -p "$cfg_run_dir/view"
  if ! { mount -t "$1" -o "$2" "$1" "$cfg_run_dir/view" && mount --bind "$cfg_run_dir/view" "$3"; }; then
    die "cannot put a view of our own over $3 ($2): $cannot_mount"
  fi
  umount "$cfg_run_dir/view"
}

# --- version 2 ---

cgroup_v2_prepare() {
  cgroup_v2_view
  cgroup_v2_locate
  case $cgroup_choice in
    v2-root)
      report_decision cgroup v2-root "this is the root of the hierarchy: it needs no leaf and is left alone"
      return 0
      ;;
    lost) die "own control group $cgroup_v2_path is not below /sys/fs/cgroup (its root is $cgroup_v2_root)" ;;
  esac
  cgroup_v2_delegate "$dind_root$cgroup_dir"
  cgroup_v2_oom
  report_decision cgroup "$cgroup_choice" "$cgroup_reason; controllers: ${cgroup_enabled:-none available}"
}

# cgroup_v2_oom: with 1, as Kubernetes sets it, one nested container out of memory would take the daemon with it.
cgroup_v2_oom() {
  if [ -e "$dind_root$cgroup_dir/memory.oom.group" ]; then
    { echo 0 >"$dind_root$cgroup_dir/memory.oom.group"; } 2>/dev/null ||
      report_tried cgroup memory.oom.group "could not be set to 0"
  fi
}

# cgroup_v2_view: a mount that shows groups above this namespace (-v /sys/fs/cgroup:/sys/fs/cgroup) gets one of our own
# on top.
cgroup_v2_view() {
  case $cgroup_v2_root in
    /..*)
      cgroup_private_mounts
      cgroup_view cgroup2 rw /sys/fs/cgroup
      report_tried cgroup mounted-view "belonged to a namespace above; mounted again"
      cgroup_v2_root=/
      ;;
  esac
}

# cgroup_v2_locate: own directory in $cgroup_dir, $cgroup_choice and what follows for dockerd.
cgroup_v2_locate() {
  cgroup_choice='' cgroup_dir=''
  # A second start in the same container finds itself in the leaf of the first.
  path=${cgroup_v2_path%"/$cgroup_leaf"}
  [ "$path" != / ] || path=''
  case $path in
    /..*)
      cgroup_choice=lost
      return 0
      ;;
  esac
  if [ "$cgroup_v2_root" != / ]; then
    case $path/ in
      "$cgroup_v2_root"/*) path=${path#"$cgroup_v2_root"} ;;
      *)
        cgroup_choice=lost
        return 0
        ;;
    esac
  fi
  cgroup_dir=/sys/fs/cgroup$path
  if [ ! -d "$dind_root$cgroup_dir" ]; then
    cgroup_choice=lost
  elif [ ! -e "$dind_root$cgroup_dir/cgroup.type" ]; then
    # Only the real root has no cgroup.type: cgroups(7).
    cgroup_choice=v2-root
  elif [ -z "$path" ]; then
    cgroup_choice=v2-private cgroup_reason="/sys/fs/cgroup shows the own group only"
  else
    cgroup_choice=v2-host cgroup_reason="host's namespace: containers go below $path"
    cgroup_parent=$path/docker
  fi
}

# cgroup_v2_delegate DIR: processes into a leaf, every controller on for the children.
# Bounded, because a process may be started in DIR between the two steps (docker exec does it).
cgroup_v2_delegate() {
  cgroup_enabled=''
  read -r kind <"$1/cgroup.type" || kind=unknown
  [ "$kind" = domain ] ||
    die "control group $1 is of type '$kind', below which no container can be started: \
start the outer container in a group of type domain"
  if [ ! -d "$1/$cgroup_leaf" ]; then
    cgroup_error=$(mkdir "$1/$cgroup_leaf" 2>&1) ||
      die "control group $1 cannot be written (${cgroup_error##*: }): run with --privileged"
  fi
  cgroup_wanted=''
  read -r controllers <"$1/cgroup.controllers" || controllers=''
  for controller in $controllers; do
    cgroup_wanted="$cgroup_wanted +$controller"
  done
  cgroup_try=0
  while :; do
    cgroup_v2_evacuate "$1" "$1/$cgroup_leaf"
    if [ -z "$cgroup_left" ]; then
      { echo "${cgroup_wanted# }" >"$1/cgroup.subtree_control"; } 2>/dev/null || :
      if cgroup_v2_enabled "$1"; then
        return 0
      fi
    fi
    cgroup_try=$((cgroup_try + 1))
    [ $cgroup_try -lt 40 ] || break
    # What a step of this start ran meanwhile is gone at the second look.
    [ $cgroup_try -lt 4 ] || sleep 0.05
  done
  # Some controller refuses: take those that can be had, and say which cannot.
  for controller in $controllers; do
    { echo "+$controller" >"$1/cgroup.subtree_control"; } 2>/dev/null || :
  done
  if cgroup_v2_enabled "$1"; then
    return 0
  fi
  cgroup_v2_members "$1"
  case " $cgroup_left" in
    ' ') warn "control group controllers not available to containers:$cgroup_missing" ;;
    *' 0 '*)
      die "control group $1 cannot be emptied: a process outside of this container is in it; \
start that process elsewhere, or the outer container with a group of its own"
      ;;
    *) die "control group $1 cannot be emptied: processes keep coming into it, now $cgroup_left" ;;
  esac
}

# cgroup_v2_enabled DIR: compare what is on with what was wanted; the rest in $cgroup_missing.
cgroup_v2_enabled() {
  cgroup_missing=''
  read -r cgroup_enabled <"$1/cgroup.subtree_control" || :
  for controller in $controllers; do
    case " $cgroup_enabled " in
      *" $controller "*) ;;
      *) cgroup_missing="$cgroup_missing $controller" ;;
    esac
  done
  [ -z "$cgroup_missing" ]
}

# cgroup_v2_evacuate FROM TO: move every process; those that stay in $cgroup_left.
cgroup_v2_evacuate() {
  while read -r pid; do
    [ "$pid" = 0 ] || { echo "$pid" >"$2/cgroup.procs"; } 2>/dev/null || :
  done <"$1/cgroup.procs"
  cgroup_v2_members "$1"
}

# cgroup_v2_members DIR: its processes in $cgroup_left; one that this process namespace does not have is a 0.
cgroup_v2_members() {
  cgroup_left=''
  while read -r pid; do
    cgroup_left="$cgroup_left$pid "
  done <"$1/cgroup.procs"
}

# --- version 1 and hybrid ---

# cgroup_v1_own OPTIONS: own path in the hierarchy with these mount options, in $own; status 1 when not a member.
cgroup_v1_own() {
  set -f
  cgroup_ifs=$IFS
  IFS=$cgroup_newline
  # shellcheck disable=SC2086 # its lines
  set -- "$1" $cgroup_v1_paths
  IFS=$cgroup_ifs
  set +f
  cgroup_options=,$1,
  shift
  for cgroup_line; do
    own=${cgroup_line#:*:}
    cgroup_line=${cgroup_line#:}
    case $cgroup_options in
      *",${cgroup_line%%[,:]*},"*) return 0 ;;
    esac
  done
  return 1
}

# cgroup_v1_case ROOT POINT OPTIONS: what a hierarchy needs, in $need:
#   nothing   nested paths already exist below the mount, or it is not ours
#   private   its root is the own group's, by a namespace: nested paths exist as they are
#   remount   it shows groups above this namespace
#   bind      it starts at the own group: its processes say /own/path, which must exist here too
#   parent    it is the host's whole hierarchy: containers go below the own group
#   unscoped  the same, and the own group is its root: nested kubelets would manage the host's processes
cgroup_v1_case() {
  need=nothing
  cgroup_v1_own "$3" || return 0
  case $1 in
    /..*) need=remount ;;
    /)
      # release_agent exists in the root of a hierarchy only: cgroups(7).
      if [ -e "$dind_root$2/release_agent" ]; then
        if [ "$own" = / ]; then need=unscoped; else need=parent; fi
      else
        need=private
      fi
      ;;
    *)
      case $own/ in
        "$1"/*)
          case $cgroup_points in
            *" $2$1 "*) ;;
            *) need=bind ;;
          esac
          ;;
      esac
      ;;
  esac
}

cgroup_v1_prepare() {
  layout=v1
  [ -z "$cgroup_hybrid" ] || layout=hybrid
  cgroup_dirs='' cgroup_binds='' cgroup_unscoped='' cgroup_remounts='' cgroup_namespaced=''
  while read -r root point options; do
    [ -n "$root" ] || continue
    cgroup_v1_case "$root" "$point" "$options"
    case $need in
      private) cgroup_namespaced=1 ;;
      remount)
        cgroup_namespaced=1 cgroup_remounts="$cgroup_remounts$point $options
"
        ;;
      bind)
        cgroup_dirs="$cgroup_dirs $point$root"
        cgroup_binds="$cgroup_binds$point $point$root none bind 0 0
"
        ;;
      parent)
        case ,$options, in
          *,memory,*) cgroup_parent=$own/docker ;;
          *) [ -n "$cgroup_parent" ] || cgroup_parent=$own/docker ;;
        esac
        ;;
      unscoped) cgroup_unscoped="$cgroup_unscoped $point" ;;
    esac
  done <<END
$cgroup_v1_mounts
END
  if [ -n "$cgroup_remounts$cgroup_binds" ]; then
    cgroup_private_mounts
  fi
  cgroup_v1_remount
  cgroup_v1_bind
  if [ -n "$cgroup_parent" ]; then
    cgroup_v1_drop_unscoped
    report_decision cgroup "$layout-host" "host's hierarchies are visible: containers go below ${cgroup_parent%/docker}"
  elif [ -n "$cgroup_binds" ]; then
    cgroup_v1_drop_unscoped
    report_decision cgroup "$layout-scoped" "each hierarchy starts at the own group and appears at its own path too"
  elif [ -n "$cgroup_unscoped" ] && [ -z "$cgroup_namespaced" ]; then
    report_decision cgroup "$layout-root" "this is the root of every hierarchy: left alone"
  else
    # A runtime that does not know a controller leaves its containers in the root of that hierarchy: runc 1.1 and misc.
    cgroup_v1_drop_unscoped
    report_decision cgroup "$layout-private" "own namespace: nested paths exist as they are"
  fi
}

cgroup_v1_remount() {
  while read -r point options; do
    [ -n "$point" ] || continue
    cgroup_v1_controllers "$options"
    cgroup_view cgroup "$controllers" "$point"
    report_tried cgroup "$point" "belonged to a namespace above; mounted again"
  done <<END
$cgroup_remounts
END
}

# cgroup_v1_controllers OPTIONS: those that select a hierarchy, in $controllers.
cgroup_v1_controllers() {
  controllers=''
  rest=$1,
  while [ -n "$rest" ]; do
    word=${rest%%,*}
    rest=${rest#*,}
    case $word in
      rw | ro | xattr | noprefix | clone_children | cpuset_v2_mode | release_agent=* | '') ;;
      name=*) controllers="$controllers,none,$word" ;;
      *) controllers="$controllers,$word" ;;
    esac
  done
  controllers=${controllers#,}
}

cgroup_v1_bind() {
  [ -n "$cgroup_dirs" ] || return 0
  # shellcheck disable=SC2086 # a list of paths without blanks: mountinfo escapes them
  mkdir -p $cgroup_dirs || die "the control groups are read-only: run with --privileged"
  # As lines of fstab(5), whose escapes are those of mountinfo: one call for a dozen of them.
  if ! printf '%s' "$cgroup_binds" >"$cfg_run_dir/cgroup.fstab" || ! mount -a -T "$cfg_run_dir/cgroup.fstab"; then
    die "cannot bind the control group hierarchies to their own paths, as $cfg_run_dir/cgroup.fstab lists them: \
$cannot_mount"
  fi
}

cgroup_v1_drop_unscoped() {
  [ -n "$cgroup_unscoped" ] || return 0
  cgroup_private_mounts
  for point in $cgroup_unscoped; do
    if [ "$point" = /sys/fs/cgroup/devices ]; then
      # runc cannot start a container without it.
      report_tried cgroup "$point" "not scoped to this container, kept: runc needs it"
    elif umount "$point" 2>/dev/null; then
      report_tried cgroup "$point" "not scoped to this container, unmounted"
    else
      warn "$point is not scoped to this container and cannot be unmounted"
      report_tried cgroup "$point" "not scoped to this container, cannot be unmounted"
    fi
  done
}
