//! Which files of Debian's packages make which of Alpine's: those that an image with Docker inside
//! needs, with the names, origins and dependencies of Alpine 3.19 and later. The paths are those of
//! Alpine before `/sbin` became a link to `/usr/sbin`.

/// One of Alpine's packages. `{v}` in the texts is its version.
pub struct Plan {
    pub name: &'static str,
    pub origin: &'static str,
    /// The Debian package that it is made of, and has its version from.
    pub source: &'static str,
    /// `FROM`, `FROM = TO` with a `*` at the end of both for every beginning, or `PATH -> TARGET`
    /// for a symbolic link of its own; a library without a directory is looked for where Debian has
    /// libraries, which stay there: the place is compiled into its loader, and musl's does not look.
    /// A file goes to the first package that asks for it.
    pub paths: &'static [&'static str],
    /// Beside the libraries that its programs ask for.
    pub depends: &'static str,
    pub install_if: &'static str,
    /// Beside its libraries and commands.
    pub provides: &'static str,
}

const fn plan(name: &'static str, source: &'static str, paths: &'static [&'static str]) -> Plan {
    Plan {
        name,
        origin: name,
        source,
        paths,
        depends: "",
        install_if: "",
        provides: "",
    }
}

impl Plan {
    const fn of(mut self, origin: &'static str) -> Self {
        self.origin = origin;
        self
    }

    const fn needs(mut self, depends: &'static str) -> Self {
        self.depends = depends;
        self
    }

    const fn beside(mut self, install_if: &'static str) -> Self {
        self.install_if = install_if;
        self
    }

    const fn giving(mut self, provides: &'static str) -> Self {
        self.provides = provides;
        self
    }
}

/// A part of util-linux.
const fn part(name: &'static str, source: &'static str, paths: &'static [&'static str]) -> Plan {
    plan(name, source, paths)
        .of("util-linux")
        .beside("util-linux={v}")
}

/// Everything but the package with glibc.
pub const PLANS: &[Plan] = &[
    plan("docker", "docker.io", &[]).needs("docker-engine docker-cli"),
    plan(
        "docker-engine",
        "docker.io",
        &[
            "usr/sbin/dockerd = usr/bin/dockerd",
            "usr/sbin/docker-proxy = usr/bin/docker-proxy",
            "usr/bin/docker-init -> /sbin/tini-static",
        ],
    )
    .of("docker")
    .needs("ca-certificates containerd iptables tini-static"),
    plan("docker-cli", "docker.io", &["usr/bin/docker"])
        .of("docker")
        .needs("ca-certificates"),
    plan("docker-openrc", "docker.io", &[])
        .of("docker")
        .beside("openrc docker-engine={v}"),
    plan(
        "containerd",
        "containerd",
        &["usr/bin/containerd", "usr/bin/containerd-shim-runc-v2"],
    )
    .needs("runc"),
    plan("containerd-ctr", "containerd", &["usr/bin/ctr"]).of("containerd"),
    plan("runc", "runc", &["usr/sbin/runc = usr/bin/runc"]),
    plan("tini", "tini", &["usr/bin/tini = sbin/tini"]),
    plan(
        "tini-static",
        "tini",
        &["usr/bin/tini-static = sbin/tini-static"],
    )
    .of("tini"),
    plan("libxtables", "libxtables12", &["libxtables.so*"]).of("iptables"),
    plan("libip4tc", "libip4tc2", &["libip4tc.so*"]).of("iptables"),
    plan("libip6tc", "libip6tc2", &["libip6tc.so*"]).of("iptables"),
    plan("libmnl", "libmnl0", &["libmnl.so*"]),
    plan("libnftnl", "libnftnl11", &["libnftnl.so*"]),
    plan(
        "iptables-legacy",
        "iptables",
        &[
            "usr/sbin/xtables-legacy-multi = sbin/xtables-legacy-multi",
            "usr/sbin/iptables-legacy* = sbin/iptables-legacy*",
            "usr/sbin/ip6tables-legacy* = sbin/ip6tables-legacy*",
            "usr/bin/iptables-xml -> ../../sbin/xtables-legacy-multi",
        ],
    )
    .of("iptables")
    .needs("iptables={v}"),
    plan(
        "iptables",
        "iptables",
        &[
            "usr/sbin/xtables-nft-multi = sbin/xtables-nft-multi",
            "usr/sbin/iptables* = sbin/iptables*",
            "usr/sbin/ip6tables* = sbin/ip6tables*",
            "usr/sbin/arptables* = sbin/arptables*",
            "usr/sbin/ebtables* = sbin/ebtables*",
            "usr/sbin/xtables-monitor = sbin/xtables-monitor",
            // Debian makes these by update-alternatives.
            "sbin/iptables -> xtables-nft-multi",
            "sbin/iptables-save -> xtables-nft-multi",
            "sbin/iptables-restore -> xtables-nft-multi",
            "sbin/ip6tables -> xtables-nft-multi",
            "sbin/ip6tables-save -> xtables-nft-multi",
            "sbin/ip6tables-restore -> xtables-nft-multi",
            "usr/lib/x86_64-linux-gnu/xtables/*",
            "usr/lib/xtables -> x86_64-linux-gnu/xtables",
        ],
    )
    .giving("ip6tables={v} ebtables={v}"),
    // Its configuration comes with Alpine's own library.
    plan("openssl", "openssl", &["usr/bin/openssl", "usr/lib/ssl/*"])
        .needs("libcrypto3")
        .giving("openssl3={v}"),
    plan(
        "e2fsprogs",
        "e2fsprogs",
        &[
            "etc/mke2fs.conf",
            "sbin/e2fsck",
            "sbin/fsck.ext*",
            "sbin/mke2fs",
            "sbin/mkfs.ext*",
        ],
    ),
    plan(
        "e2fsprogs-extra",
        "e2fsprogs",
        &["sbin/*", "usr/bin/*", "usr/sbin/*"],
    )
    .of("e2fsprogs")
    .needs("e2fsprogs"),
    plan(
        "e2fsprogs-libs",
        "libext2fs2",
        &["libext2fs.so*", "libe2p.so*"],
    )
    .of("e2fsprogs"),
    plan("libcom_err", "libcom-err2", &["libcom_err.so*"]).of("e2fsprogs"),
    plan("xz", "xz-utils", &["usr/bin/*"]),
    plan("xz-libs", "liblzma5", &["liblzma.so*"]).of("xz"),
    plan("pigz", "pigz", &["usr/bin/*"]),
    plan("kmod", "kmod", &["bin/*", "sbin/*"]).needs("/bin/sh"),
    plan("kmod-libs", "libkmod2", &["libkmod.so*"]).of("kmod"),
    plan(
        "iproute2",
        "iproute2",
        &["sbin/bridge", "usr/bin/*", "usr/sbin/*"],
    )
    .needs("iproute2-minimal iproute2-tc iproute2-ss /bin/sh"),
    plan("iproute2-ss", "iproute2", &["bin/ss = sbin/ss"]).of("iproute2"),
    plan(
        "iproute2-minimal",
        "iproute2",
        &["bin/ip = sbin/ip", "etc/iproute2/*"],
    )
    .of("iproute2"),
    plan(
        "iproute2-tc",
        "iproute2",
        &["sbin/tc", "usr/lib/x86_64-linux-gnu/tc/*"],
    )
    .of("iproute2"),
    plan(
        "procps-ng",
        "procps",
        &["bin/ps", "sbin/sysctl", "usr/bin/*"],
    )
    .giving("procps={v}"),
    plan("libproc2", "libproc2-0", &["libproc2.so*"]).of("procps-ng"),
    plan("jq", "jq", &["usr/bin/jq"]),
    plan("oniguruma", "libonig5", &["libonig.so*"]),
    plan("libblkid", "libblkid1", &["libblkid.so*"]).of("util-linux"),
    plan("libmount", "libmount1", &["libmount.so*"]).of("util-linux"),
    plan("libuuid", "libuuid1", &["libuuid.so*"]).of("util-linux"),
    plan("libsmartcols", "libsmartcols1", &["libsmartcols.so*"]).of("util-linux"),
    plan("util-linux", "util-linux", &[]),
    part("blkid", "util-linux", &["sbin/blkid"]),
    part("dmesg", "util-linux", &["bin/dmesg"]),
    part("findmnt", "util-linux", &["bin/findmnt"]),
    part("flock", "util-linux", &["usr/bin/flock"]),
    part("fstrim", "util-linux", &["sbin/fstrim"]),
    part("losetup", "mount", &["sbin/losetup"]),
    part("lsblk", "util-linux", &["bin/lsblk"]),
    part("mount", "mount", &["bin/mount"]),
    part("umount", "mount", &["bin/umount"]),
    part("setarch", "util-linux", &["usr/bin/setarch"]),
    part("setpriv", "util-linux", &["usr/bin/setpriv"]),
    part("wipefs", "util-linux", &["sbin/wipefs"]),
    part(
        "util-linux-misc",
        "util-linux",
        &[
            "bin/more",
            "bin/mountpoint",
            "sbin/block*",
            "sbin/fsck",
            "sbin/fsfreeze",
            "sbin/mkswap",
            "sbin/pivot_root",
            "sbin/switch_root",
            "usr/bin/*",
        ],
    ),
    plan("bash", "bash", &["bin/bash"]).needs("/bin/sh"),
    plan(
        "coreutils",
        "coreutils",
        &["bin/*", "usr/bin/*", "usr/sbin/*"],
    ),
    plan("curl", "curl", &["usr/bin/curl"]).needs("ca-certificates"),
    plan("findutils", "findutils", &["usr/bin/*"]),
    plan("git", "git", &["usr/bin/*", "usr/lib/git-core/*"]).needs("ca-certificates"),
    plan("grep", "grep", &["bin/*"]),
    plan("gzip", "gzip", &["bin/*"]).needs("less"),
    plan("less", "less", &["bin/less = usr/bin/less", "usr/bin/less"]),
    plan(
        "openssh-client",
        "openssh-client",
        &["usr/bin/ssh*", "usr/bin/scp", "usr/bin/sftp", "etc/ssh/*"],
    ),
    plan("sed", "sed", &["bin/sed"]),
    plan("shadow", "passwd", &["usr/sbin/*", "usr/bin/*"]),
    plan("tar", "tar", &["bin/tar = usr/bin/tar"]),
    plan("tzdata", "tzdata", &["usr/share/zoneinfo/*"]),
    plan(
        "ca-certificates",
        "ca-certificates",
        &["usr/share/ca-certificates/*"],
    )
    .needs("/bin/sh"),
];

/// The Debian packages whose libraries go together into one package, with those that the plans
/// leave over.
pub const RUNTIME: &[&str] = &[
    "libacl1",
    "libapparmor1",
    "libattr1",
    "libaudit1",
    "libbpf1",
    "libbrotli1",
    "libbz2-1.0",
    "libbsd0",
    "libc6",
    "libcap-ng0",
    "libcap2",
    "libcbor0.8",
    "libcrypt1",
    "libcurl3-gnutls",
    "libcurl4",
    "libdb5.3",
    "libdevmapper1.02.1",
    "libedit2",
    "libelf1",
    "libexpat1",
    "libffi8",
    "libfido2-1",
    "libgcc-s1",
    "libgcrypt20",
    "libgmp10",
    "libgnutls30",
    "libgpg-error0",
    "libgssapi-krb5-2",
    "libhogweed6",
    "libidn2-0",
    "libjq1",
    "libk5crypto3",
    "libkeyutils1",
    "libkrb5-3",
    "libkrb5support0",
    "libldap-2.5-0",
    "liblz4-1",
    "libmd0",
    "libncursesw6",
    "libnetfilter-conntrack3",
    "libnettle8",
    "libnfnetlink0",
    "libnghttp2-14",
    "libp11-kit0",
    "libpam0g",
    "libpcre2-8-0",
    "libpsl5",
    "librtmp1",
    "libsasl2-2",
    "libseccomp2",
    "libselinux1",
    "libsemanage2",
    "libsepol2",
    "libss2",
    "libssh2-1",
    "libssl3",
    "libsystemd0",
    "libtasn1-6",
    "libtinfo6",
    "libtirpc3",
    "libudev1",
    "libunistring2",
    "libzstd1",
    "zlib1g",
];
