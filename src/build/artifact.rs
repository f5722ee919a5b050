//! Placing what a recipe takes from elsewhere: a file as it is, or parts of an archive.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::sync::Arc;

use crate::deb::IndexCompression as Codec;
use crate::deb::archive::PAYLOAD_LIMIT;
use crate::deb::decompress::decompress;
use crate::digest::Digest;
use crate::fetch::{Derived, FetchError, Fetcher};
use crate::lock::LockedDownload;
use crate::recipe::{Artifact, Member, Take};
use crate::tree::{Content, Kind, Meta, Node, Spool, Tree, TreePath, read_payload};

use super::error::BuildError;

/// Changes whenever decoded archives get another form.
const SPOOL_FORMAT: &str = "artifact/1";
/// Permissions of members: programs, and all else.
const PROGRAM: u32 = 0o755;
const PLAIN: u32 = 0o644;

/// An artifact with the file that the lock names for it.
pub(super) struct Source<'a> {
    pub artifact: &'a Artifact,
    pub locked: &'a LockedDownload,
}

impl Source<'_> {
    /// What stands for its content and what is taken of it.
    pub fn key(&self) -> Digest {
        // Strings, numbers and paths: writing them into memory cannot fail.
        let take = serde_json::to_string(&self.artifact.take).unwrap_or_default();
        Digest::of(format!("{SPOOL_FORMAT}\n{}\n{take}", self.locked.sha256))
    }

    /// Its name among packages.
    pub fn name(&self) -> String {
        format!("artifact {}", self.artifact.name)
    }

    /// What it places.
    pub fn entries(
        &self,
        fetcher: &Fetcher,
        mtime: i64,
    ) -> Result<Vec<(TreePath, Node)>, BuildError> {
        let cached = |error| BuildError::from(FetchError::from(error));
        let file = fetcher
            .cache()
            .open_blob(&self.locked.sha256, self.locked.size)
            .map_err(cached)?
            .ok_or_else(|| self.wrong("it left the cache while it was used; run again"))?;
        match &self.artifact.take {
            Take::Whole { path, mode } => {
                let content = Content::Spooled {
                    spool: Arc::new(Spool::new(file, self.locked.size)),
                    offset: 0,
                    length: self.locked.size,
                };
                let node = Node {
                    kind: Kind::File(content),
                    meta: Meta::root(mode.0, mtime),
                };
                Ok(vec![(self.path(path.as_str())?, node)])
            }
            Take::Members(members) => {
                let decoded = self.decoded(file, fetcher)?;
                let spool = Spool::of(decoded).map_err(|error| self.wrong(error))?;
                let entries = read_payload(&Arc::new(spool)).map_err(|error| self.wrong(error))?;
                self.taken(members, entries, mtime)
            }
        }
    }

    /// The archive, decoded: from the cache or into it.
    fn decoded(&self, mut file: File, fetcher: &Fetcher) -> Result<File, BuildError> {
        let cached = |error| BuildError::from(FetchError::from(error));
        let cache = fetcher.cache();
        let key = Digest::of(format!("{SPOOL_FORMAT}\n{}\n", self.locked.sha256));
        if let Some(entry) = cache.open_derived(Derived::Spool, &key).map_err(cached)? {
            return Ok(entry.file);
        }
        let codec = codec(&mut file).map_err(|error| self.wrong(error))?;
        let codec = codec.ok_or_else(|| {
            self.wrong("it is no tar archive, plain or compressed by gzip, xz or zstd; place it whole with `path`")
        })?;
        let mut spool = cache.create().map_err(cached)?;
        decompress(codec, file, PAYLOAD_LIMIT, &mut spool).map_err(|error| self.wrong(error))?;
        let entry = cache
            .put_derived(Derived::Spool, &key, spool)
            .map_err(cached)?;
        let mut file = entry.file;
        file.rewind().map_err(|error| self.wrong(error))?;
        Ok(file)
    }

    /// The members that the recipe names, where it wants them.
    fn taken(
        &self,
        members: &[Member],
        entries: Vec<(TreePath, Node)>,
        mtime: i64,
    ) -> Result<Vec<(TreePath, Node)>, BuildError> {
        let mut taken = Vec::new();
        for member in members {
            let before = taken.len();
            for (path, node) in &entries {
                let Some(rest) = place(member, path.as_str()) else {
                    continue;
                };
                let at = self.path(&format!("{}{rest}", member.to))?;
                taken.push((at, self.node(node, &entries, mtime)?));
            }
            if taken.len() == before {
                let star = if member.below { "/*" } else { "" };
                return Err(self.wrong(format!("there is no `{}{star}` in it", member.from)));
            }
        }
        Ok(taken)
    }

    /// An entry as an image has it: root's, and executable or not. A further name of a file becomes a
    /// file of its own, since the first may be left out.
    fn node(
        &self,
        node: &Node,
        entries: &[(TreePath, Node)],
        mtime: i64,
    ) -> Result<Node, BuildError> {
        let kind = match &node.kind {
            Kind::Hardlink(target) => entries
                .iter()
                .find(|(path, _)| path == target)
                .map(|(_, node)| node.kind.clone())
                .ok_or_else(|| self.wrong(format!("{target} is a link's target and not there")))?,
            kind => kind.clone(),
        };
        let mode = match kind {
            Kind::Symlink(_) => 0o777,
            Kind::Directory => PROGRAM,
            _ if node.meta.mode & 0o111 != 0 => PROGRAM,
            _ => PLAIN,
        };
        Ok(Node {
            kind,
            meta: Meta::root(mode, mtime),
        })
    }

    fn path(&self, path: &str) -> Result<TreePath, BuildError> {
        TreePath::parse(path).map_err(|error| self.wrong(error))
    }

    fn wrong(&self, message: impl ToString) -> BuildError {
        BuildError::Artifact {
            name: self.artifact.name.clone(),
            message: message.to_string(),
        }
    }
}

/// Places what each source has, under the numbers from `first` on.
pub(super) fn place_all(
    tree: &mut Tree,
    sources: &[Source<'_>],
    first: usize,
    names: &[String],
    fetcher: &Fetcher,
    mtime: i64,
) -> Result<(), BuildError> {
    for (position, source) in sources.iter().enumerate() {
        for (path, node) in source.entries(fetcher, mtime)? {
            tree.place(&path, node, first + position, &|_, _| false)
                .map_err(|error| super::unpack::explain(error, names, first + position))?;
        }
    }
    Ok(())
}

/// Where an entry of an archive goes, below the place of `member`: nothing for the member itself,
/// and none for another's.
fn place(member: &Member, path: &str) -> Option<String> {
    if !member.below {
        return (path == member.from).then(String::new);
    }
    let rest = match member.from.as_str() {
        "" => path,
        from => path.strip_prefix(from)?.strip_prefix('/')?,
    };
    (!rest.is_empty()).then(|| format!("/{rest}"))
}

/// The codec of a file, by how it begins; none for what is no archive.
fn codec(file: &mut File) -> std::io::Result<Option<Codec>> {
    let mut head = Vec::new();
    file.by_ref().take(512).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(match &head[..] {
        [0x1f, 0x8b, ..] => Some(Codec::Gzip),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Some(Codec::Xz),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Codec::Zstd),
        tar if tar.get(257..262) == Some(b"ustar") => Some(Codec::None),
        _ => None,
    })
}
