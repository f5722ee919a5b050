# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# What was decided and why: collected in variables, written as report.json (images/report.schema.json).
# Written by the shell itself: it takes no time, so the report is complete when the user's command starts, and it is
# there in images without jq.

report_decisions='' report_tried='' report_versions='' report_timings=''
report_newline='
'

# json_string TEXT: a JSON string with its quotes in $json.
json_string() {
  case $1 in
    *[[:cntrl:]]*) json_rest=$(printf '%s' "$1" | tr '[:cntrl:]' ' ') ;;
    *) json_rest=$1 ;;
  esac
  json='"'
  while :; do
    case $json_rest in
      *[\"\\]*)
        json_head=${json_rest%%[\"\\]*}
        json_rest=${json_rest#"$json_head"}
        json="$json$json_head\\${json_rest%"${json_rest#?}"}"
        json_rest=${json_rest#?}
        ;;
      *)
        json="$json$json_rest\""
        return 0
        ;;
    esac
  done
}

# report_tried ID CHOICE RESULT: an alternative was looked at. Belongs to the next decision with this id.
report_tried() {
  json_string "$2"
  report_entry="{\"choice\":$json"
  json_string "$3"
  report_tried="$report_tried$1 $report_entry,\"result\":$json}$report_newline"
}

# report_decision ID CHOICE REASON: the end of a decision; one line of the log says the same.
report_decision() {
  report_list=''
  case $report_newline$report_tried in
    *"$report_newline$1 "*) report_list_tried "$1" ;;
  esac
  json_string "$2"
  report_entry="{\"id\":\"$1\",\"choice\":$json,\"tried\":[$report_list]"
  json_string "$3"
  report_decisions="${report_decisions:+$report_decisions,}$report_newline  $report_entry,\"reason\":$json}"
  log "$1: $2 ($3)"
}

# report_list_tried ID: what belongs to a decision, in $report_list.
report_list_tried() {
  while read -r report_id report_entry; do
    [ "$report_id" != "$1" ] || report_list="${report_list:+$report_list,}$report_entry"
  done <<END
$report_tried
END
}

# report_version PROGRAM VERSION
report_version() {
  json_string "$2"
  report_versions="${report_versions:+$report_versions,}\"$1\":$json"
}

# report_timing PHASE MILLISECONDS
report_timing() {
  report_timings="${report_timings:+$report_timings,}\"$1\":$2"
}

# phase_begin / phase_end NAME: how long a phase of the start took.
phase_begin() {
  now_ms
  phase_from=$now
}

phase_end() {
  now_ms
  report_timing "$1" $((now - phase_from))
}

# report_write STATE: the whole report to the run directory, put in place by one rename.
report_write() {
  json_string "${recipe_profile:-}"
  report_head="\"state\":\"$1\",\"profile\":$json"
  json_string "${recipe_distribution:-}"
  printf '{"schema":1,%s,"distribution":%s,\n"decisions":[%s],\n"versions":{%s},\n"timings":{%s}}\n' \
    "$report_head" "$json" "$report_decisions" "$report_versions" "$report_timings" >"$cfg_run_dir/report.json.new" &&
    mv "$cfg_run_dir/report.json.new" "$cfg_run_dir/report.json"
}
