//! `.deb` files: as they are, and with the input as one member of a sound archive.
#![no_main]

use std::io;

use dindimg::deb::archive::{control, unpack};
use libfuzzer_sys::fuzz_target;

const SUFFIXES: [&str; 4] = ["", ".gz", ".xz", ".zst"];

fn member(archive: &mut Vec<u8>, name: &str, content: &[u8]) {
    let size = content.len();
    archive.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644).bytes());
    archive.extend(content);
    archive.extend(b"\n".iter().take(size % 2));
}

fuzz_target!(|data: &[u8]| {
    let _ = control(data);
    let _ = unpack(data, &mut io::sink());
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let suffix = SUFFIXES[usize::from(choice) % SUFFIXES.len()];
    let mut archive = b"!<arch>\n".to_vec();
    member(&mut archive, "debian-binary", b"2.0\n");
    if choice & 4 == 0 {
        member(&mut archive, &format!("control.tar{suffix}"), rest);
    } else {
        member(&mut archive, "control.tar", &[0; 1024]);
        member(&mut archive, &format!("data.tar{suffix}"), rest);
    }
    let _ = unpack(archive.as_slice(), &mut io::sink());
});
