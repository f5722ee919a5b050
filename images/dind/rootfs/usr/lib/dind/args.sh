# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# The words of the command line: what form it has, and what it already says to dockerd.

# args_form ARG...: daemon, dockerd, docker or command in $form.
args_form() {
  if [ $# -eq 0 ]; then
    form=daemon
    return 0
  fi
  case $1 in
    -*) form=daemon ;;
    dockerd) form=dockerd ;;
    docker) form=docker ;;
    *) form='command' ;;
  esac
}

# args_value LONG SHORT ARG...: the value of a flag in $arg_value, in every spelling pflag accepts.
# SHORT may be empty. The last one given wins, as in dockerd. Status 1 when the flag is absent.
args_value() {
  arg_long=$1 arg_short=$2 arg_status=1
  arg_value=''
  shift 2
  while [ $# -gt 0 ]; do
    case $1 in
      --) break ;;
      "--$arg_long="*)
        arg_value=${1#*=}
        arg_status=0
        ;;
      "--$arg_long")
        arg_value=${2-}
        arg_status=0
        [ $# -lt 2 ] || shift
        ;;
      "-${arg_short:-/}="*)
        arg_value=${1#*=}
        arg_status=0
        ;;
      "-${arg_short:-/}")
        arg_value=${2-}
        arg_status=0
        [ $# -lt 2 ] || shift
        ;;
      "-${arg_short:-/}"?*)
        arg_value=${1#"-$arg_short"}
        arg_status=0
        ;;
    esac
    shift
  done
  return $arg_status
}

# args_switch LONG ARG...: on, off or empty in $arg_value for a boolean flag, which never takes the next word.
args_switch() {
  arg_long=$1
  arg_value=''
  shift
  for arg; do
    case $arg in
      --) break ;;
      "--$arg_long" | "--$arg_long=true" | "--$arg_long=1") arg_value=on ;;
      "--$arg_long=false" | "--$arg_long=0") arg_value='off' ;;
    esac
  done
}
