# shellcheck shell=sh
# shellcheck disable=SC2154 # the harness sets what this uses
# What dpkg left out is forgotten, and nothing else is.

forget() {
  DPKG_ROOT=$work/image sh "$here/../../images/dpkg/forget-excluded.sh"
}

info=$work/image/var/lib/dpkg/info
mkdir -p "$info" "$work/image/etc/dpkg/dpkg.cfg.d" "$work/image/usr/bin" "$work/image/usr/share/doc/x"
printf 'path-exclude=/usr/share/doc/*\npath-exclude=/usr/bin/ctr\npath-include=/usr/share/doc/*/copyright\npost-invoke=x\n' \
  >"$work/image/etc/dpkg/dpkg.cfg.d/dindimg"
printf '%s\n' /. /usr/bin/ctr /usr/bin/kept /usr/bin/lost /usr/share/doc/x /usr/share/doc/x/README \
  /usr/share/doc/x/copyright >"$info/x.list"
for path in usr/bin/ctr usr/bin/lost usr/share/doc/x/README usr/share/doc/x/copyright; do
  printf '0123456789abcdef0123456789abcdef  %s\n' "$path"
done >"$info/x.md5sums"
: >"$work/image/usr/bin/kept"
forget

it 'takes excluded paths out of the list, and keeps what is there, comes back, or is missing for another reason'
equals "$(tr '\n' ' ' <"$info/x.list")" '/. /usr/bin/kept /usr/bin/lost /usr/share/doc/x /usr/share/doc/x/copyright '

it 'takes them out of the digests too'
equals "$(sed 's/.*  //' "$info/x.md5sums" | tr '\n' ' ')" 'usr/bin/lost usr/share/doc/x/copyright '

it 'leaves no file of its own in the database'
equals "$(find "$info/.." -type f | wc -l | tr -d ' ')" 2

it 'looks at a list again only when it is newer than the last look'
echo /usr/bin/ctr >>"$info/x.list"
touch -d '2001-01-01 00:00:00' "$info/x.list"
forget
contains "$(cat "$info/x.list")" /usr/bin/ctr

it 'is content without a configuration'
rm "$work/image/etc/dpkg/dpkg.cfg.d/dindimg"
yes forget
