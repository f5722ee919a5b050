//! For each rule images that are broken on purpose.

use serde_json::json;
use tar::EntryType;

use super::image::{Image, entry, file};
use crate::recipe::AuditRule;

fn private_key() -> String {
    let data = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
    format!("-----BEGIN PRIVATE KEY-----\n{data}\n-----END PRIVATE KEY-----\n")
}

fn account(line: &str) -> Image {
    let text =
        format!("root:x:0:0:root:/root:/bin/sh\nsvc:x:100:100::/:/usr/sbin/nologin\n{line}\n");
    Image::sound().with(file("etc/passwd", 0o644, &text))
}

fn shadow(line: &str) -> Image {
    Image::sound().with(file("etc/shadow", 0o640, line))
}

fn sshd(text: &str) -> Image {
    let server = Image::sound().with(file("usr/sbin/sshd", 0o644, "program"));
    server.with(file("etc/ssh/sshd_config", 0o644, text))
}

/// A package's conffile, changed.
fn packaged(path: &str, text: &str) -> Image {
    let status = format!(
        "Package: docker.io\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n\
         Conffiles:\n /{path} 00000000000000000000000000000000\n\n"
    );
    let list = format!("/usr/bin/dockerd\n/{path}\n");
    Image::sound()
        .with(file("var/lib/dpkg/status", 0o644, &status))
        .with(file("var/lib/dpkg/info/docker.io.list", 0o644, &list))
        .with(file(path, 0o644, text))
}

/// Alpine's busybox, whose database knows `program`.
pub fn alpine(content: &str) -> Image {
    use base64::Engine as _;
    let sum = <sha1::Sha1 as sha1::Digest>::digest(b"program");
    let sum = base64::engine::general_purpose::STANDARD.encode(sum);
    let database = format!("P:busybox\nV:1\nA:x86_64\nF:bin\nR:busybox\na:0:0:755\nZ:Q1{sum}\n\n");
    Image::sound()
        .with(file("lib/apk/db/installed", 0o644, &database))
        .with(file("bin/busybox", 0o755, content))
}

/// For each rule images that it finds something in, and no other rule, with a part of what it says.
pub fn broken() -> Vec<(AuditRule, Image, &'static str)> {
    use AuditRule as Rule;
    let sound = Image::sound;
    let owned = |path: &str, owner: u64| {
        let mut one = file(path, 0o644, "text");
        one.owner = owner;
        one
    };
    let attribute = |name: &str| {
        let mut one = file("usr/local/bin/ping", 0o755, "program");
        one.attributes = vec![(format!("SCHILY.xattr.{name}"), vec![1, 0, 0, 2])];
        one
    };
    vec![
        (
            Rule::Secrets,
            sound().with(file("srv/tls.key", 0o600, &private_key())),
            "/srv/tls.key in layer 1 holds a private key",
        ),
        (
            Rule::Secrets,
            sound()
                .with(file("srv/tls.key", 0o600, &private_key()))
                .over(vec![file("srv/.wh.tls.key", 0o644, "")]),
            "layer 1, which a later one covers",
        ),
        (
            Rule::Secrets,
            sound().setting(
                "History",
                json!([{ "created_by": "ARG URL=https://me:s3cret@example.com/" }]),
            ),
            "history.0 holds an address with a password",
        ),
        (
            Rule::Secrets,
            sound().setting("Labels", json!({ "url": "https://me:s3cret@example.com/" })),
            "config.Labels.url",
        ),
        (
            Rule::EmptyPassword,
            shadow("root::1::::::\n"),
            "root has no password in /etc/shadow",
        ),
        (
            Rule::Password,
            shadow("root:$6$salt$hash:1::::::\n"),
            "root has a password",
        ),
        (
            Rule::RootAccounts,
            account("toor:x:0:0::/root:/bin/sh"),
            "toor in /etc/passwd is root",
        ),
        (
            Rule::AuthorizedKeys,
            sound().with(file(
                "root/.ssh/authorized_keys",
                0o600,
                "ssh-ed25519 AAAA me\n",
            )),
            "/root/.ssh/authorized_keys",
        ),
        (
            Rule::AuthorizedKeys,
            sound().with(file("etc/hosts.equiv", 0o644, "other\n")),
            "/etc/hosts.equiv",
        ),
        (
            Rule::WorldWritable,
            sound().with(file("srv/data", 0o666, "text")),
            "everybody may write /srv/data (0666)",
        ),
        (
            Rule::WorldWritable,
            sound().with(entry("srv/open", EntryType::Directory, 0o777, "")),
            "/srv/open",
        ),
        (
            Rule::UnownedFiles,
            sound().with(owned("srv/data", 4711)),
            "user 4711, who has no name",
        ),
        (
            Rule::Devices,
            sound().with(entry("dev/sda", EntryType::Block, 0o600, "")),
            "/dev/sda is a block device",
        ),
        (
            Rule::PreloadLibrary,
            sound().with(file("etc/ld.so.preload", 0o644, "/lib/x.so\n")),
            "load /lib/x.so",
        ),
        (
            Rule::SearchPath,
            sound().setting("Env", json!(["PATH=/usr/bin:bin"])),
            "`bin` of $PATH",
        ),
        (
            Rule::SearchPath,
            sound().with(entry("usr/bin", EntryType::Directory, 0o775, "")),
            "/usr/bin of $PATH",
        ),
        (
            Rule::SetId,
            sound().with(file("usr/local/bin/su", 0o4755, "program")),
            "runs as user 0",
        ),
        (
            Rule::SetId,
            sound().with(file("usr/local/bin/wall", 0o2755, "program")),
            "runs as group 0",
        ),
        (
            Rule::FileCapabilities,
            sound().with(attribute("security.capability")),
            "/usr/local/bin/ping has capabilities",
        ),
        (
            Rule::AlteredFiles,
            sound().with(file("usr/bin/dockerd", 0o755, "other")),
            "not what docker.io has",
        ),
        (
            Rule::UnreadablePackages,
            sound().with(file("var/lib/dpkg/status", 0o644, "no list\n")),
            "/var/lib/dpkg/status is no list of packages",
        ),
        (
            Rule::UnreadablePackages,
            sound().with(file("var/lib/dpkg/status", 0o644, "Version: 1\n\n")),
            "/var/lib/dpkg/status has a stanza without `Package`",
        ),
        (
            Rule::UnreadablePackages,
            sound().with(entry(
                "var/lib/dpkg/status",
                EntryType::Directory,
                0o755,
                "",
            )),
            "/var/lib/dpkg/status is no file",
        ),
        (
            Rule::UnreadablePackages,
            sound().with(file("lib/apk/db/installed", 0o644, "V:1\nA:x86_64\n\n")),
            "/lib/apk/db/installed has a block without a name",
        ),
        (
            Rule::UnpackagedPrograms,
            sound().with(file("usr/bin/tool", 0o755, "program")),
            "/usr/bin/tool is of no package",
        ),
        (
            Rule::HostIdentity,
            sound().with(file(
                "etc/machine-id",
                0o444,
                "0123456789abcdef0123456789abcdef\n",
            )),
            "/etc/machine-id",
        ),
        (
            Rule::HostIdentity,
            sound().with(file(
                "var/lib/dbus/machine-id",
                0o444,
                "0123456789abcdef0123456789abcdef\n",
            )),
            "/var/lib/dbus/machine-id",
        ),
        (
            Rule::LoginShells,
            account("www:x:33:33::/:/bin/sh"),
            "www in /etc/passwd",
        ),
        (
            Rule::LoginShells,
            account("www:x:33:33::/:"),
            "with the shell ``",
        ),
        (
            Rule::SshdPasswords,
            sshd("Port 22\n"),
            "`passwordauthentication` is yes",
        ),
        (
            Rule::SshdPasswords,
            sshd("PasswordAuthentication no\nPermitRootLogin yes\n"),
            "`permitrootlogin` is yes",
        ),
        (
            Rule::SshdPasswords,
            sshd("Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication no\n").with(file(
                "etc/ssh/sshd_config.d/1.conf",
                0o644,
                "PasswordAuthentication = yes\n",
            )),
            "`passwordauthentication` is yes",
        ),
        (
            Rule::SudoWithoutPassword,
            sound().with(file(
                "etc/sudoers.d/team",
                0o440,
                "svc ALL=(ALL) NOPASSWD: ALL\n",
            )),
            "/etc/sudoers.d/team",
        ),
        (
            Rule::SudoWithoutPassword,
            sound().with(file("etc/sudoers", 0o440, "Defaults:svc !authenticate\n")),
            "/etc/sudoers asks no password",
        ),
        (
            Rule::SshdPasswords,
            sshd("PasswordAuthentication yes # for now\n"),
            "`passwordauthentication` is yes",
        ),
        (
            Rule::SshdPasswords,
            sshd("PasswordAuthentication no\nUsePAM yes\n"),
            "PAM asks for passwords",
        ),
        (
            Rule::DaemonTcp,
            sound().daemon("hosts", json!(["0.0.0.0:2375"])),
            "verifies no client",
        ),
        (
            Rule::DaemonTcp,
            sound().setting("Entrypoint", json!(["dockerd", "-H", "tcp://0.0.0.0:2375"])),
            "verifies no client",
        ),
        (
            Rule::HostIdentity,
            sound()
                .with(file("srv/id", 0o444, "0123456789abcdef0123456789abcdef\n"))
                .with(entry("etc/machine-id", EntryType::Link, 0o444, "srv/id")),
            "/etc/machine-id",
        ),
        (
            Rule::SetId,
            sound().over(vec![
                file("usr/local/bin/true", 0o755, "program"),
                entry(
                    "usr/local/bin/su",
                    EntryType::Link,
                    0o755,
                    "usr/local/bin/true",
                ),
                file("usr/local/bin/su", 0o4755, "other"),
            ]),
            "/usr/local/bin/su runs as user 0",
        ),
        (
            Rule::Secrets,
            packaged("etc/proxy.conf", "proxy = http://me:s3cret@example.com/\n"),
            "/etc/proxy.conf in layer 1 holds an address with a password",
        ),
        (
            Rule::AlteredFiles,
            alpine("other"),
            "/bin/busybox is not what busybox has",
        ),
        (
            Rule::PackageManager,
            sound().with(file("usr/bin/apt-get", 0o644, "program")),
            "/usr/bin/apt-get installs",
        ),
        (
            Rule::Leftovers,
            sound().with(file("var/log/build.log", 0o644, "text")),
            "/var/log/build.log is left over, 4 bytes",
        ),
        (
            Rule::RootUser,
            sound().setting("User", json!("0:0")),
            "containers run as root",
        ),
        (
            Rule::HealthCheck,
            sound().setting("Healthcheck", json!({ "Test": ["NONE"] })),
            "no health check",
        ),
        (
            Rule::PlainPort,
            sound().setting("ExposedPorts", json!({ "2375/tcp": {} })),
            "exposes 2375/tcp",
        ),
        (
            Rule::PlainPort,
            sound().setting("Env", json!(["PATH=/usr/bin", "DOCKER_TLS_CERTDIR="])),
            "switches TLS off",
        ),
        (
            Rule::DaemonTcp,
            sound().daemon("hosts", json!(["unix:///run/d.sock", "tcp://0.0.0.0:2375"])),
            "verifies no client",
        ),
        (
            Rule::DaemonRegistries,
            sound().daemon("insecure-registries", json!(["r.example.com"])),
            "r.example.com without TLS",
        ),
        (
            Rule::DaemonSeccomp,
            sound().daemon("seccomp-profile", json!("unconfined")),
            "no filter",
        ),
        (
            Rule::DaemonIptables,
            sound().daemon("iptables", json!(false)),
            "no firewall",
        ),
        (
            Rule::DaemonDebug,
            sound().daemon("log-level", json!("debug")),
            "developers",
        ),
        (
            Rule::DaemonUserlandProxy,
            sound().daemon("userland-proxy", json!(true)),
            "published port",
        ),
        (
            Rule::DaemonExperimental,
            sound().daemon("experimental", json!(true)),
            "experimental",
        ),
        (
            Rule::DaemonStorageDriver,
            sound().daemon("storage-driver", json!("vfs")),
            "storage driver",
        ),
        (
            Rule::DaemonLogSize,
            sound().daemon("log-driver", json!("json-file")),
            "no limit",
        ),
        (
            Rule::DaemonOpenFiles,
            sound().daemon("default-ulimits", json!({})),
            "as many files",
        ),
        (
            Rule::DaemonIcc,
            sound().daemon("icc", json!(true)),
            "reach each other",
        ),
        (
            Rule::DaemonNewPrivileges,
            sound().daemon("no-new-privileges", json!(false)),
            "set-id",
        ),
        (
            Rule::DaemonUserNamespaces,
            sound().daemon("userns-remap", json!("")),
            "daemon's root",
        ),
    ]
}
