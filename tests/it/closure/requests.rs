//! What both are asked.

/// The requests of the shipped recipes.
pub fn recipes(suite: &str) -> Vec<String> {
    let engine = match suite {
        "bullseye" | "bookworm" => "docker.io",
        _ => "docker.io docker-cli docker-buildx",
    };
    vec![format!(
        "base-files base-passwd libc6 dash coreutils sed grep mawk util-linux mount hostname \
         procps {engine} tini iptables openssl ca-certificates xz-utils pigz kmod iproute2 \
         e2fsprogs netbase arptables ebtables"
    )]
}

/// Everything else: single packages and combinations, some of which have no solution or exist
/// in one suite only; then neither finds a way.
pub fn varied(suite: &str) -> impl Iterator<Item = &'static str> {
    let own = match suite {
        "bookworm" => BOOKWORM,
        _ => TRIXIE,
    };
    EVERYWHERE.iter().chain(own).copied()
}

/// Where alternatives compete, conflict or close each other out.
const EVERYWHERE: &[&str] = &[
    "systemd systemd-sysv dbus openssh-server docker.io",
    "exim4-daemon-light postfix",
    "systemd-sysv sysvinit-core",
    "sysvinit-core xfce4",
    "sysvinit-core gnome-core",
    "libvirt-daemon-system sysvinit-core",
    "sysvinit-core docker.io",
    "runit-init network-manager",
    "libpam-elogind polkitd",
    "postfix default-mta",
    "nullmailer logwatch",
    "busybox-static initramfs-tools",
    "systemd-standalone-sysusers docker.io",
    "cdebconf",
    "gnome",
    "podman buildah skopeo",
    "www-browser",
    "python3-django gunicorn",
];

/// Servers, languages, desktops and tools of Debian 12.
const BOOKWORM: &[&str] = &[
    "nginx",
    "apache2 libapache2-mod-php",
    "postgresql",
    "default-mysql-server",
    "default-mta",
    "exim4-daemon-heavy",
    "sendmail-bin bsd-mailx",
    "mutt",
    "postfix dovecot-imapd spamassassin",
    "python3",
    "python3-venv python3-dev",
    "python3-numpy python3-scipy python3-matplotlib",
    "python3-sphinx",
    "default-jre-headless",
    "openjdk-17-jdk",
    "maven",
    "nodejs npm",
    "build-essential",
    "clang lldb",
    "git-all",
    "openssh-server rsync",
    "docker.io docker-compose",
    "qemu-system-x86",
    "lxc",
    "ansible",
    "libreoffice-writer-nogui",
    "kde-plasma-desktop",
    "task-xfce-desktop",
    "network-manager",
    "nfs-kernel-server",
    "bind9 dnsmasq unbound",
    "php wordpress",
    "ruby rails",
    "r-base",
    "gimp",
    "ffmpeg",
    "linux-image-amd64",
    "dracut linux-image-amd64",
    "gawk original-awk base-files",
    "debhelper",
    "exim4 bsd-mailx logwatch",
    "tini dumb-init",
    "lsb-invalid-mta bsd-mailx",
    "clamav-daemon amavisd-new postfix",
    "pipewire-audio gnome-core",
];

/// The same of Debian 13.
const TRIXIE: &[&str] = &[
    "nginx",
    "postgresql",
    "mariadb-server default-mysql-client",
    "exim4-daemon-heavy",
    "msmtp-mta mailutils",
    "bsd-mailx",
    "python3-pip",
    "python3-numpy python3-scipy python3-matplotlib",
    "default-jdk",
    "tomcat10",
    "golang",
    "rustc cargo",
    "emacs-nox",
    "git",
    "openssh-server",
    "systemd systemd-sysv",
    "containerd runc",
    "docker.io docker-cli docker-buildx",
    "kubernetes-client",
    "chromium",
    "firefox-esr",
    "libreoffice",
    "texlive-latex-base",
    "gnome-core",
    "lightdm",
    "cups",
    "squid haproxy memcached",
    "rabbitmq-server",
    "php-fpm",
    "vim-gtk3 vim-nox",
    "synaptic",
    "devscripts",
    "dpkg-dev",
    "apt",
    "task-ssh-server",
    "fail2ban",
    "unattended-upgrades",
    "fuse-overlayfs slirp4netns uidmap rootlesskit",
    "iptables nftables firewalld",
    "prometheus prometheus-node-exporter",
    "chrony systemd-timesyncd",
    "ifupdown2 network-manager",
    "openresolv ifupdown",
    "libblas3 libatlas3-base python3-numpy",
    "squid-openssl squid",
    "acpi-support",
];
