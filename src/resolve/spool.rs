//! The decoded payloads of packages, each with what its control archive says: once decoded, a
//! package's file is not looked at again.

use std::collections::BTreeMap;
use std::io;

use crate::deb::archive::Control;
use crate::digest::Digest;
use crate::family::Family;
use crate::fetch::{CacheError, Derived, FetchError, Fetcher, Sealed};
use crate::lock::LockedPackage;
use crate::tree::ReadAt;

use super::error::ResolveError;
use super::fetch::open_package;

/// Changes whenever spooled payloads, or the notes on them, get another form.
const FORMAT: &str = "spool/2";

impl ReadAt for Sealed {
    fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        Sealed::read_exact_at(self, buffer, position)
    }
}

/// The control files of a package and its decoded payload, from the cache where they are there.
///
/// # Errors
/// When the package's file left the cache, cannot be read as one of its family, or the cache does not
/// serve.
pub fn spooled(
    locked: &LockedPackage,
    family: &dyn Family,
    fetcher: &Fetcher,
) -> Result<(Control, Sealed), ResolveError> {
    let cache = fetcher.cache();
    let cached = |error| ResolveError::from(FetchError::from(error));
    let key = Digest::of(format!("{FORMAT}\n{}\n", locked.sha256));
    if let Some(sealed) = cache.open_sealed(Derived::Spool, &key).map_err(cached)? {
        let control = read(sealed.note()).ok_or_else(|| {
            cached(CacheError::Malformed {
                path: cache
                    .home()
                    .join(format!("spool/{}/{}", &key.hex()[..2], key.hex())),
                problem: format!("no control files of {}", locked.name),
                remedy: "run `dindimg cache prune --all`",
            })
        })?;
        return Ok((control, sealed));
    }
    let file = open_package(locked, fetcher)?;
    let mut sealing = cache.create_sealed().map_err(cached)?;
    let control = family
        .unpack(file, &mut sealing)
        .map_err(|source| ResolveError::Package {
            package: locked.name.clone(),
            source,
        })?;
    let sealed = cache
        .put_sealed(Derived::Spool, &key, sealing, &written(&control))
        .map_err(cached)?;
    Ok((control, sealed))
}

/// Texts one after the other, each after its length: the identity or nothing, then names and contents
/// of the files.
fn written(control: &Control) -> Vec<u8> {
    let mut note = Vec::new();
    let mut add = |bytes: &[u8]| {
        note.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        note.extend_from_slice(bytes);
    };
    add(control.identity.as_deref().unwrap_or_default().as_bytes());
    for (name, content) in &control.files {
        add(name.as_bytes());
        add(content);
    }
    note
}

fn read(mut note: &[u8]) -> Option<Control> {
    let identity = String::from_utf8(take(&mut note)?).ok()?;
    let mut files = BTreeMap::new();
    while !note.is_empty() {
        let name = String::from_utf8(take(&mut note)?).ok()?;
        files.insert(name, take(&mut note)?);
    }
    Some(Control {
        files,
        identity: Some(identity).filter(|identity| !identity.is_empty()),
    })
}

fn take(note: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = note.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (bytes, rest) = rest.split_at_checked(length)?;
    *note = rest;
    Some(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_files_are_read_as_they_were_written() {
        for identity in [None, Some("C:Q1abc".to_owned())] {
            let files = [
                ("control", b"Package: a\n".to_vec()),
                ("md5sums", Vec::new()),
                ("postinst", vec![0xff, 0, 10]),
            ];
            let files = files.map(|(name, content)| (name.to_owned(), content));
            let control = Control {
                files: BTreeMap::from(files),
                identity,
            };
            let note = written(&control);
            let again = read(&note).expect("whole");
            assert_eq!(
                (again.files, again.identity),
                (control.files, control.identity)
            );
            assert!(read(&note[..note.len() - 1]).is_none());
        }
    }
}
