//! Compression of single blocks, and the frame of a blob around them.
//!
//! zlib-rs gives other bytes for other write slicing and output space, so each block is one call
//! on a fresh state with an output buffer whose size follows from the input's. zstd frames depend
//! on their content alone.

use flate2::{Compress, FlushCompress, Status};

use super::compression::Compression;

/// Uncompressed bytes in each deflate block. Large enough that the loss at its edges (priming and
/// one sync marker) is below 0.1 %, small enough to spread one package over the processors.
pub(super) const GZIP_BLOCK: usize = 1 << 20;
/// Uncompressed bytes in each zstd frame. A frame sees nothing of the frames before it, so it is
/// larger than a gzip block: as large as the window of the high levels.
pub(super) const ZSTD_BLOCK: usize = 8 << 20;
/// What a deflate block can refer back to (RFC 1951, section 2).
const DEFLATE_WINDOW: usize = 32 << 10;
/// The version of zlib-rs in `Cargo.lock`; a test compares them.
pub(super) const ZLIB_RS_VERSION: &str = "0.6.8";

/// RFC 1952, section 2.3: deflate, no flags, no time, no extra flags, unknown system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// One block on its way to the compressor.
pub(super) struct Block {
    /// The priming bytes and then the block's own.
    data: Vec<u8>,
    /// How many bytes of `data` are the end of the block before.
    primed: usize,
    /// Whether the compressed stream ends with this block.
    pub last: bool,
}

impl Block {
    pub fn new(data: Vec<u8>, primed: usize, last: bool) -> Self {
        Self { data, primed, last }
    }

    /// The block's own bytes.
    pub fn body(&self) -> &[u8] {
        &self.data[self.primed..]
    }

    /// The end of the block, with which `compression` primes the next one of the same segment.
    pub fn tail(&self, compression: Compression) -> &[u8] {
        let window = match compression {
            Compression::Gzip { .. } => DEFLATE_WINDOW,
            Compression::Zstd { .. } => 0,
        };
        &self.data[self.data.len().saturating_sub(window)..]
    }
}

/// Uncompressed bytes in each block.
pub(super) fn block_size(compression: Compression) -> usize {
    match compression {
        Compression::Gzip { .. } => GZIP_BLOCK,
        Compression::Zstd { .. } => ZSTD_BLOCK,
    }
}

/// What stands before the first block of a blob.
pub(super) fn header(compression: Compression) -> &'static [u8] {
    match compression {
        Compression::Gzip { .. } => &GZIP_HEADER,
        Compression::Zstd { .. } => &[],
    }
}

/// What stands after the last block of a blob: for gzip the CRC-32 and the length modulo 2^32
/// (RFC 1952, section 2.3.1).
pub(super) fn trailer(compression: Compression, crc32: u32, length: u64) -> Vec<u8> {
    match compression {
        Compression::Gzip { .. } => {
            let mut trailer = crc32.to_le_bytes().to_vec();
            trailer.extend_from_slice(&(length as u32).to_le_bytes());
            trailer
        }
        Compression::Zstd { .. } => Vec::new(),
    }
}

/// Compresses one block; the error is a remark of the codec.
pub(super) fn compress(compression: Compression, block: &Block) -> Result<Vec<u8>, String> {
    match compression {
        Compression::Gzip { level } => deflate(level, block),
        Compression::Zstd { level } => {
            zstd::bulk::compress(block.body(), level).map_err(|error| error.to_string())
        }
    }
}

fn deflate(level: u32, block: &Block) -> Result<Vec<u8>, String> {
    let body = block.body();
    let mut output = vec![0; deflate_bound(body.len())];
    let mut state = Compress::new(flate2::Compression::new(level), false);
    if block.primed > 0 {
        state
            .set_dictionary(&block.data[..block.primed])
            .map_err(|error| error.to_string())?;
    }
    let flush = if block.last {
        FlushCompress::Finish
    } else {
        FlushCompress::Sync
    };
    let status = state
        .compress(body, &mut output, flush)
        .map_err(|error| error.to_string())?;
    let written = state.total_out() as usize;
    let expected = if block.last {
        Status::StreamEnd
    } else {
        Status::Ok
    };
    // A sync flush that fills the buffer to the last byte may have more to say.
    if status != expected || state.total_in() != body.len() as u64 || written == output.len() {
        return Err(format!(
            "{written} bytes of output did not take {} bytes of input",
            body.len()
        ));
    }
    output.truncate(written);
    Ok(output)
}

/// More than the compressor ever needs for `length` bytes: level 1 spends up to nine bits on a
/// byte, stored blocks five bytes in 16 KiB, and the flush marker a handful.
fn deflate_bound(length: usize) -> usize {
    length + length / 8 + 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declared_codec_version_is_the_locked_one() {
        let lock = include_str!("../../Cargo.lock");
        let entry = format!("name = \"zlib-rs\"\nversion = \"{ZLIB_RS_VERSION}\"");
        assert!(lock.contains(&entry), "update ZLIB_RS_VERSION");
    }

    #[test]
    fn every_level_takes_incompressible_and_empty_blocks() {
        let mut state = 1_u64;
        let noise: Vec<u8> = (0..GZIP_BLOCK)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        for level in 1..=9 {
            for data in [noise.clone(), Vec::new(), vec![0; GZIP_BLOCK]] {
                for last in [false, true] {
                    let block = Block::new(data.clone(), 0, last);
                    let compressed = compress(Compression::Gzip { level }, &block).expect("fits");
                    assert!(compressed.len() < deflate_bound(data.len()));
                }
            }
        }
    }
}
