# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report args engine daemon_json listen
config_load
daemon_keys=$dind/usr/lib/dind/daemon-keys.json
# Some flags of dockerd 20.10, which has no --validate.
engine_help='      --userland-proxy
      --log-driver string
      --log-opt map
      --dns list
      --debug
      --default-ulimit ulimit
      --add-runtime runtime
      --label list
      --storage-driver string'
unset DIND_DAEMON_JSON
put /etc/dind/daemon.json '{"log-driver":"local","log-opts":{"max-size":"10m"},"userland-proxy":false}'
put /etc/docker/daemon.json '{"log-driver":"local","log-opts":{"max-size":"10m"},"userland-proxy":false}'
# made ARG...: what dockerd would read.
made() {
  dockerd_flags=$made_flags report_tried='' report_decisions=''
  daemon_read "$@"
  daemon_write "$@"
  jq -Sc . "$cfg_run_dir/daemon.json"
}
made_flags=''

it "an untouched file is the recipe's"
equals "$(made)" '{"log-driver":"local","log-opts":{"max-size":"10m"},"userland-proxy":false}'
it "a mounted file is merged over the recipe's: objects key by key, null takes away"
put /etc/docker/daemon.json '{"log-opts":{"max-file":"3"},"userland-proxy":null,"dns":["10.0.0.1"]}'
equals "$(made)" '{"dns":["10.0.0.1"],"log-driver":"local","log-opts":{"max-file":"3","max-size":"10m"}}'
it "a variable is merged over both"
DIND_DAEMON_JSON='{"debug":true,"dns":["10.0.0.2"]}'
equals "$(made)" '{"debug":true,"dns":["10.0.0.2"],"log-driver":"local","log-opts":{"max-file":"3","max-size":"10m"}}'
it "the report says what it was made of"
made >/dev/null
contains "$report_decisions" 'the recipe, /etc/docker/daemon.json, DIND_DAEMON_JSON'
it "what an argument says is taken out of the file"
equals "$(made --dns 10.0.0.3 -D --log-driver=journald)" '{"log-opts":{"max-file":"3","max-size":"10m"}}'
it "so is what our own flags say"
made_flags='--dns=10.0.0.4
'
equals "$(made)" '{"debug":true,"log-driver":"local","log-opts":{"max-file":"3","max-size":"10m"}}'
made_flags=''
it "lists whose key is another word are found"
DIND_DAEMON_JSON='{"insecure-registries":["a:5000"],"runtimes":{"x":{"path":"/x"}},"labels":["a=b"]}'
equals "$(made --insecure-registry b:5000 --add-runtime y=/y --label c=d)" \
  '{"dns":["10.0.0.1"],"log-driver":"local","log-opts":{"max-file":"3","max-size":"10m"}}'
unset DIND_DAEMON_JSON
it "another file can be named"
put /etc/team.json '{"debug":true}'
equals "$(made --config-file /etc/team.json)" \
  '{"debug":true,"log-driver":"local","log-opts":{"max-size":"10m"},"userland-proxy":false}'
it "one that is not there is an error"
contains "$( (made --config-file=/etc/none.json) 2>&1)" '--config-file names /etc/none.json, which is not there'

it "an unknown key is named with the file that has it"
put /etc/docker/daemon.json '{"log-drivr":"local"}'
contains "$( (made) 2>&1)" '/etc/docker/daemon.json: log-drivr is no key of dockerd'
it "a key that this engine has not yet is named"
put /etc/docker/daemon.json '{"default-cgroupns-mode":"host"}'
contains "$( (made) 2>&1)" '/etc/docker/daemon.json: default-cgroupns-mode is not known to this dockerd'
it "a value of the wrong type is named, and the variable that has it"
put /etc/docker/daemon.json '{}'
DIND_DAEMON_JSON='{"dns":"10.0.0.1"}'
contains "$( (made) 2>&1)" 'DIND_DAEMON_JSON: dns must be array, not string'
it "text that is no JSON is named with its place"
DIND_DAEMON_JSON='{"dns":'
contains "$( (made) 2>&1)" 'DIND_DAEMON_JSON is not a JSON object: '
it "neither is a list a configuration"
DIND_DAEMON_JSON='[]'
contains "$( (made) 2>&1)" 'DIND_DAEMON_JSON is not a JSON object: '
unset DIND_DAEMON_JSON
it "an engine that can judge for itself is asked, with the merged file"
engine_help="$engine_help
      --validate"
# shellcheck disable=SC2317 # called by daemon_check
dockerd() { echo "$*" >"$work/asked"; }
put /etc/docker/daemon.json '{"proxies":{"http-proxy":"x"}}'
made >/dev/null
equals "$(cat "$work/asked")" "--validate --config-file $cfg_run_dir/daemon.json"
it "its verdict ends the start with its own words"
dockerd() {
  echo 'unable to configure the Docker daemon with file x: the following directives do not match: proxies'
  return 1
}
contains "$( (made) 2>&1)" 'dockerd refuses its configuration'
