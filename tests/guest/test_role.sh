# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables shared with the files under test
load log config report client role
may_mount=yes
cannot_mount='it may not'
can_mount() { [ $may_mount = yes ]; }
unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH XDG_RUNTIME_DIR
DOCKER_TLS_CERTDIR=/certs

it "with nothing given, a container that may mount is a daemon"
role_decide docker
equals "$role" daemon
it "a container that may not mount is a client"
may_mount=no
role_decide command
equals "$role" client
may_mount=yes
it "DOCKER_HOST makes a client"
DOCKER_HOST=tcp://x:1
role_decide docker
equals "$role" client
it "dockerd by name is a daemon although DOCKER_HOST is set"
role_decide dockerd
equals "$role" daemon
unset DOCKER_HOST
for file in ca cert key; do put "/certs/client/$file.pem" x; done
it "only a client certificate makes a client"
role_decide command
equals "$role" client
it "a client certificate beside the authority's key does not"
put /certs/ca/key.pem x
role_decide command
equals "$role" daemon
rm "$dind_root/certs/ca/key.pem"
it "a client certificate beside a given server key does not"
put /certs/server/key.pem x
role_decide command
equals "$role" daemon

it "a client with certificates talks TLS to docker:2376"
client_environment
equals "$DOCKER_HOST $DOCKER_TLS_VERIFY $DOCKER_CERT_PATH" "tcp://docker:2376 1 /certs/client"
it "a client without certificates talks to docker:2375"
rm -rf "$dind_root/certs"
unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH
client_environment
equals "$DOCKER_HOST ${DOCKER_TLS_VERIFY:-none}" "tcp://docker:2375 none"

it "CAP_SYS_ADMIN is found in the full set"
put /proc/self/status 'Name: sh
CapEff:	000001ffffffffff'
yes can_administer
it "CAP_SYS_ADMIN is missed in docker's default set"
put /proc/self/status 'CapEff:	00000000a80425fb'
no can_administer
it "CAP_SYS_ADMIN alone is enough"
put /proc/self/status 'CapEff:	0000000000200000'
yes can_administer
