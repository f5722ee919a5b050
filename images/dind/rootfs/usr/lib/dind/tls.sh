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

# tls_prepare DIR: certificates ready in DIR, or the reason why not.
tls_prepare() {
  command -v openssl >/dev/null 2>&1 || die "openssl is not in this image; set DOCKER_TLS_CERTDIR= for plain TCP"
  tls_dir=$1
  if [ ! -d "$tls_dir/server/.new" ] && [ -s "$tls_dir/server/ca.pem" ] && [ -s "$tls_dir/server/cert.pem" ] &&
    [ -s "$tls_dir/server/key.pem" ] && { [ ! -e "$tls_dir/ca/key.pem" ] || ! tls_writable; }; then
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

# tls_writable: whether anything can be put into the directory; root may write by every mode.
tls_writable() {
  mkdir "$tls_dir/.dind-probe" 2>/dev/null && rmdir "$tls_dir/.dind-probe"
}

# tls_verify_given: certificates brought by the user are checked and never written.
tls_verify_given() {
  # What follows the certificate in its file are those between it and an authority.
  if ! tls_said=$(openssl verify -CAfile "$tls_dir/server/ca.pem" -untrusted "$tls_dir/server/cert.pem" \
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
  openssl x509 -noout -checkend 0 -in "$tls_dir/server/cert.pem" >/dev/null ||
    die "$tls_dir/server/cert.pem is not valid: certificate has expired"
  tls_public=$(openssl x509 -noout -pubkey -in "$tls_dir/server/cert.pem") ||
    die "$tls_dir/server/cert.pem is no certificate"
  [ "$(openssl pkey -passin pass: -pubout -in "$tls_dir/server/key.pem" 2>/dev/null)" = "$tls_public" ] ||
    die "$tls_dir/server/key.pem is not the key of $tls_dir/server/cert.pem"
  openssl x509 -noout -checkend $((cfg_tls_renew_days * 86400)) -in "$tls_dir/server/cert.pem" >/dev/null ||
    warn "$tls_dir/server/cert.pem expires within $cfg_tls_renew_days days"
  report_decision tls given "certificates in $tls_dir/server verified, nothing written"
}

# tls_fresh FILE: whether a certificate is there and far from its end. One that was made for a short life is issued
# again in its last third, and not over and over.
tls_fresh() {
  tls_left=$((cfg_tls_renew_days * 86400))
  if [ $((cfg_tls_days * 28800)) -lt $tls_left ]; then
    tls_left=$((cfg_tls_days * 28800))
  fi
  [ -s "$1" ] && openssl x509 -noout -checkend $tls_left -in "$1" >/dev/null 2>&1
}

# tls_good WHAT: whether key and certificate can stay, and are of this authority.
tls_good() {
  [ -s "$tls_dir/$1/key.pem" ] && tls_fresh "$tls_dir/$1/cert.pem" &&
    [ "$(cat "$tls_dir/$1/ca.pem" 2>/dev/null)" = "$(cat "$tls_dir/ca/cert.pem")" ]
}

# tls_config FILE: the sections for one authority and two certificates. One configuration serves every call, so
# that the distribution's openssl.cnf does not matter.
tls_config() {
  tls_list=''
  for name in $tls_san; do
    tls_list="${tls_list:+$tls_list,}$name"
  done
  cat >"$1" <<END
[req]
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
END
}

# tls_request WHAT ARG...: openssl req with the key of WHAT, made on the way when there is none.
tls_request() {
  what=$1
  shift
  if [ -s "$tls_dir/$what/key.pem" ]; then
    openssl req -new -key "$tls_dir/$what/key.pem" -subj "/CN=dind $what" -config "$tls_work/config" "$@" \
      2>"$tls_work/$what.log"
    return
  fi
  # shellcheck disable=SC2086 # the algorithm is several words
  openssl req -new $tls_algorithm -nodes -keyout "$tls_work/$what/key.pem" -subj "/CN=dind $what" \
    -config "$tls_work/config" "$@" 2>"$tls_work/$what.log"
}

# tls_one_step: whether one call makes and signs a certificate. `req -CA` came with OpenSSL 3. RSA keys take so long to
# find that all three are looked for at once, before there is an authority to sign with.
tls_one_step() {
  [ "$cfg_tls_key" != rsa ] || return 1
  case $(openssl version) in
    'OpenSSL '[3-9].*) return 0 ;;
  esac
  return 1
}

# tls_certify WHAT: the certificate of WHAT, with its key when there is none.
tls_certify() {
  tls_serial
  tls_request "$1" -x509 -sha256 -CA "$tls_ca" -CAkey "$tls_ca_key" -set_serial "$serial" -days "$cfg_tls_days" \
    -extensions "$1" -out "$tls_work/$1/cert.pem"
}

# tls_sign WHAT: the certificate of WHAT from its request.
tls_sign() {
  tls_serial
  openssl x509 -req -sha256 -in "$tls_work/$1.csr" -CA "$tls_ca" -CAkey "$tls_ca_key" \
    -set_serial "$serial" -days "$cfg_tls_days" -extfile "$tls_work/config" -extensions "$1" \
    -out "$tls_work/$1/cert.pem" 2>>"$tls_work/$1.log"
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
  tls_work=$cfg_run_dir/tls
  rm -rf "$tls_work"
  mkdir -p "$tls_work/ca" "$tls_work/server" "$tls_work/client" || die "cannot write below $cfg_run_dir"
  tls_old_san=''
  if [ -s "$tls_dir/server/san" ]; then
    read -r tls_old_san <"$tls_dir/server/san"
  fi
  # Keys are made without permissions for others from the first byte.
  tls_umask=$(umask)
  umask 077
  tls_config "$tls_work/config"

  tls_made='ca server client'
  if [ -s "$tls_dir/ca/key.pem" ] && tls_fresh "$tls_dir/ca/cert.pem"; then
    tls_made=''
    if [ "$tls_old_san" != "$tls_san" ] || ! tls_good server; then
      tls_made=server
    fi
    tls_good client || tls_made="$tls_made client"
  fi
  if [ -z "$tls_made" ]; then
    umask "$tls_umask"
    rm -rf "$tls_work" "$tls_dir/ca/.new" "$tls_dir/server/.new" "$tls_dir/client/.new"
    tls_client_access
    report_decision tls "$cfg_tls_key" "certificates in $tls_dir are still good"
    return 0
  fi
  # The directories are for everybody, what is in them is not.
  (umask "$tls_umask" && mkdir -p "$tls_dir/ca/.new" "$tls_dir/server/.new" "$tls_dir/client/.new") ||
    die "cannot write below $tls_dir (DOCKER_TLS_CERTDIR)"

  tls_pids=''
  tls_leaves=${tls_made#ca}
  if [ "$tls_leaves" != "$tls_made" ]; then
    tls_serial
    tls_request ca -x509 -sha256 -set_serial "$serial" -days "$cfg_tls_days" -extensions ca \
      -out "$tls_work/ca/cert.pem" &
    tls_pids="ca:$!"
  fi
  tls_finish=tls_certify
  if [ -n "$tls_leaves" ] && ! tls_one_step; then
    tls_finish=tls_sign
    for what in $tls_leaves; do
      tls_request "$what" -out "$tls_work/$what.csr" &
      tls_pids="$tls_pids $what:$!"
    done
  fi
  tls_wait
  tls_ca=$tls_dir/ca/cert.pem tls_ca_key=$tls_dir/ca/key.pem
  [ ! -s "$tls_work/ca/cert.pem" ] || tls_ca=$tls_work/ca/cert.pem
  [ ! -s "$tls_work/ca/key.pem" ] || tls_ca_key=$tls_work/ca/key.pem
  for what in $tls_leaves; do
    "$tls_finish" "$what" &
    tls_pids="$tls_pids $what:$!"
  done
  tls_wait
  umask "$tls_umask"
  tls_install
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
    tls_from=$tls_work/$what tls_to=$tls_dir/$what
    if [ "$what" = ca ]; then
      tls_files='key.pem cert.pem'
      chmod 0644 "$tls_from/cert.pem"
    else
      tls_files='ca.pem cert.pem key.pem'
      cp "$tls_ca" "$tls_from/ca.pem" && chmod 0644 "$tls_from/ca.pem" "$tls_from/cert.pem"
    fi
    # Copied first, because the volume of the certificates is another file system.
    cp -p "$tls_from/"*.pem "$tls_to/.new" || die "cannot write to $tls_to"
    set --
    for file in $tls_files; do
      [ ! -s "$tls_to/.new/$file" ] || set -- "$@" "$tls_to/.new/$file"
    done
    mv -f "$@" "$tls_to" || die "cannot write to $tls_to"
  done
  rm -rf "$tls_work" "$tls_dir/ca/.new" "$tls_dir/server/.new" "$tls_dir/client/.new"
  case $tls_made in
    *server*) echo "$tls_san" >"$tls_dir/server/san" ;;
  esac
  tls_client_access
  report_decision tls "$cfg_tls_key" "issued: ${tls_made# }, for $cfg_tls_days days, in $tls_dir"
}

# tls_client_access: the client's key for a group, or with the mode asked for; never for the world by default.
tls_client_access() {
  if [ -n "$cfg_tls_client_gid" ]; then
    chgrp "$cfg_tls_client_gid" "$tls_dir/client/key.pem" ||
      die "DIND_TLS_CLIENT_GID: cannot give $tls_dir/client/key.pem to group $cfg_tls_client_gid"
  fi
  tls_mode=$cfg_tls_client_mode
  if [ -z "$tls_mode" ]; then
    tls_mode=0600
    [ -z "$cfg_tls_client_gid" ] || tls_mode=0640
  fi
  chmod "$tls_mode" "$tls_dir/client/key.pem" || die "DIND_TLS_CLIENT_MODE: chmod $tls_mode failed"
}
