# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report args engine daemon_json listen
unset DOCKER_HOST DIND_LISTEN
config_load
engine_config=/etc/docker/daemon.json
again() { # FORM ARG...: the flags for these arguments
  fresh
  dockerd_flags='' daemon_json=${file_json:-'{}'} config_keys=' '
  daemon_digest
  form=$1
  shift
  listen_defaults=$form
  DOCKER_TLS_CERTDIR=''
  listen_prepare "$form" "$@"
}
listen_clear() { :; }

it "the default socket is that of everybody"
again defaults
equals "$socket|$dockerd_flags" "/var/run/docker.sock|--host=unix:///var/run/docker.sock
--host=tcp://0.0.0.0:2375
--tls=false
"
it "a daemon that is to listen on a port alone gets the socket as well"
again '' -H tcp://0.0.0.0:2375
equals "$socket|$dockerd_flags" "/var/run/docker.sock|--host=unix:///var/run/docker.sock
"
it "the first socket of the arguments is ours"
again '' -H tcp://0.0.0.0:2375 --host=unix:///a.sock -Hunix:///b.sock
equals "$socket|$dockerd_flags" "/a.sock|"
it "beside the default listeners it takes the place of theirs"
again defaults --host unix:///a.sock
equals "$socket|$dockerd_flags" "/a.sock|--host=tcp://0.0.0.0:2375
--tls=false
"
it "a word that only looks like a listener is none"
again '' --label unix:///x
equals "$socket" /var/run/docker.sock
it "the client's variable names the socket of the default listeners only"
DOCKER_HOST=unix:///c.sock
again defaults
equals "$socket" /c.sock
again ''
equals "$socket" /var/run/docker.sock
unset DOCKER_HOST
it "listeners of the configuration file without a socket get one there"
file_json='{"hosts":["tcp://0.0.0.0:2375"]}'
again defaults
listen_keep
equals "$socket|$dockerd_flags|$(printf '%s' "$daemon_json" | jq -c .hosts)" \
  '/var/run/docker.sock||["tcp://0.0.0.0:2375","unix:///var/run/docker.sock"]'
it "a socket in it is ours"
file_json='{"hosts":["unix:///d.sock","tcp://0.0.0.0:2375"]}'
again ''
listen_keep
equals "$socket|$(printf '%s' "$daemon_json" | jq -c .hosts)" '/d.sock|["unix:///d.sock","tcp://0.0.0.0:2375"]'
it "the variable for the default listeners leaves a daemon with its own arguments to the file"
DIND_LISTEN=unix
again ''
equals "$socket" /d.sock
it "a variable wins over the file's listeners"
cfg_listen=unix DIND_LISTEN=unix
again defaults
equals "$dockerd_flags" "--host=unix:///var/run/docker.sock
"
