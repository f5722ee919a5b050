//! What both are asked.

/// What the shipped recipe of `suite` asks for, its optional packages as far as the suite has them.
pub fn recipe(suite: &str) -> String {
    let recipes = dindimg::recipe::load(&crate::product::recipe(suite)).expect("a recipe");
    let recipe = recipes.default();
    let text = std::fs::read_to_string(recipe.path.with_extension("lock")).expect("its lock");
    let lock = dindimg::lock::parse(&text).expect("a lock");
    let request = &dindimg::resolve::requests(&recipes, &[])[&recipe.variant];
    let there = |name: &&String| lock.packages.iter().any(|package| package.name == **name);
    let optional = request.optional.iter().filter(there);
    request
        .packages
        .keys()
        .chain(optional)
        .cloned()
        .collect::<Vec<_>>()
        .join(" ")
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
    "sysvinit-core xfce4",
    "sysvinit-core gnome-core",
    "libvirt-daemon-system sysvinit-core",
    "gnome",
    "podman buildah skopeo",
    "python3-django gunicorn",
];

/// Servers, languages, desktops, tools and impossible wishes of Debian 12.
const BOOKWORM: &[&str] = &[
    "systemd-sysv sysvinit-core",
    "runit-init network-manager",
    "nullmailer logwatch",
    "www-browser",
    "busybox-static initramfs-tools",
    "nginx",
    "postgresql",
    "default-mta",
    "exim4-daemon-heavy",
    "sendmail-bin bsd-mailx",
    "postfix dovecot-imapd spamassassin",
    "python3",
    "python3-venv python3-dev",
    "python3-numpy python3-scipy python3-matplotlib",
    "default-jre-headless",
    "build-essential",
    "git-all",
    "openssh-server rsync",
    "docker.io docker-compose",
    "ansible",
    "libreoffice-writer-nogui",
    "kde-plasma-desktop",
    "network-manager",
    "bind9 dnsmasq unbound",
    "ruby rails",
    "r-base",
    "gimp",
    "dracut linux-image-amd64",
    "lsb-invalid-mta bsd-mailx",
    "clamav-daemon amavisd-new postfix",
    "pipewire-audio gnome-core",
];

/// The same of Debian 13.
const TRIXIE: &[&str] = &[
    "sysvinit-core docker.io",
    "postfix default-mta",
    "cdebconf",
    "libpam-elogind polkitd",
    "systemd-standalone-sysusers docker.io",
    "postgresql",
    "mariadb-server default-mysql-client",
    "exim4-daemon-heavy",
    "msmtp-mta mailutils",
    "python3-numpy python3-scipy python3-matplotlib",
    "default-jdk",
    "tomcat10",
    "golang",
    "emacs-nox",
    "openssh-server",
    "systemd systemd-sysv",
    "docker.io docker-cli docker-buildx",
    "chromium",
    "libreoffice",
    "gnome-core",
    "cups",
    "squid haproxy memcached",
    "rabbitmq-server",
    "vim-gtk3 vim-nox",
    "synaptic",
    "devscripts",
    "fuse-overlayfs slirp4netns uidmap rootlesskit",
    "prometheus prometheus-node-exporter",
    "chrony systemd-timesyncd",
    "acpi-support",
];
