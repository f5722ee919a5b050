# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # the files of this directory share their variables
# Certificates for the TCP listener, laid out as docker:dind does: {ca,server,client}/{ca,cert,key}.pem.
# Private keys are kept; a certificate is issued again when it is missing, about to expire, or lacks a name.

tls_newline='
'

# tls_names: every name and address this container answers to, in $tls_san, in openssl's syntax.
tls_names() {
  tls_san=' DNS:docker DNS:localhost IP:127.0.0.1 IP:::1 '
  read -r name <"$dind_root/proc/sys/kernel/hostname" && tls_name_add "DNS:$name"
  own_name=$name
  if [ -r "$dind_root/etc/hosts" ]; then
    while read -r address names; do
      case " $names " in
        *[!A-Za-z0-9.\ _-]*) ;;
        *" $own_name "*)
          for name in $names; do
            tls_name_add "DNS:$name"
          done
          ;;
      esac
    done <"$dind_root/etc/hosts"
  fi
  # "2: eth0    inet 10.0.0.2/24 …", with a peer "inet 10.0.0.2 peer 10.0.0.1/32".
  tls_addresses=$(ip -o addr show) || die "ip addr fails"
  while read -r _ _ family address _; do
    case $family in
      inet | inet6) tls_name_add "IP:${address%/*}" ;;
    esac
  done <<END
$tls_addresses
END
  tls_saved_ifs=$IFS
  IFS=' ,'
  for name in $cfg_tls_san; do
    IFS=$tls_saved_ifs
    tls_name_add "$name"
  done
  IFS=$tls_saved_ifs
  tls_san=${tls_san# }
  tls_san=${tls_san% }
}

tls_name_add() {
  case $1 in
    DNS: | IP:) ;;
    DNS:*[!A-Za-z0-9.*_-]*) ;;
    *)
      case $tls_san in
        *" $1 "*) ;;
        *) tls_san="$tls_san$1 " ;;
      esac
      ;;
  esac
}

# tls_serial: a random serial number in $serial: 122 random bits, without a fork.
tls_serial() {
  read -r uuid <"/proc/sys/kernel/random/uuid"
  tls_saved_ifs=$IFS
  IFS=-
  # shellcheck disable=SC2086 # split at the hyphens
  set -- $uuid
  IFS=$tls_saved_ifs
  serial=0x$1$2$3$4$5
}

# tls_begin DIR: tls_prepare beside the other steps of a start, as none of them needs the certificates. Its decision, or
# its failure, is in a file until tls_end.
tls_begin() {
  tls_outcome=$cfg_run_dir/tls.outcome
  true >"$tls_outcome" || die "cannot write $tls_outcome"
  now_ms
  tls_began=$now
  (
    # shellcheck disable=SC2317 # called by tls_prepare
    die() {
      printf 'failure - %s\n' "$1" >"$tls_outcome"
      exit 1
    }
    # shellcheck disable=SC2317
    report_decision() { printf 'decision %s %s\n' "$2" "$3" >"$tls_outcome"; }
    tls_prepare "$1"
    now_ms
    echo "took $((now - tls_began))" >>"$tls_outcome"
  ) 9>&- &
  tls_job=$!
}
tls_job=''

# tls_end: certificates ready, or the reason why not.
tls_end() {
  [ -n "$tls_job" ] || return 0
  tls_status=0
  wait "$tls_job" || tls_status=$?
  tls_job=''
  if [ $tls_status != 0 ]; then
    text_read "$tls_outcome"
    case $text in
      'failure - '*)
        text=${text#failure - }
        die "${text%"$tls_newline"}"
        ;;
      *) die "making certificates in $DOCKER_TLS_CERTDIR ended with status $tls_status" ;;
    esac
  fi
  while read -r tls_kind tls_first tls_rest; do
    case $tls_kind in
      decision) report_decision tls "$tls_first" "$tls_rest" ;;
      took) report_timing tls "$tls_first" ;;
    esac
  done <"$tls_outcome"
}

# tls_openssl ARG...: some commands of OpenSSL 3 read the authorities of the whole system before they begin, which takes
# longer than what they do.
tls_openssl() {
  SSL_CERT_FILE=/dev/null openssl "$@"
}

# tls_prepare DIR: certificates ready in DIR, or the reason why not.
tls_prepare() {
  command -v openssl >/dev/null 2>&1 || die "openssl is not in this image; set DOCKER_TLS_CERTDIR= for plain TCP"
  tls_dir=$1
  if [ ! -e "$tls_dir/ca/key.pem" ] && tls_complete; then
    tls_verify_given
    return 0
  fi
  if [ ! -e "$tls_dir/ca/key.pem" ] && [ ! -d "$tls_dir/server/.new" ]; then
    for part in ca/cert.pem server/ca.pem server/cert.pem server/key.pem; do
      [ ! -e "$tls_dir/$part" ] ||
        die "$tls_dir has $part but neither ca/key.pem nor all of server/{ca,cert,key}.pem: \
bring your own server files complete, or none"
    done
  fi
  tls_issue
}

# tls_complete: whether everything is there that a server needs, and no start was interrupted.
tls_complete() {
  [ ! -d "$tls_dir/server/.new" ] && [ -s "$tls_dir/server/ca.pem" ] && [ -s "$tls_dir/server/cert.pem" ] &&
    [ -s "$tls_dir/server/key.pem" ]
}

# tls_writable: whether anything can be put into the directory; root may write by every mode.
tls_writable() {
  mkdir "$tls_dir/.dind-probe" 2>/dev/null && rmdir "$tls_dir/.dind-probe"
}

# tls_verify_given: certificates brought by the user are checked and never written.
tls_verify_given() {
  # What follows the certificate in its file are those between it and an authority.
  if ! tls_said=$(tls_openssl verify -CAfile "$tls_dir/server/ca.pem" -untrusted "$tls_dir/server/cert.pem" \
    "$tls_dir/server/cert.pem" 2>&1); then
    # "error 10 at 0 depth lookup: certificate has expired", and what failed in the next line.
    tls_number=${tls_said#*error }
    tls_number=${tls_number%% *}
    tls_said=${tls_said#*lookup: }
    tls_said=${tls_said%%"$tls_newline"*}
    case $tls_number in
      # dockerd knows clients by server/ca.pem; who issued its own certificate is the clients' affair (ca.pem of theirs).
      2 | 18 | 19 | 20 | 21) warn "$tls_dir/server/cert.pem is not of $tls_dir/server/ca.pem ($tls_said): clients need \
the authority it is of" ;;
      *) die "$tls_dir/server/cert.pem is not valid: $tls_said" ;;
    esac
  fi
  tls_openssl x509 -noout -checkend 0 -in "$tls_dir/server/cert.pem" >/dev/null ||
    die "$tls_dir/server/cert.pem is not valid: certificate has expired"
  tls_public=$(tls_openssl x509 -noout -pubkey -in "$tls_dir/server/cert.pem") ||
    die "$tls_dir/server/cert.pem is no certificate"
  [ "$(tls_openssl pkey -passin pass: -pubout -in "$tls_dir/server/key.pem" 2>/dev/null)" = "$tls_public" ] ||
    die "$tls_dir/server/key.pem is not the key of $tls_dir/server/cert.pem"
  tls_openssl x509 -noout -checkend $((cfg_tls_renew_days * 86400)) -in "$tls_dir/server/cert.pem" >/dev/null ||
    warn "$tls_dir/server/cert.pem expires within $cfg_tls_renew_days days"
  report_decision tls given "certificates in $tls_dir/server verified, nothing written"
}

# tls_check: which certificates are of this authority and far from their end, as lines "FILE: OK" in $tls_valid. One
# that was made for a short life is issued again in its last third, and not over and over. One call for all three; an
# authority of the user may itself be below another.
tls_check() {
  tls_left=$((cfg_tls_renew_days * 86400))
  if [ $((cfg_tls_days * 28800)) -lt $tls_left ]; then
    tls_left=$((cfg_tls_days * 28800))
  fi
  tls_valid=''
  [ -s "$tls_dir/ca/cert.pem" ] || return 0
  tls_now=$(date +%s)
  tls_valid=$(tls_openssl verify -no-CApath -partial_chain -attime $((tls_now + tls_left)) \
    -CAfile "$tls_dir/ca/cert.pem" "$tls_dir/ca/cert.pem" "$tls_dir/server/cert.pem" "$tls_dir/client/cert.pem" 2>/dev/null)
}

# tls_good WHAT: whether key and certificate can stay.
tls_good() {
  case $tls_newline$tls_valid$tls_newline in
    *"$tls_newline$tls_dir/$1/cert.pem: OK$tls_newline"*) ;;
    *) return 1 ;;
  esac
  [ -s "$tls_dir/$1/key.pem" ] || return 1
  [ "$1" != ca ] || return 0
  text_read "$tls_dir/$1/ca.pem"
  tls_authority=$text
  text_read "$tls_dir/ca/cert.pem"
  [ "$tls_authority" = "$text" ]
}

# tls_config FILE: the sections for one authority and two certificates. One configuration serves every call, so
# that the distribution's openssl.cnf does not matter.
tls_config() {
  tls_list=''
  for name in $tls_san; do
    tls_list="${tls_list:+$tls_list,}$name"
  done
  printf '%s' "[req]
distinguished_name = name
prompt = no
[name]
CN = dind
[ca]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature${tls_encipher}
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $tls_list
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
" >"$1"
}

# tls_request WHAT ARG...: openssl req with the key of WHAT, made on the way when there is none.
tls_request() {
  what=$1
  shift
  if [ -s "$tls_dir/$what/key.pem" ]; then
    tls_openssl req -new -key "$tls_dir/$what/key.pem" -subj "/CN=dind $what" -config "$tls_work/config" "$@" \
      2>"$tls_work/$what.log"
    return
  fi
  # shellcheck disable=SC2086 # the algorithm is several words
  tls_openssl req -new $tls_algorithm -nodes -keyout "$tls_dir/$what/.new/key.pem" -subj "/CN=dind $what" \
    -config "$tls_work/config" "$@" 2>"$tls_work/$what.log"
}

# tls_certify WHAT: the certificate of WHAT, with its key when there is none. `req -CA` came with OpenSSL 3; before, it
# takes a second call.
tls_certify() {
  tls_serial
  tls_request "$1" -x509 -sha256 -CA "$tls_ca" -CAkey "$tls_ca_key" -set_serial "$serial" -days "$cfg_tls_days" \
    -extensions "$1" -out "$tls_dir/$1/.new/cert.pem" || { tls_request_only "$1" && tls_sign "$1"; }
}

# tls_request_only WHAT: a request for WHAT, with its key when there is none.
tls_request_only() {
  tls_request "$1" -out "$tls_work/$1.csr"
}

# tls_sign WHAT: the certificate of WHAT from its request.
tls_sign() {
  tls_serial
  tls_openssl x509 -req -sha256 -in "$tls_work/$1.csr" -CA "$tls_ca" -CAkey "$tls_ca_key" \
    -set_serial "$serial" -days "$cfg_tls_days" -extfile "$tls_work/config" -extensions "$1" \
    -out "$tls_dir/$1/.new/cert.pem" 2>>"$tls_work/$1.log"
}

tls_failed() {
  die "openssl cannot make the $1 certificate in $tls_dir: $(tail -n 1 "$tls_work/$1.log" 2>/dev/null)"
}

# tls_wait: the end of every call in $tls_pids.
tls_wait() {
  for job in $tls_pids; do
    wait "${job#*:}" || tls_failed "${job%:*}"
  done
  tls_pids=''
}

# tls_issue: one call of openssl for each certificate, the two below the authority at a time; or two calls.
tls_issue() {
  case $cfg_tls_key in
    rsa) tls_algorithm='-newkey rsa:3072' tls_encipher=,keyEncipherment ;;
    *) tls_algorithm='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1' tls_encipher='' ;;
  esac
  tls_names
  tls_work=$cfg_run_dir/tls tls_client_made=''
  tls_old_san=''
  if [ -s "$tls_dir/server/san" ]; then
    read -r tls_old_san <"$tls_dir/server/san"
  fi
  tls_made='ca server client'
  tls_check
  if tls_good ca; then
    tls_made=''
    if [ "$tls_old_san" != "$tls_san" ] || ! tls_good server; then
      tls_made=server
    fi
    tls_good client || tls_made="$tls_made client"
  fi
  if [ -z "$tls_made" ]; then
    tls_sweep
    tls_client_access
    report_decision tls "$cfg_tls_key" "certificates in $tls_dir are still good"
    return 0
  fi
  if tls_complete && ! tls_writable; then
    tls_verify_given
    return 0
  fi
  # The directories are for everybody, what is in them is not. Those of a killed start stay, but not what is in them.
  mkdir -p "$tls_work" "$tls_dir/ca/.new" "$tls_dir/server/.new" "$tls_dir/client/.new" ||
    die "cannot write below $tls_dir (DOCKER_TLS_CERTDIR)"
  files_remove "$tls_dir/"*/.new/*
  tls_config "$tls_work/config" || die "cannot write below $cfg_run_dir"
  # Certificates are for everybody. The files of new keys are there, without permissions for others, before the keys.
  tls_umask=$(umask)
  umask 077
  for what in $tls_made; do
    if [ ! -s "$tls_dir/$what/key.pem" ]; then
      true >"$tls_dir/$what/.new/key.pem" || die "cannot write to $tls_dir/$what"
      [ "$what" != client ] || tls_client_made=1
    fi
  done
  umask 022

  tls_leaves=${tls_made#ca}
  tls_pids='' tls_requested=''
  if [ "$tls_leaves" != "$tls_made" ]; then
    tls_serial
    tls_request ca -x509 -sha256 -set_serial "$serial" -days "$cfg_tls_days" -extensions ca \
      -out "$tls_dir/ca/.new/cert.pem" &
    tls_pids="ca:$!"
    if [ "$cfg_tls_key" = rsa ]; then
      # Such keys take so long to find that all three are looked for at once, before there is an authority to sign with.
      tls_each "$tls_leaves" tls_request_only
      tls_requested=1
    fi
  fi
  tls_wait
  tls_ca=$tls_dir/ca/cert.pem tls_ca_key=$tls_dir/ca/key.pem
  [ ! -s "$tls_dir/ca/.new/cert.pem" ] || tls_ca=$tls_dir/ca/.new/cert.pem
  [ ! -s "$tls_dir/ca/.new/key.pem" ] || tls_ca_key=$tls_dir/ca/.new/key.pem
  if [ -n "$tls_requested" ]; then
    tls_each "$tls_leaves" tls_sign
  else
    tls_each "$tls_leaves" tls_certify
  fi
  tls_wait
  text_read "$tls_ca"
  for what in $tls_leaves; do
    printf '%s' "$text" >"$tls_dir/$what/.new/ca.pem" || die "cannot write to $tls_dir/$what"
  done
  umask "$tls_umask"
  tls_install
}

# tls_each WORDS FUNCTION: FUNCTION for every word, at once.
tls_each() {
  for what in $1; do
    "$2" "$what" &
    tls_pids="$tls_pids $what:$!"
  done
}

# tls_install: everything that was made into its place, each file by a rename. The order makes an interrupted start
# harmless: the authority comes last, so that until then nothing refers to it; its key comes before its certificate,
# elsewhere the key comes last; and a directory .new says that the work was not finished.
tls_install() {
  for what in client server ca; do
    case " $tls_made " in
      *" $what "*) ;;
      *) continue ;;
    esac
    tls_files='ca.pem cert.pem key.pem'
    [ "$what" != ca ] || tls_files='key.pem cert.pem'
    set --
    for file in $tls_files; do
      [ ! -s "$tls_dir/$what/.new/$file" ] || set -- "$@" "$tls_dir/$what/.new/$file"
    done
    mv -f "$@" "$tls_dir/$what" || die "cannot write to $tls_dir/$what"
  done
  tls_sweep
  case $tls_made in
    *server*) echo "$tls_san" >"$tls_dir/server/san" ;;
  esac
  tls_client_access
  report_decision tls "$cfg_tls_key" "issued: ${tls_made# }, for $cfg_tls_days days, in $tls_dir"
}

# tls_sweep: the marks of unfinished work, when everything is in its place.
tls_sweep() {
  set --
  for tls_rest in "$tls_work" "$tls_dir/ca/.new" "$tls_dir/server/.new" "$tls_dir/client/.new"; do
    [ ! -e "$tls_rest" ] || set -- "$@" "$tls_rest"
  done
  [ $# -eq 0 ] || rm -rf "$@"
}

# tls_client_access: the client's key for a group, or with the mode asked for; never for the world by default. What is
# on a read-only volume is as somebody else wants it.
tls_client_access() {
  if [ -n "$cfg_tls_client_gid" ]; then
    chgrp "$cfg_tls_client_gid" "$tls_dir/client/key.pem" 2>/dev/null || ! tls_writable ||
      die "DIND_TLS_CLIENT_GID: cannot give $tls_dir/client/key.pem to group $cfg_tls_client_gid"
  fi
  tls_mode=$cfg_tls_client_mode
  if [ -z "$tls_mode" ]; then
    tls_mode=0600
    [ -z "$cfg_tls_client_gid" ] || tls_mode=0640
  fi
  # One that was made a moment ago has that mode.
  [ "$tls_mode:$tls_client_made" != 0600:1 ] || return 0
  chmod "$tls_mode" "$tls_dir/client/key.pem" 2>/dev/null || ! tls_writable || die "DIND_TLS_CLIENT_MODE: chmod $tls_mode failed"
}
