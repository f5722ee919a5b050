//! The standard image as a base of others: `FROM IMAGE`, and the distribution's own tools in it.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use crate::engines;
use crate::product::{dindimg, kept};
use crate::standard;

/// What holds before anything is installed, and again afterwards: dpkg and apt find nothing amiss.
const SOUND: &str = r#"sound() {
  [ -z "$(dpkg --audit)" ]
  dpkg -V >/tmp/said 2>&1 || { cat /tmp/said; exit 1; }
  [ ! -s /tmp/said ]
  apt-get check
  apt-get autoremove --dry-run >/tmp/said
  absent '^Remv ' /tmp/said
}
absent() {
  if grep "$@"; then exit 1; fi
}
"#;

/// The image as it comes.
const BEFORE: &str = r#"
sound
[ "$(date +%Z)" = UTC ]
[ "$(TZ=Europe/Berlin date -d 2026-07-01 +%Z)" = CEST ]
[ ! -s /etc/machine-id ]
cut -d: -f2 /etc/shadow >/tmp/passwords
absent -v '^[*!]$' /tmp/passwords
[ -z "$(find / -xdev -type f -perm -0002)" ]
[ -z "$(find / -xdev -type d -perm -0002 ! -perm -1000)" ]
[ "$(find / -xdev -type f -perm /6000)" = /usr/bin/ssh-agent ]
[ "$(stat -c '%a %G' /usr/bin/ssh-agent)" = "2755 $(getent group _ssh ssh | head -n 1 | cut -d: -f1)" ]
debconf-show debconf | grep -q 'debconf/frontend: Dialog'
[ "$(readlink -f "$(command -v pager)")" = "$(readlink -f "$(command -v less)")" ]
git --version
curl --version
ssh -V
docker --version
"#;

/// The installation that the issue names.
const INSTALL: &str = "apt-get update && apt-get install -y postgresql-client cron nginx-light default-jre-headless openssh-server";

/// What the maintainer scripts of those packages and later uses of their tools leave.
const AFTER: &str = r#"
sound
getent passwd sshd
nginx -t
java -version
psql --version
update-alternatives --display java | grep -q 'link currently points to /usr/lib/jvm'
[ -L /etc/systemd/system/multi-user.target.wants/cron.service ]
DPKG_MAINTSCRIPT_PACKAGE=cron deb-systemd-helper is-enabled cron.service
mkdir -p /run/sshd
/usr/sbin/sshd -t
for key in /etc/ssh/ssh_host_*_key; do [ -s "$key" ]; done
ucfq openssh-server | grep -q /etc/ssh/sshd_config
ssh -G localhost >/dev/null
dpkg-divert --list | grep -q 'by dash$\|usr-is-merged by '
dpkg-reconfigure -f noninteractive openssh-server
debconf-set-selections <<'END'
tzdata tzdata/Areas select Europe
tzdata tzdata/Zones/Europe select Berlin
END
rm -f /etc/localtime /etc/timezone
dpkg-reconfigure -f noninteractive tzdata
case $(date +%Z) in CET | CEST) ;; *) exit 1 ;; esac
update-ca-certificates --fresh >/dev/null
[ "$(grep -c 'BEGIN CERTIFICATE' /etc/ssl/certs/ca-certificates.crt)" -gt 100 ]
cp -a /etc/pam.d /tmp/pam.d
pam-auth-update --package
diff -r /tmp/pam.d /etc/pam.d
adduser --system --group x
[ "$(id -gn x)" = x ]
deluser x
addgroup --system y
delgroup y
apt-get install -y --reinstall dash libc-bin adduser openssh-client ca-certificates passwd mount util-linux
[ "$(stat -c %a /usr/bin/passwd /usr/bin/mount /usr/bin/su | sort -u)" = 755 ]
apt-get dist-upgrade -y >/tmp/said
grep '^0 upgraded, 0 newly installed, 0 to remove' /tmp/said
sound
[ "$(stat -c '%a' /usr/bin/ssh-agent)" = 2755 ]
apt-get purge -y less git
[ ! -e /usr/bin/less ]
[ ! -L /etc/alternatives/pager ] || [ -e /etc/alternatives/pager ]
apt-get purge -y --auto-remove nginx-light
sound
"#;

/// Loads the standard image of `suite` and builds on it.
#[allow(clippy::print_stdout)]
fn builds_on(suite: &str) {
    let started = Instant::now();
    let private = engines::docker_online();
    let image = format!("localhost/dindimg-test/standard:{suite}");
    let archive = standard_image(suite, &image);
    private.run(&["load", "--input", archive.to_str().expect("UTF-8")]);
    let context = tempfile::tempdir().expect("temporary directory");
    let script = |name: &str, text: &str| {
        let text = format!("set -eux\n{SOUND}\n{text}");
        fs::write(context.path().join(name), text).expect("script written");
    };
    script("before", BEFORE);
    script("after", AFTER);
    // The mirror's copies of the suites may lag behind the days they are good for.
    let lag = "Acquire::Check-Valid-Until \"false\";\\n";
    let dockerfile = format!(
        "FROM {image}\nENV DEBIAN_FRONTEND=noninteractive\nRUN printf '{lag}' >/etc/apt/apt.conf.d/99lag\n\
         COPY before after /tmp/\nRUN sh /tmp/before\nRUN {INSTALL}\nRUN sh /tmp/after\n"
    );
    fs::write(context.path().join("Dockerfile"), dockerfile).expect("Dockerfile written");
    let built = format!("{image}-derived");
    let output = private
        .command("docker")
        .env("DOCKER_BUILDKIT", "0")
        .args([
            "build",
            "--network",
            "host",
            "--no-cache",
            "--force-rm",
            "--tag",
            &built,
        ])
        .arg(context.path())
        .output()
        .expect("docker runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{suite}:\n{}\n{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    private.run(&["image", "rm", "--force", &built, &image]);
    println!("{suite}: {:.0} s", started.elapsed().as_secs_f64());
}

/// The docker-archive of the standard image of `suite`, resolved afresh.
fn standard_image(suite: &str, name: &str) -> PathBuf {
    let recipe = kept("standard").join(format!("{suite}.toml"));
    fs::write(&recipe, standard::recipe(suite)).expect("recipe written");
    let archive = recipe.with_extension("tar");
    let (repository, tag) = name.rsplit_once(':').expect("a tag");
    dindimg(&[
        "build".as_ref(),
        recipe.as_os_str(),
        "--update".as_ref(),
        "--allow-expired".as_ref(),
        "--repository".as_ref(),
        repository.as_ref(),
        "--tag".as_ref(),
        tag.as_ref(),
        "--output".as_ref(),
        format!("docker-archive:{}", archive.display()).as_ref(),
    ])
    .good();
    archive
}

#[test]
#[ignore = "every suite takes two minutes, and dpkg and apt differ little"]
fn packages_install_on_the_standard_image_of_bullseye() {
    builds_on("bullseye");
}

#[test]
fn packages_install_on_the_standard_image_of_bookworm() {
    builds_on("bookworm");
}

#[test]
#[ignore = "every suite takes two minutes, and dpkg and apt differ little"]
fn packages_install_on_the_standard_image_of_trixie() {
    builds_on("trixie");
}
