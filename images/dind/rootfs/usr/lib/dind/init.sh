# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# The process that reaps zombies and passes signals on to a whole process group.

# init_present: whether the parent of this shell is such a program already. Most signal their child alone unless they
# are told otherwise, and a shell that waits for its child does nothing about that.
init_present() {
  [ -r "$dind_root/proc/$PPID/comm" ] || return 1
  read -r init_comm <"$dind_root/proc/$PPID/comm" || return 1
  case $init_comm in
    tini | tini-static | docker-init | catatonit | dumb-init) ;;
    systemd) return 0 ;;
    *) return 1 ;;
  esac
  # How the image's own entry point calls it; dash and ash leave out the bytes between the words.
  read -r init_words 2>/dev/null <"$dind_root/proc/$PPID/cmdline"
  case $init_words in
    tini-s-g--*) return 0 ;;
  esac
  init_words=$(tr '\0' ' ' <"$dind_root/proc/$PPID/cmdline")
  init_words=${init_words%% -- *}
  case $init_comm:$init_words in
    dumb-init:*' -c'* | dumb-init:*' --single-child'*) return 1 ;;
    dumb-init:* | *' -g'* | *' -sg'*) return 0 ;;
  esac
  return 1
}

# init_shell: a manifest that says `sh -c "dockerd-entrypoint.sh"` leaves that shell as process 1, to which the kernel
# does not deliver signals it has no handler for. Nothing below it can change that.
init_shell() {
  [ "$PPID" = 1 ] && [ -r "$dind_root/proc/1/comm" ] && read -r init_comm <"$dind_root/proc/1/comm" || return 0
  case $init_comm in
    sh | dash | ash | bash | busybox)
      warn "process 1 is a shell, which passes no signal on: a stop will be a kill; write \`exec ${0##*/}\`"
      ;;
  esac
}

# init_enter SCRIPT ARG...: become a child of the init when the image's ENTRYPOINT was bypassed.
# The subreaper form is used because then the script need not be process 1.
init_enter() {
  init_present && return 0
  init_shell
  case $cfg_init in
    tini | tini-static) command -v "$cfg_init" >/dev/null 2>&1 && exec "$cfg_init" -s -g -- "$@" ;;
    dumb-init) command -v dumb-init >/dev/null 2>&1 && exec dumb-init -- "$@" ;;
    catatonit) command -v catatonit >/dev/null 2>&1 && exec catatonit -g -- "$@" ;;
    none) return 0 ;;
  esac
  warn "no $cfg_init in this image: zombies are not reaped"
}
