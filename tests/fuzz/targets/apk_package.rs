//! Packages of Alpine: as they are, and with the input as the control files of one.
#![no_main]

use std::io::{self, Write as _};

use dindimg::apk::package::{fields, head};
use libfuzzer_sys::fuzz_target;

fn read(mut bytes: &[u8]) {
    if let Ok(head) = head(&mut bytes) {
        let _ = head.payload(&mut bytes, &mut io::sink());
    }
}

fuzz_target!(|data: &[u8]| {
    read(data);
    let _ = fields(data);
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(data.len() as u64);
    archive
        .append_data(&mut header, ".PKGINFO", data)
        .expect("in memory");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let archive = archive.into_inner().expect("in memory");
    encoder.write_all(&archive).expect("in memory");
    read(&encoder.finish().expect("in memory"));
});
