//! Scripts and the files beside them that declare effects: alternatives, units, accounts, PAM
//! profiles, and what the census makes of a script.
#![no_main]

use dindimg::setup::census::classify;
use dindimg_fuzz::{package, parts, rule, setup, tree};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [script, unit, sysusers, pam, template] = parts(data);
    let _ = classify("x", script);
    let packages: Vec<_> = [
        "x",
        "init-system-helpers",
        "systemd",
        "libpam-runtime",
        "netbase",
        "xz-utils",
    ]
    .map(|name| package(name, &[("postinst", script)]))
    .into();
    let mut tree = tree(&[
        ("usr/bin/xz", b""),
        ("usr/bin/x", b""),
        ("usr/lib/systemd/system/x.service", unit),
        ("usr/lib/sysusers.d/x.conf", sysusers),
        ("usr/share/pam-configs/x", pam),
        ("usr/share/pam/common-auth", template),
        (
            "usr/share/base-passwd/passwd.master",
            b"root:*:0:0:root:/root:/bin/bash\n",
        ),
        ("usr/share/base-passwd/group.master", b"root:*:0:\n"),
    ]);
    let mut setup = setup(&mut tree, &packages);
    for name in ["alternatives", "units", "system-accounts", "pam"] {
        let _ = rule(name, &mut setup);
    }
});
