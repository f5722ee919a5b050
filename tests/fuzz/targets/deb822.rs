//! The stanza of a package's control file on its way into dpkg's database.
#![no_main]

use dindimg::setup::dpkg::write_database;
use dindimg_fuzz::{package, parts, setup, tree};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [control, conffiles, md5sums] = parts(data);
    let files = [
        ("control", control),
        ("conffiles", conffiles),
        ("md5sums", md5sums),
    ];
    let packages = [package("x", &files)];
    for field in ["Package", "Version", "Depends", "Multi-Arch"] {
        let _ = packages[0].control.field(field);
    }
    let mut tree = tree(&[("etc/x.conf", b"x")]);
    let _ = write_database(&mut setup(&mut tree, &packages));
});
