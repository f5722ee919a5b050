//! What stands before a tar entry and describes it: GNU long names and PAX headers.

use std::collections::BTreeMap;
use std::io::{self, Read};

use tar::EntryType;

use super::pax;
use super::payload::{PayloadError, ambiguous, refused};

/// Most bytes of one description. Names and links end at 4096 bytes, the attributes of a file on
/// Linux at 64 KiB each.
const LIMIT: u64 = 1 << 20;
/// Prefix of the PAX keywords by which extended attributes travel (star(5)).
const XATTR: &str = "SCHILY.xattr.";
/// Prefix of the PAX keywords of sparse files in newer forms of GNU tar: the content is then a map
/// of holes, although the entry says that it is a plain file.
const SPARSE: &str = "GNU.sparse.";

/// The descriptions before an entry, as they are.
#[derive(Default)]
pub(super) struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    pax: Option<Vec<u8>>,
}

/// What they say; `None` where they leave it to the entry's header.
#[derive(Default)]
pub(super) struct Described {
    /// Its name.
    pub name: Option<Vec<u8>>,
    /// The target of a link.
    pub link: Option<Vec<u8>>,
    /// Bytes of content.
    pub size: Option<u64>,
    /// Numeric owner.
    pub uid: Option<u64>,
    /// Numeric group.
    pub gid: Option<u64>,
    /// Whole seconds since the Unix epoch.
    pub mtime: Option<i64>,
    /// Extended attributes by full name.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl Extension {
    /// Takes in `entry` if it describes the one after it; false if it is an entry of its own.
    pub fn take<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>) -> Result<bool, PayloadError> {
        let place = match entry.header().entry_type() {
            EntryType::GNULongName => &mut self.name,
            EntryType::GNULongLink => &mut self.link,
            EntryType::XHeader => &mut self.pax,
            _ => return Ok(false),
        };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if place.is_some() {
            return Err(ambiguous(&name, "two descriptions of one kind before it"));
        }
        let size = entry.size();
        if size > LIMIT {
            return Err(refused(&name, "described by more than a megabyte"));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        *place = Some(bytes);
        Ok(true)
    }

    /// Whether there is any description.
    pub fn is_some(&self) -> bool {
        self.name.is_some() || self.link.is_some() || self.pax.is_some()
    }

    /// What the descriptions say together.
    ///
    /// # Errors
    /// In words, what is wrong with them.
    pub fn read(&self) -> Result<Described, String> {
        let mut found = Described {
            name: self.name.as_deref().map(terminated),
            link: self.link.as_deref().map(terminated),
            ..Described::default()
        };
        let records = pax::records(self.pax.as_deref().unwrap_or_default())?;
        for (keyword, value) in records {
            match keyword {
                "path" => set(&mut found.name, value.to_vec(), "names")?,
                "linkpath" => set(&mut found.link, value.to_vec(), "link targets")?,
                "size" => found.size = Some(number(keyword, value)?),
                "uid" => found.uid = Some(number(keyword, value)?),
                "gid" => found.gid = Some(number(keyword, value)?),
                "mtime" => found.mtime = Some(seconds(value)?),
                _ if keyword.starts_with(SPARSE) => {
                    return Err(format!("a map of holes (`{keyword}`)"));
                }
                _ => {
                    if let Some(name) = keyword.strip_prefix(XATTR) {
                        found.xattrs.insert(name.to_owned(), value.to_vec());
                    }
                }
            }
        }
        Ok(found)
    }
}

/// A GNU long name without the zero byte that ends it.
fn terminated(bytes: &[u8]) -> Vec<u8> {
    bytes.strip_suffix(b"\0").unwrap_or(bytes).to_vec()
}

fn set<T>(place: &mut Option<T>, value: T, what: &str) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("two {what}")),
    }
}

fn number(keyword: &str, value: &[u8]) -> Result<u64, String> {
    digits(value).ok_or_else(|| format!("a {keyword} that is no number"))
}

/// Whole seconds of a decimal number; earlier than the epoch counts as the epoch.
fn seconds(value: &[u8]) -> Result<i64, String> {
    if value.starts_with(b"-") {
        return Ok(0);
    }
    let whole = value.split(|&byte| byte == b'.').next();
    whole
        .and_then(digits)
        .and_then(|seconds| i64::try_from(seconds).ok())
        .ok_or_else(|| "a time that is no number".to_owned())
}

fn digits(value: &[u8]) -> Option<u64> {
    str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?
        .parse()
        .ok()
}
