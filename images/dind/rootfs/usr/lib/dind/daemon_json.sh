# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# The configuration file of dockerd: the recipe's words, under those of a mounted file, under those of the environment.
# Objects are merged key by key, lists are replaced, null takes a key away. What the command line says is taken out of
# the file, because dockerd refuses a key that is given in both places.

# The recipe's words, and where people put theirs; dockerd reads what was merged of both.
daemon_recipe=/etc/dind/daemon.json
daemon_keys=${lib:-/usr/lib/dind}/daemon-keys.json

# daemon_read ARG...: the merged configuration in $daemon_json, the keys that matter here in config_*.
daemon_read() {
  config_data_root='' config_exec_root='' config_storage_driver='' config_cgroup_parent='' config_keys=' '
  config_snapshotter='' config_pid_file='' daemon_sources='' daemon_mounted=''
  engine_config=/etc/docker/daemon.json
  if args_value config-file '' "$@"; then
    engine_config=$arg_value
    [ -f "$dind_root$engine_config" ] || die "--config-file names $engine_config, which is not there"
  fi
  text_read "$dind_root$daemon_recipe"
  daemon_json=${text:-'{}'}
  [ -z "$text" ] || daemon_source_add "$daemon_recipe" "the recipe"
  text_read "$dind_root$engine_config"
  if [ -n "$text" ] && [ "$text" != "$daemon_json" ]; then
    daemon_merge "$text" "$engine_config"
    daemon_mounted=$text
  fi
  if [ -n "${DIND_DAEMON_JSON:-}" ]; then
    daemon_merge "$DIND_DAEMON_JSON" DIND_DAEMON_JSON
  fi
  daemon_digest
}

daemon_source_add() {
  daemon_sources="${daemon_sources:+$daemon_sources, }$2"
}

# daemon_merge TEXT ORIGIN: TEXT over what is there.
daemon_merge() {
  daemon_object "$1" "$2"
  daemon_json=$(printf '%s\n%s' "$daemon_json" "$1" | jq -s '
    def prune: if type == "object" then with_entries(select(.value != null) | .value |= prune) else . end;
    .[0] * .[1] | prune') || die "cannot merge $2 into the configuration of dockerd"
  daemon_source_add '' "$2"
}

# daemon_object TEXT ORIGIN: a JSON object, or the reason with the place.
daemon_object() {
  daemon_error=$(printf '%s' "$1" | jq -s 'if length != 1 or (.[0] | type) != "object" then
    error("not one JSON object") else empty end' 2>&1) ||
    die "$2 is not a JSON object: ${daemon_error#jq: error (at <stdin>*): }"
}

# daemon_digest: what other steps ask for. The common case, the recipe's file with none of those keys, needs no jq.
daemon_digest() {
  case $daemon_json in
    '{}' | "{}$engine_newline") return 0 ;;
  esac
  daemon_facts=$(printf '%s' "$daemon_json" | jq -r '
    def text: if type == "string" then . else "" end;
    "data-root \(."data-root" // .graph | text)",
    "exec-root \(."exec-root" | text)",
    "pidfile \(.pidfile | text)",
    "storage-driver \(."storage-driver" | text)",
    "cgroup-parent \(."cgroup-parent" | text)",
    "snapshotter \(.features."containerd-snapshotter" | if . == null then "" else . end)",
    "keys \(keys | join(" "))"') || die "$daemon_recipe is not a JSON object"
  while read -r key value; do
    case $key in
      data-root) config_data_root=$value ;;
      exec-root) config_exec_root=$value ;;
      pidfile) config_pid_file=$value ;;
      storage-driver) config_storage_driver=$value ;;
      cgroup-parent) config_cgroup_parent=$value ;;
      snapshotter) config_snapshotter=$value ;;
      keys) config_keys=" $value " ;;
    esac
  done <<END
$daemon_facts
END
}

# config_has KEY: whether the configuration file sets it.
config_has() {
  case $config_keys in
    *" $1 "*) return 0 ;;
  esac
  return 1
}

# daemon_flag_keys WORD...: the keys that flags among the words stand for and the file has, in $daemon_taken.
daemon_flag_keys() {
  daemon_taken=''
  for word; do
    case $word in
      --) return 0 ;;
      --*)
        word=${word#--}
        daemon_take "${word%%=*}"
        ;;
      -[DHbgGlps]*)
        word=${word#-}
        case ${word%"${word#?}"} in
          D) daemon_take debug ;;
          H) daemon_take host ;;
          b) daemon_take bridge ;;
          g) daemon_take data-root ;;
          G) daemon_take group ;;
          l) daemon_take log-level ;;
          p) daemon_take pidfile ;;
          s) daemon_take storage-driver ;;
        esac
        ;;
    esac
  done
}

# daemon_take FLAG: a list has a plural for its key: moby daemon/config, the names of its list options.
daemon_take() {
  case $1 in
    insecure-registry) set -- insecure-registries ;;
    allow-nondistributable-artifacts) ;;
    add-runtime) set -- runtimes ;;
    graph) set -- graph data-root ;;
    data-root) set -- data-root graph ;;
    *) set -- "$1" "${1}s" ;;
  esac
  for key; do
    if config_has "$key"; then
      daemon_taken="${daemon_taken:+$daemon_taken }$key"
    fi
  done
}

# daemon_write ARG...: the file that dockerd will read, without what the flags and ARGs say.
daemon_write() {
  daemon_file=$cfg_run_dir/daemon.json
  listen_keep
  daemon_words=$dockerd_flags
  set -f
  daemon_ifs=$IFS
  IFS=$engine_newline
  # shellcheck disable=SC2086 # one flag a line
  daemon_flag_keys $daemon_words "$@"
  IFS=$daemon_ifs
  set +f
  if [ -n "$daemon_taken" ]; then
    daemon_json=$(printf '%s' "$daemon_json" | jq --arg keys "$daemon_taken" \
      'delpaths([$keys | split(" ")[] | [.]])') || die "cannot take $daemon_taken out of the configuration of dockerd"
    report_tried config "$daemon_taken" "taken out of the file: an argument or a variable says it"
  fi
  # There may be the password of a proxy in it.
  daemon_to=$daemon_file
  [ ! -e "$daemon_file" ] || daemon_to=$daemon_file.new
  if ! (umask 077 && printf '%s\n' "$daemon_json" >"$daemon_to") ||
    ! { [ "$daemon_to" = "$daemon_file" ] || mv "$daemon_to" "$daemon_file"; }; then
    die "cannot write $daemon_file"
  fi
  case $daemon_sources in
    '' | 'the recipe') daemon_checked='as the recipe has it' ;;
    *) daemon_check "$@" ;;
  esac
  report_decision config "${daemon_sources:-empty}" "$daemon_file, $daemon_checked"
}

# daemon_check ARG...: what people wrote is tried before the daemon is started with it: by the engine where it can, else
# by a list of the keys that engines before 23.0 know.
daemon_check() {
  if engine_has validate; then
    daemon_error=$(dockerd --validate --config-file "$daemon_file" 2>&1) ||
      die "dockerd refuses its configuration, made of $daemon_sources: ${daemon_error##*msg=}"
    daemon_checked='accepted by dockerd --validate'
    return 0
  fi
  daemon_error=$(jq -rn --slurpfile known "$daemon_keys" --slurpfile file "$daemon_file" '
    $file[0] | to_entries[] | .key as $key | (.value | type) as $type
    | if $known[0][$key] == null then "\($key) is no key of dockerd"
      elif $known[0][$key] != $type then "\($key) must be \($known[0][$key]), not \($type)"
      else empty end') || die "cannot check the configuration of dockerd with $daemon_keys"
  if [ -n "$daemon_error" ]; then
    daemon_key=${daemon_error%%"$engine_newline"*}
    daemon_refuse "${daemon_key%% *}" "${daemon_key#* }"
  fi
  for key in $config_keys; do
    daemon_known "$key" || daemon_refuse "$key" "is not known to this dockerd"
  done
  daemon_checked='every key is known'
}

# daemon_known KEY: whether this dockerd lists the flag that the key stands for.
daemon_known() {
  case $1 in
    builder | features | graph | deprecated-key-path | containerd-* | cluster-*) return 0 ;;
    insecure-registries) engine_has insecure-registry ;;
    runtimes) engine_has add-runtime ;;
    *) engine_has "$1" || engine_has "${1%s}" ;;
  esac
}

# daemon_refuse KEY REASON
daemon_refuse() {
  daemon_origin "$1"
  die "$daemon_origin: $1 $2"
}

# daemon_reload: on HUP, when a file was changed, with the daemon's arguments in $daemon_own, one a line. What cannot be
# used leaves everything as it is.
daemon_reload() {
  (
    die() {
      warn "not reloaded: $1"
      exit 1
    }
    set -f
    daemon_ifs=$IFS
    IFS=$engine_newline
    # shellcheck disable=SC2086 # one word a line
    set -- $daemon_own
    IFS=$daemon_ifs
    set +f
    daemon_read "$@"
    daemon_write "$@"
  ) || return 0
  kill -HUP "$dockerd_pid" 2>/dev/null
}

# daemon_origin KEY: who says it, in $daemon_origin: the last word wins.
daemon_origin() {
  daemon_origin='the recipe'
  for daemon_of in file variable; do
    case $daemon_of in
      file) text=$daemon_mounted name=$engine_config ;;
      variable) text=${DIND_DAEMON_JSON:-} name=DIND_DAEMON_JSON ;;
    esac
    if [ -n "$text" ] && printf '%s' "$text" | jq -e --arg key "$1" 'has($key)' >/dev/null; then
      daemon_origin=$name
    fi
  done
}
