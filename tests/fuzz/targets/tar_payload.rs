//! Payload tars: as they are, and with the checksum of every header made right, so that what lies
//! behind the checksum is reached.
#![no_main]

use dindimg::tree::{Kind, Tree, read_payload};
use dindimg_fuzz::file_of;
use libfuzzer_sys::fuzz_target;

const BLOCK: usize = 512;

fn read(bytes: &[u8]) {
    let Ok(entries) = read_payload(file_of(bytes)) else {
        return;
    };
    let mut tree = Tree::new(0);
    for (path, node) in entries {
        if let Kind::File(content) = &node.kind {
            assert!(content.len() <= bytes.len() as u64);
            content.read().expect("a file that was accepted is whole");
        }
        let _ = tree.place(&path, node, 0, &|_, _| false);
    }
}

fuzz_target!(|data: &[u8]| {
    read(data);
    let mut sound = data.to_vec();
    sound.resize(data.len().next_multiple_of(BLOCK), 0);
    for header in sound
        .chunks_exact_mut(BLOCK)
        .filter(|block| block[257..262] == *b"ustar")
    {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    read(&sound);
});
