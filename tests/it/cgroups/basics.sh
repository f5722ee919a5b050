# shellcheck shell=sh
# shellcheck disable=SC2154 # test_file is of tests/guest/harness.sh
# What has to hold on every kernel.
# shellcheck source=tests/it/cgroups/v2.sh
. "${test_file%/*}/v2.sh"

outer box --cgroupns=host --memory 300m --memory-swap 300m "$image"
it "the report says so"
equals "$(chosen box)" v2-host
delegated "host" box
outlives "host" box
gone host box
