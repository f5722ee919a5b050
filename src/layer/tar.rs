//! Headers of tar entries: POSIX `ustar` with PAX records where `ustar` cannot hold a value
//! (POSIX.1-2017, pax, "pax Interchange Format"). Every header field follows from the entry:
//! numeric owners without names, whole seconds, no time of writing.

use std::collections::BTreeMap;

use ::tar::{EntryType, Header};

use crate::tree::{Kind, Meta, Node, TreePath};

use super::error::EntryError;

/// Name and version of the format; raised whenever the bytes for some entry change.
pub(super) const FORMAT: &str = "tar/1";
/// Unit of a tar archive in bytes.
pub(super) const RECORD: usize = 512;
/// Two zero records end an archive.
pub(super) const END_OF_ARCHIVE: [u8; 2 * RECORD] = [0; 2 * RECORD];

/// Bytes of the `name` and `linkname` fields.
const NAME_FIELD: usize = 100;
/// Bytes of the `prefix` field.
const PREFIX_FIELD: usize = 155;
/// Largest value of the eight-byte fields: seven octal digits.
const SHORT_FIELD_MAX: u64 = 0o7_777_777;
/// Largest value of the twelve-byte fields: eleven octal digits.
const LONG_FIELD_MAX: u64 = 0o77_777_777_777;
/// The `name` of the entries that carry PAX records; readers ignore it.
const PAX_NAME: &str = "././@PaxHeader";
/// Prefix of the PAX keywords by which extended attributes travel (star(5), and image-spec
/// layer.md "File Attributes").
const XATTR_KEYWORD: &str = "SCHILY.xattr.";

/// Bytes of zeros after `length` bytes of content.
pub(super) fn padding(length: u64) -> usize {
    (length.wrapping_neg() % RECORD as u64) as usize
}

/// The header of an entry, its PAX records included: what stands before the content.
pub(super) fn header(path: &TreePath, node: &Node) -> Result<Vec<u8>, EntryError> {
    let mut header = Header::new_ustar();
    let mut records = BTreeMap::new();
    set_name(&mut header, &mut records, &name(path, &node.kind)?);
    set_kind(&mut header, &mut records, &node.kind)?;
    set_meta(&mut header, &mut records, &node.meta)?;
    header.set_cksum();

    let mut bytes = if records.is_empty() {
        Vec::with_capacity(RECORD)
    } else {
        pax_entry(&records)
    };
    bytes.extend_from_slice(header.as_bytes());
    Ok(bytes)
}

/// The name of an entry: directories end in a slash, the root is `./`.
fn name(path: &TreePath, kind: &Kind) -> Result<String, EntryError> {
    let Some(last) = path.file_name() else {
        return match kind {
            Kind::Directory => Ok("./".to_owned()),
            _ => Err(EntryError::Root),
        };
    };
    if last.starts_with(".wh.") {
        return Err(EntryError::Whiteout);
    }
    let slash = if matches!(kind, Kind::Directory) {
        "/"
    } else {
        ""
    };
    Ok(format!("{}{slash}", path.as_str()))
}

fn set_name(header: &mut Header, records: &mut BTreeMap<String, Vec<u8>>, name: &str) {
    let fields = header.as_ustar_mut().expect("made as ustar");
    let split = name.is_ascii().then(|| split_name(name)).flatten();
    if let Some((prefix, rest)) = split {
        fields.prefix[..prefix.len()].copy_from_slice(prefix.as_bytes());
        fields.name[..rest.len()].copy_from_slice(rest.as_bytes());
    } else {
        records.insert("path".to_owned(), name.as_bytes().to_vec());
        let start = &name.as_bytes()[..name.len().min(NAME_FIELD)];
        fields.name[..start.len()].copy_from_slice(start);
    }
}

/// Splits a name at a slash so that it fits the `prefix` and `name` fields; `None` if it cannot.
fn split_name(name: &str) -> Option<(&str, &str)> {
    if name.len() <= NAME_FIELD {
        return Some(("", name));
    }
    let start = name.len().checked_sub(NAME_FIELD + 1)?;
    let slash = start + name.as_bytes()[start..].iter().position(|&b| b == b'/')?;
    let (prefix, rest) = (&name[..slash], &name[slash + 1..]);
    (!prefix.is_empty() && prefix.len() <= PREFIX_FIELD && !rest.is_empty())
        .then_some((prefix, rest))
}

fn set_kind(
    header: &mut Header,
    records: &mut BTreeMap<String, Vec<u8>>,
    kind: &Kind,
) -> Result<(), EntryError> {
    header.set_size(0);
    let entry_type = match kind {
        Kind::Directory => EntryType::Directory,
        Kind::File(content) => {
            match content.len() {
                size @ 0..=LONG_FIELD_MAX => header.set_size(size),
                size => {
                    records.insert("size".to_owned(), size.to_string().into_bytes());
                }
            }
            EntryType::Regular
        }
        Kind::Symlink(target) => {
            if target.is_empty() || target.contains('\0') {
                return Err(EntryError::LinkTarget(target.clone()));
            }
            set_link(header, records, target);
            EntryType::Symlink
        }
        Kind::Hardlink(target) => {
            set_link(header, records, target.as_str());
            EntryType::Link
        }
        Kind::CharDevice { major, minor } => {
            set_device(header, *major, *minor)?;
            EntryType::Char
        }
        Kind::BlockDevice { major, minor } => {
            set_device(header, *major, *minor)?;
            EntryType::Block
        }
        Kind::Fifo => EntryType::Fifo,
    };
    header.set_entry_type(entry_type);
    Ok(())
}

fn set_link(header: &mut Header, records: &mut BTreeMap<String, Vec<u8>>, target: &str) {
    if target.len() > NAME_FIELD || !target.is_ascii() {
        records.insert("linkpath".to_owned(), target.as_bytes().to_vec());
    }
    let fields = header.as_ustar_mut().expect("made as ustar");
    let start = &target.as_bytes()[..target.len().min(NAME_FIELD)];
    fields.linkname[..start.len()].copy_from_slice(start);
}

fn set_device(header: &mut Header, major: u32, minor: u32) -> Result<(), EntryError> {
    if u64::from(major.max(minor)) > SHORT_FIELD_MAX {
        return Err(EntryError::Device(major, minor));
    }
    let unfit = |_| EntryError::Device(major, minor);
    header.set_device_major(major).map_err(unfit)?;
    header.set_device_minor(minor).map_err(unfit)
}

fn set_meta(
    header: &mut Header,
    records: &mut BTreeMap<String, Vec<u8>>,
    meta: &Meta,
) -> Result<(), EntryError> {
    let mut fit = |keyword: &str, value: i64, largest: u64| match u64::try_from(value) {
        Ok(small) if small <= largest => small,
        _ => {
            records.insert(keyword.to_owned(), value.to_string().into_bytes());
            0
        }
    };
    header.set_mode(meta.mode & 0o7777);
    header.set_uid(fit("uid", meta.uid.into(), SHORT_FIELD_MAX));
    header.set_gid(fit("gid", meta.gid.into(), SHORT_FIELD_MAX));
    header.set_mtime(fit("mtime", meta.mtime, LONG_FIELD_MAX));
    for (name, value) in &meta.xattrs {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(EntryError::XattrName(name.clone()));
        }
        records.insert(format!("{XATTR_KEYWORD}{name}"), value.clone());
    }
    Ok(())
}

/// The entry that carries `records` for the entry after it.
fn pax_entry(records: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut data = Vec::new();
    for (keyword, value) in records {
        // "length keyword=value\n", where the length counts its own digits.
        let rest = keyword.len() + value.len() + 3;
        let mut length = rest + 1;
        while length != rest + length.to_string().len() {
            length = rest + length.to_string().len();
        }
        data.extend_from_slice(format!("{length} {keyword}=").as_bytes());
        data.extend_from_slice(value);
        data.push(b'\n');
    }
    let mut header = Header::new_ustar();
    let fields = header.as_ustar_mut().expect("made as ustar");
    fields.name[..PAX_NAME.len()].copy_from_slice(PAX_NAME.as_bytes());
    header.set_entry_type(EntryType::XHeader);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(data.len() as u64);
    header.set_cksum();

    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(&data);
    bytes.resize(bytes.len() + padding(data.len() as u64), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::tree::{Content, Spool};

    fn node(kind: Kind) -> Node {
        Node {
            kind,
            meta: Meta::root(0o644, 1_700_000_000),
        }
    }

    fn header_of(path: &str, node: &Node) -> Vec<u8> {
        header(&TreePath::parse(path).expect("valid"), node).expect("writable")
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).expect("UTF-8")
    }

    /// What the `tar` crate reads out of a header without a body: path and link.
    fn read_back(bytes: &[u8]) -> (String, Option<String>) {
        let mut archive = ::tar::Archive::new(bytes);
        let mut entries = archive.entries().expect("an archive");
        let entry = entries.next().expect("an entry").expect("readable");
        let link = entry.link_name_bytes().map(|link| text(&link));
        (text(&entry.path_bytes()), link)
    }

    /// The PAX records before a header. (The `tar` crate ends a record at the first newline,
    /// which a binary value may contain.)
    fn records_of(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let size = Header::from_byte_slice(&bytes[..RECORD]).entry_size();
        if bytes.len() == RECORD {
            return Vec::new();
        }
        let mut data = &bytes[RECORD..][..size.expect("a number") as usize];
        let mut records = Vec::new();
        while let Some(space) = data.iter().position(|&byte| byte == b' ') {
            let length: usize = text(&data[..space]).parse().expect("a number");
            let (record, rest) = data.split_at(length);
            let record = record[space + 1..].strip_suffix(b"\n").expect("newline");
            let equals = record.iter().position(|&byte| byte == b'=').expect("=");
            records.push((text(&record[..equals]), record[equals + 1..].to_vec()));
            data = rest;
        }
        records
    }

    #[test]
    fn names_of_every_length_come_back_whole() {
        for length in [
            1, 99, 100, 101, 155, 156, 254, 255, 256, 257, 300, 1000, 4000,
        ] {
            for component in [7, 60, 120, 250] {
                let mut path = String::new();
                while path.len() < length {
                    let left = length - path.len();
                    path.push_str(&"n".repeat(left.min(component)));
                    if path.len() + 1 < length {
                        path.push('/');
                    }
                }
                let file = header_of(&path, &node(Kind::File(Content::from(""))));
                assert_eq!(read_back(&file).0, path);
                let directory = header_of(&path, &node(Kind::Directory));
                assert_eq!(read_back(&directory).0, format!("{path}/"));
                assert!(file.len().is_multiple_of(RECORD));
            }
        }
    }

    #[test]
    fn ustar_holds_what_it_can_and_pax_the_rest() {
        let records = |path: &str| records_of(&header_of(path, &node(Kind::Directory)));
        assert!(records(&"d/".repeat(50)).is_empty(), "100 bytes");
        assert!(records(&format!("{}/{}", "p".repeat(155), "n".repeat(99))).is_empty());
        let split_impossible = format!("{}/{}", "p".repeat(156), "n".repeat(99));
        assert_eq!(records(&split_impossible)[0].0, "path");
        assert_eq!(records("usr/share/Ünïcode")[0].0, "path");
    }

    #[test]
    fn the_root_is_a_directory() {
        assert_eq!(read_back(&header_of("", &node(Kind::Directory))).0, "./");
        assert_eq!(
            header(&TreePath::root(), &node(Kind::Fifo)),
            Err(EntryError::Root)
        );
    }

    #[test]
    fn links_come_back_whole() {
        for target in ["a", &"t/".repeat(50), &"t".repeat(101), "/é"] {
            let bytes = header_of("link", &node(Kind::Symlink(target.to_owned())));
            assert_eq!(read_back(&bytes).1.as_deref(), Some(target));
        }
        let target = TreePath::parse(&format!("usr/{}", "x".repeat(120))).expect("valid");
        let bytes = header_of("again", &node(Kind::Hardlink(target.clone())));
        assert_eq!(read_back(&bytes).1.as_deref(), Some(target.as_str()));
    }

    #[test]
    fn large_numbers_go_to_pax_records() {
        let mut large = node(Kind::Directory);
        large.meta.uid = u32::MAX;
        large.meta.gid = 0o10_000_000;
        large.meta.mtime = -5;
        let pairs = records_of(&header_of("d", &large));
        let expected = [("gid", "2097152"), ("mtime", "-5"), ("uid", "4294967295")];
        let found: Vec<_> = pairs
            .iter()
            .map(|(key, value)| (key.as_str(), std::str::from_utf8(value).expect("digits")))
            .collect();
        assert_eq!(found, expected);

        let file = tempfile::tempfile().expect("a file");
        let spool = Arc::new(Spool::of(file).expect("its length"));
        let huge = Content::Spooled {
            spool,
            offset: 0,
            length: LONG_FIELD_MAX + 1,
        };
        let bytes = header_of("huge", &node(Kind::File(huge)));
        assert_eq!(
            records_of(&bytes),
            [("size".to_owned(), b"8589934592".to_vec())]
        );
    }

    #[test]
    fn extended_attributes_keep_every_byte() {
        let mut ping = node(Kind::File(Content::from("")));
        let capability = vec![1, 0, 0, 2, 0, b'\n', b'=', 0xff, 0];
        ping.meta
            .xattrs
            .insert("security.capability".to_owned(), capability.clone());
        assert_eq!(
            records_of(&header_of("bin/ping", &ping)),
            [("SCHILY.xattr.security.capability".to_owned(), capability)]
        );
    }

    #[test]
    fn what_tar_or_oci_cannot_express_is_refused() {
        let refuse = |path: &str, node: &Node| {
            header(&TreePath::parse(path).expect("valid"), node).expect_err(path)
        };
        assert_eq!(
            refuse("etc/.wh.passwd", &node(Kind::Directory)),
            EntryError::Whiteout
        );
        for target in ["", "a\0b"] {
            assert!(matches!(
                refuse("l", &node(Kind::Symlink(target.to_owned()))),
                EntryError::LinkTarget(_)
            ));
        }
        let device = node(Kind::CharDevice {
            major: 1 << 22,
            minor: 3,
        });
        assert_eq!(refuse("dev/x", &device), EntryError::Device(1 << 22, 3));
        for name in ["", "user.a=b", "user.\0"] {
            let mut bad = node(Kind::Directory);
            bad.meta.xattrs.insert(name.to_owned(), Vec::new());
            assert!(matches!(refuse("d", &bad), EntryError::XattrName(_)));
        }
    }

    #[test]
    fn a_record_counts_its_own_length_digits() {
        // 9 + 1 digit would be 10, which has two digits: 11 (the classic off-by-one).
        for value in 0..200 {
            let records = BTreeMap::from([("k".to_owned(), vec![b'v'; value])]);
            let entry = pax_entry(&records);
            let data = &entry[RECORD..];
            let space = data.iter().position(|&b| b == b' ').expect("a space");
            let length: usize = std::str::from_utf8(&data[..space])
                .expect("digits")
                .parse()
                .expect("a number");
            assert_eq!(data[length - 1], b'\n');
            assert_eq!(length, space + 1 + 2 + value + 1);
        }
    }
}
