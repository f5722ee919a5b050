//! What packages have beside files of Debian's: scripts and what OpenRC starts, as far as a test can
//! tell that they ran.

use super::super::package::{ApkPackage, Entry};

const DOCKER_PRE_INSTALL: &str = "#!/bin/sh\n\naddgroup -S docker 2>/dev/null\n\nexit 0\n";

const DOCKER_SERVICE: &str = "#!/sbin/openrc-run\n\ncommand=/usr/bin/dockerd\n\
                              pidfile=/run/docker.pid\n";

const KMOD_TRIGGER: &str = "#!/bin/sh\n\nfor modules; do\n\tif [ -e \"$modules/modules.order\" ]; \
                            then\n\t\t/sbin/depmod \"${modules#/lib/modules/}\"\n\tfi\ndone\n";

const UPDATE_CERTIFICATES: &str = "#!/bin/sh\n\nset -e\nbundle=/etc/ssl/certs/ca-certificates.crt\n\
    find /usr/share/ca-certificates /usr/local/share/ca-certificates -name '*.crt' |\n\
    \tsort | xargs cat > $bundle.new\nmv $bundle.new $bundle\n";

const CERTIFICATES_TRIGGER: &str = "#!/bin/sh\n\nexec /usr/sbin/update-ca-certificates\n";

const PROTECTED: &str = "-etc/ssl/certs/ca-certificates.crt\n";

/// Adds what a package has of its own.
pub fn complete(package: ApkPackage) -> ApkPackage {
    let triggers = |words: &str| words.split(' ').map(str::to_owned).collect();
    match package.name.as_str() {
        "docker-engine" => package.script(".pre-install", DOCKER_PRE_INSTALL),
        "docker-openrc" => package
            .entry(Entry::executable("etc/init.d/docker", DOCKER_SERVICE))
            .entry(Entry::file("etc/conf.d/docker", "#DOCKER_OPTS=\"\"\n")),
        "kmod" => ApkPackage {
            triggers: triggers("/lib/modules/*"),
            ..package.script(".trigger", KMOD_TRIGGER)
        },
        "ca-certificates" => {
            let package = package
                .script(".trigger", CERTIFICATES_TRIGGER)
                .entry(Entry::executable(
                    "usr/sbin/update-ca-certificates",
                    UPDATE_CERTIFICATES,
                ))
                .entry(Entry::directory("usr/local/share/ca-certificates"))
                .entry(Entry::directory("etc/ca-certificates/update.d"))
                .entry(Entry::directory("etc/ssl/certs"))
                .entry(Entry::file(
                    "etc/apk/protected_paths.d/ca-certificates.list",
                    PROTECTED,
                ));
            ApkPackage {
                triggers: triggers(
                    "/usr/share/ca-certificates /usr/local/share/ca-certificates \
                     /etc/ssl/certs /etc/ca-certificates/update.d",
                ),
                ..package
            }
        }
        _ => package,
    }
}

/// The least that other packages see of OpenRC.
pub fn openrc() -> ApkPackage {
    ApkPackage::new("openrc", "0.52.1-r1")
        .depends("/bin/sh")
        .entry(Entry::executable("sbin/openrc", "#!/bin/sh\n"))
        .entry(Entry::directory("etc/init.d"))
        .entry(Entry::directory("etc/runlevels/default"))
}
