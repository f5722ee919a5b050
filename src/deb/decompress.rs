//! Decompression within bounds, of package members and of indexes alike.

use std::io::{self, Read, Write};

use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

use super::release::IndexCompression as Codec;

/// Most bytes one compressed byte may decode to, once [`RATIO_FLOOR`] is passed. xz reaches about
/// 7000 on zeros; real payloads and indexes stay below 100.
pub const RATIO_LIMIT: u64 = 1000;
/// Decoded bytes below which the ratio is not judged: small sparse files compress extremely well.
pub const RATIO_FLOOR: u64 = 64 << 20;
/// Memory an xz stream may ask for, in bytes: dpkg-deb's own limit follows `xz -9`, 65 MiB.
const XZ_MEMORY_LIMIT: u64 = 128 << 20;
/// Largest window of a zstd stream, as a power of two: 128 MiB, what `zstd -d` accepts unasked.
const ZSTD_WINDOW_LIMIT: u32 = 27;
/// Bytes decoded per step.
const STEP: usize = 128 << 10;

/// Why a stream was not decoded to its end.
#[derive(Debug, thiserror::Error)]
pub enum DecompressError {
    /// The stream is damaged or asks for too much memory, or a file failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It decodes to more than its limit.
    #[error("it decodes to more than {0} bytes")]
    TooLarge(u64),
    /// It decodes to more than its compressed bytes can honestly hold.
    #[error(
        "it decodes to more than {RATIO_LIMIT} times its {0} compressed bytes: a decompression bomb"
    )]
    Ratio(u64),
}

/// Decodes `input` into `out`, at most `limit` bytes of it.
///
/// # Errors
/// [`DecompressError`]; `out` then holds a beginning of the content.
pub fn decompress(
    codec: Codec,
    input: impl Read,
    limit: u64,
    out: &mut impl Write,
) -> Result<(), DecompressError> {
    let mut input = Counted { input, read: 0 };
    let mut buffer = vec![0; STEP];
    let mut total = 0;
    let mut decoder = decoder(codec, &mut input)?;
    loop {
        let n = decoder.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        total += n as u64;
        if total > limit {
            return Err(DecompressError::TooLarge(limit));
        }
        // What was read, not what was announced: a file may lie about its own size.
        let read = decoder.read_so_far();
        if total > RATIO_FLOOR && total / RATIO_LIMIT > read {
            return Err(DecompressError::Ratio(read));
        }
        out.write_all(&buffer[..n])?;
    }
}

/// Counts what is read.
struct Counted<R> {
    input: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.read += n as u64;
        Ok(n)
    }
}

/// A decoder that knows how much it has read.
trait Decoder: Read {
    fn read_so_far(&self) -> u64;
}

impl<R: Read> Decoder for &mut Counted<R> {
    fn read_so_far(&self) -> u64 {
        self.read
    }
}

impl<R: Read> Decoder for flate2::read::MultiGzDecoder<&mut Counted<R>> {
    fn read_so_far(&self) -> u64 {
        self.get_ref().read
    }
}

impl<R: Read> Decoder for XzDecoder<&mut Counted<R>> {
    fn read_so_far(&self) -> u64 {
        self.get_ref().read
    }
}

impl<R: Read> Decoder for zstd::stream::read::Decoder<'_, io::BufReader<&mut Counted<R>>> {
    fn read_so_far(&self) -> u64 {
        self.get_ref().get_ref().read
    }
}

fn decoder<'a, R: Read>(
    codec: Codec,
    input: &'a mut Counted<R>,
) -> io::Result<Box<dyn Decoder + 'a>> {
    Ok(match codec {
        Codec::None => Box::new(input),
        Codec::Gzip => Box::new(flate2::read::MultiGzDecoder::new(input)),
        Codec::Xz => Box::new(XzDecoder::new_stream(
            input,
            Stream::new_stream_decoder(XZ_MEMORY_LIMIT, CONCATENATED)?,
        )),
        Codec::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(input)?;
            decoder.window_log_max(ZSTD_WINDOW_LIMIT)?;
            Box::new(decoder)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZEROS: u64 = RATIO_FLOOR * 2;

    fn zeros() -> impl Read {
        io::repeat(0).take(ZEROS)
    }

    /// The same zeros in every compression.
    fn bombs() -> [(Codec, Vec<u8>); 3] {
        let mut gzip = flate2::read::GzEncoder::new(zeros(), flate2::Compression::best());
        let mut xz = liblzma::read::XzEncoder::new(zeros(), 0);
        let encoded = |reader: &mut dyn Read| {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).expect("in memory");
            bytes
        };
        [
            (Codec::Gzip, encoded(&mut gzip)),
            (Codec::Xz, encoded(&mut xz)),
            (
                Codec::Zstd,
                zstd::encode_all(zeros(), 1).expect("in memory"),
            ),
        ]
    }

    #[test]
    fn a_bomb_is_cut_off_by_its_limit_or_by_its_ratio() {
        for (codec, bomb) in bombs() {
            let mut out = Vec::new();
            let error = decompress(codec, bomb.as_slice(), 1 << 20, &mut out).expect_err("limit");
            assert!(matches!(error, DecompressError::TooLarge(_)), "{error}");
            assert!(out.len() <= 1 << 20);
            let result = decompress(codec, bomb.as_slice(), u64::MAX, &mut io::sink());
            match (codec, result) {
                // The window of deflate keeps it at about 1030 times.
                (Codec::Gzip, _) => {}
                (_, Err(DecompressError::Ratio(read))) => assert!(read <= bomb.len() as u64),
                (codec, other) => panic!("{codec:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn content_that_is_only_large_passes() {
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(1 << 20)
        .collect();
        let mut out = Vec::new();
        decompress(Codec::None, noise.as_slice(), 1 << 20, &mut out).expect("within its limit");
        assert_eq!(out, noise);
    }

    #[test]
    fn a_stream_cut_short_is_an_error() {
        for (codec, bomb) in bombs() {
            let half = &bomb[..bomb.len() / 2];
            assert!(
                decompress(codec, half, u64::MAX, &mut io::sink()).is_err(),
                "{codec:?}"
            );
        }
    }
}
