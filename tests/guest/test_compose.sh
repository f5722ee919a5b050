# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report hooks ready supervise compose
socket=/run/docker.sock cfg_compose='' cfg_compose_timeout=5
mkdir -p "$work/bin"
cat >"$work/bin/docker" <<'END'
#!/bin/sh
echo "$*" >>"$CALLED"
echo "what compose says"
[ "$ANSWER" != late ] || exec sleep 30
exit "$ANSWER"
END
chmod 755 "$work/bin/docker"
PATH=$work/bin:$PATH CALLED=$work/called ANSWER=0
export PATH CALLED ANSWER
true >"$CALLED"

it "without a file nothing is started"
yes compose_run
equals "$(cat "$CALLED")" ""
it "the services of the file are started in the background, in bounded time"
echo 'services: {}' >"$work/compose.yaml"
cfg_compose=$work/compose.yaml
yes compose_run
equals "$(cat "$CALLED")" "-H unix:///run/docker.sock compose --file $work/compose.yaml up --detach"
it "a failure names the file and what compose said"
ANSWER=17
refused() { (compose_run || echo "$failure") 2>&1; }
contains "$(refused)" "what compose says"
contains "$(refused)" "compose.yaml cannot be started: docker compose ended with status 17"
it "so does one that takes too long"
ANSWER=late cfg_compose_timeout=1
contains "$(refused)" "not started after 1 s"
it "a missing file is named"
cfg_compose=$work/none.yaml
contains "$(refused)" "none.yaml cannot be read"

it "DIND_COMPOSE switches the recipe's services off"
put /etc/dind/config.env 'COMPOSE_FILE="/opt/demo/compose.yaml"'
config_load
equals "$cfg_compose" /opt/demo/compose.yaml
DIND_COMPOSE=off
config_load
equals "$cfg_compose" ""
