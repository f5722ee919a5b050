//! Where two layers begin to differ.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use tar::Archive;

use crate::digest::{Digest, Hashing};

/// An entry of a layer: its path, its header as it is with what extends it (attributes, long names), and
/// its content's digest.
type Entry = (String, Vec<u8>, Digest);

/// The first entry in which two layers differ, in words; `None` where every entry is the same, so
/// that their compression alone differs.
///
/// # Errors
/// When one of them is no archive.
pub fn first_difference(
    (ours, our_type): (impl Read, &str),
    (theirs, their_type): (impl Read, &str),
) -> io::Result<Option<String>> {
    let mut ours = Archive::new(decoded(ours, our_type)?);
    let mut theirs = Archive::new(decoded(theirs, their_type)?);
    let (mut ours, mut theirs) = (ours.entries()?, theirs.entries()?);
    loop {
        let one = ours.next().map(read).transpose()?;
        let other = theirs.next().map(read).transpose()?;
        match (one, other) {
            (None, None) => return Ok(None),
            (Some((path, ..)), None) => return Ok(Some(format!("{path} is not in the image"))),
            (None, Some((path, ..))) => return Ok(Some(format!("{path} is in the image alone"))),
            (Some(one), Some(other)) if one.0 != other.0 => {
                return Ok(Some(format!(
                    "the image has {} where {} is built",
                    other.0, one.0
                )));
            }
            (Some(one), Some(other)) if one.2 != other.2 => {
                return Ok(Some(format!(
                    "{} has other content: {} in the image, {} built",
                    one.0, other.2, one.2
                )));
            }
            (Some(one), Some(other)) if one.1 != other.1 => {
                return Ok(Some(format!(
                    "{} has another owner, mode, date, target or attribute",
                    one.0
                )));
            }
            _ => {}
        }
    }
}

fn decoded<'a>(layer: impl Read + 'a, media_type: &str) -> io::Result<Box<dyn Read + 'a>> {
    if media_type.ends_with("gzip") {
        Ok(Box::new(MultiGzDecoder::new(layer)))
    } else if media_type.ends_with("zstd") {
        Ok(Box::new(zstd::Decoder::new(layer)?))
    } else {
        Ok(Box::new(layer))
    }
}

fn read<R: Read>(entry: io::Result<tar::Entry<'_, R>>) -> io::Result<Entry> {
    let mut entry = entry?;
    let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let mut header = entry.header().as_bytes().to_vec();
    header.extend(entry.link_name_bytes().unwrap_or_default().iter());
    if let Some(extensions) = entry.pax_extensions()? {
        for extension in extensions {
            let extension = extension?;
            header.extend(extension.key_bytes());
            header.extend(extension.value_bytes());
        }
    }
    let mut content = Hashing::new(&mut entry);
    io::copy(&mut content, &mut io::sink())?;
    let (_, digest, _) = content.finish();
    Ok((path, header, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(entries: &[(&str, &str, u32)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content, mode) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(*mode);
            builder
                .append_data(&mut header, path, content.as_bytes())
                .expect("written");
        }
        builder.into_inner().expect("an archive")
    }

    #[test]
    fn the_first_entry_that_differs_is_named_with_what_differs() {
        let base = [("a", "1", 0o644), ("b", "2", 0o644)];
        let difference = |other: &[(&str, &str, u32)]| {
            let (ours, theirs) = (layer(&base), layer(other));
            first_difference((ours.as_slice(), "tar"), (theirs.as_slice(), "tar"))
                .expect("archives")
        };
        assert_eq!(difference(&base), None);
        for (other, said) in [
            (&[("a", "1", 0o644)][..], "b is not in the image"),
            (
                &[("a", "1", 0o644), ("b", "3", 0o644)],
                "b has other content",
            ),
            (
                &[("a", "1", 0o600), ("b", "2", 0o644)],
                "a has another owner",
            ),
            (&[("a", "1", 0o644), ("c", "2", 0o644)], "has c where b"),
        ] {
            let found = difference(other).unwrap_or_default();
            assert!(found.contains(said), "{found}");
        }
    }
}
