# shellcheck shell=sh
# shellcheck disable=SC2016,SC2034,SC2154 # variables shared with the files under test; text that is not to be expanded
load log config report

it "numbers fit for arithmetic are numbers"
yes is_number 10
for word in '' 08 -1 1k 1.5 99999999999; do
  it "'$word' is no number"
  no is_number "$word"
done
it "the clock reads 08 and 09 hundredths as decimal"
now_ms
yes is_number "$now"
it "credentials in a URL are redacted"
redact http://user:p@ss@proxy.example:3128/x
equals "$redacted" 'http://***@proxy.example:3128/x'
it "a URL without credentials stays"
redact tcp://docker:2376
equals "$redacted" tcp://docker:2376

it "quotes and backslashes are escaped in JSON"
json_string 'a "b" \c'
equals "$json" '"a \"b\" \\c"'
it "line breaks become blanks in JSON"
json_string "a
b	c"
equals "$json" '"a b c"'
it "the report is JSON with every decision and its alternatives"
report_tried storage overlay2 'refused "here"'
report_tried iptables legacy works
report_decision storage loop 'because'
report_decision iptables legacy 'default'
report_version runc 1.1
report_timing tls 20
report_write ready
equals "$(jq -c '[.schema,.state,(.decisions[]|[.id,.choice,(.tried|length),.reason]),.versions.runc,.timings.tls]' "$cfg_run_dir/report.json")" \
  '[1,"ready",["storage","loop",1,"because"],["iptables","legacy",1,"default"],"1.1",20]'

put /etc/dind/config.env 'INIT="dumb-init"
STORAGE_FALLBACK="loop tmpfs "
STORAGE_SIZE="$(touch '"$work"'/evaluated)"
IPTABLES_BACKEND="nft"'
config_load
it "the recipe's values are read"
equals "$cfg_init $cfg_iptables" "dumb-init nft"
it "nothing in the recipe's values is evaluated"
no test -e "$work/evaluated"
it "the ladder begins with overlay2"
equals "$cfg_storage" "overlay2 loop tmpfs "
it "a variable wins over the recipe"
DIND_INIT=tini
config_load
equals "$cfg_init" tini
it "a setting that is no number is refused by name"
contains "$(DIND_STOP_TIMEOUT=soon && config_load 2>&1)" DIND_STOP_TIMEOUT
