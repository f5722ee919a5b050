//! The image under test: its layers, decoded, as trees of a machine's first file system.
//!
//! A machine decompresses and digests at a tenth of the host's speed, so both are done here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, Write};
use std::path::Path;

use serde::Deserialize;
use tar::EntryType;

use super::archive::{Part, decoded, document, index, member};
use super::error::LabError;
use super::initramfs::{Newc, Owner};
use crate::digest::{Digest, Hashing};
use crate::process::{Interrupt, ProcessError};

/// Most bytes of a layer's archive, what the disk of a machine holds.
const LAYER_LIMIT: u64 = 16 << 30;
/// Bytes decoded between two looks at whether to go on.
const STEP: u64 = 16 << 20;
/// Most entries of a layer.
const ENTRY_LIMIT: usize = 1_000_000;
/// What a name begins with that takes another one away (OCI image specification, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";
/// The record with the capabilities of a file.
const CAPABILITY: &[u8] = b"SCHILY.xattr.security.capability";
/// The name that takes everything below its directory away.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// An entry of `manifest.json` (Docker image specification v1.2, "Combined Image JSON +
/// Filesystem Changeset Format").
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// What is read of an image's configuration.
#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<Digest>,
}

/// What stands at a path of a layer.
enum Node {
    Directory,
    Link(Vec<u8>),
    /// Where the content is in the spool.
    File {
        offset: u64,
        length: u64,
    },
    /// Another name of the file at this path.
    Name(Vec<u8>),
    /// What lower layers have there is gone.
    Gone,
}

/// An image with its layers in a spool.
pub(super) struct Image {
    spool: File,
    /// Its configuration, whose digest is its id.
    pub config: Vec<u8>,
    /// Its names.
    pub tags: Vec<String>,
    /// Its layers, the lowest first.
    pub layers: Vec<Layer>,
}

/// A layer.
pub(super) struct Layer {
    /// Digest of its archive.
    pub diff_id: Digest,
    /// Bytes of that.
    pub length: u64,
    /// Capabilities of its programs by their paths, as the kernel has them (capabilities(7), "File
    /// capabilities"). An initramfs cannot have any.
    pub capabilities: BTreeMap<Vec<u8>, Vec<u8>>,
    nodes: BTreeMap<Vec<u8>, (Owner, Node)>,
}

impl Image {
    /// Reads the one image of a docker-archive; `to` becomes the spool.
    pub(super) fn unfold(from: &File, to: &Path, interrupt: &Interrupt) -> Result<Self, LabError> {
        let unusable = |error: io::Error| LabError::Image(error.to_string());
        let wrong =
            |name: &str, error: serde_json::Error| LabError::Image(format!("{name}: {error}"));
        let files = index(from).map_err(unusable)?;
        let manifest = document(from, &files, "manifest.json")?;
        let entries: Vec<Entry> =
            serde_json::from_slice(&manifest).map_err(|error| wrong("manifest.json", error))?;
        let [entry] = &entries[..] else {
            let count = entries.len();
            return Err(LabError::Image(format!("it holds {count} images")));
        };
        let config = document(from, &files, &entry.config)?;
        let Config { rootfs } =
            serde_json::from_slice(&config).map_err(|error| wrong(&entry.config, error))?;
        if rootfs.diff_ids.len() != entry.layers.len() {
            return Err(LabError::Image(
                "its configuration and its manifest have different numbers of layers".to_owned(),
            ));
        }
        let mut options = File::options();
        let options = options.read(true).write(true).create_new(true);
        let mut spool = options.open(to).map_err(LabError::file("write", to))?;
        let mut layers = Vec::new();
        let mut below = Below::default();
        for (name, diff_id) in entry.layers.iter().zip(rootfs.diff_ids) {
            let content = member(from, &files, name)?;
            let kept = keep(content, &mut spool, interrupt).map_err(unusable)?;
            let Some((offset, length, found)) = kept else {
                let command = format!("decoding of {name}");
                return Err(ProcessError::Interrupted { command }.into());
            };
            if found != diff_id {
                return Err(LabError::Image(format!(
                    "{name} has the digest {found}, its configuration says {diff_id}"
                )));
            }
            let (nodes, capabilities) =
                read(&spool, offset, length, &mut below).map_err(unusable)?;
            layers.push(Layer {
                diff_id,
                length,
                capabilities,
                nodes,
            });
        }
        Ok(Self {
            spool,
            config,
            tags: entry.repo_tags.clone().unwrap_or_default(),
            layers,
        })
    }

    /// Adds the tree of a layer below `root` to an initramfs, which has the directory above that.
    pub(super) fn pack<W: Write>(
        &self,
        layer: &Layer,
        root: &[u8],
        archive: &mut Newc<W>,
    ) -> io::Result<()> {
        archive.directory(root, Owner::PROGRAM)?;
        let mut inodes = BTreeMap::new();
        for (path, (owner, node)) in &layer.nodes {
            let name = join(root, path);
            match node {
                Node::Directory => archive.directory(&name, *owner)?,
                Node::Link(target) => archive.link(&name, *owner, target)?,
                Node::Gone => archive.whiteout(&name)?,
                Node::File { offset, length } => {
                    let content = Part {
                        file: &self.spool,
                        position: *offset,
                        left: *length,
                    };
                    let inode = archive.file(&name, *owner, content, *length)?;
                    inodes.insert(path, inode);
                }
                Node::Name(_) => {}
            }
        }
        for (path, (owner, node)) in &layer.nodes {
            if let Node::Name(of) = node {
                let inode = inodes.get(of).ok_or_else(|| elsewhere(path, of))?;
                archive.name(&join(root, path), *owner, *inode)?;
            }
        }
        Ok(())
    }
}

/// A layer of an archive may name files of its own only: an overlay cannot link to another layer.
fn elsewhere(path: &[u8], of: &[u8]) -> io::Error {
    let [path, of] = [path, of].map(|path| String::from_utf8_lossy(path).into_owned());
    io::Error::other(format!(
        "{path} is another name of {of}, which is no file of the same layer"
    ))
}

/// Decodes a layer to the end of the spool: where it is, its length and its digest; none when it
/// is interrupted.
fn keep(
    content: Part<'_>,
    spool: &mut File,
    interrupt: &Interrupt,
) -> io::Result<Option<(u64, u64, Digest)>> {
    let offset = spool.stream_position()?;
    let mut out = BufWriter::with_capacity(1 << 20, &*spool);
    let mut content = Hashing::new(decoded(content)?);
    loop {
        if interrupt.is_set() {
            return Ok(None);
        }
        match io::copy(&mut content.by_ref().take(STEP), &mut out)? {
            0 => break,
            _ if content.count() > LAYER_LIMIT => {
                return Err(io::Error::other(format!(
                    "a layer has more than {LAYER_LIMIT} bytes"
                )));
            }
            _ => {}
        }
    }
    out.flush()?;
    let (_, digest, length) = content.finish();
    Ok(Some((offset, length, digest)))
}

/// What the layers so far have, merged; of directories also whose they are.
type Below = BTreeMap<Vec<u8>, Option<Owner>>;

/// The tree of a layer, and the capabilities of its programs.
type Tree = (BTreeMap<Vec<u8>, (Owner, Node)>, BTreeMap<Vec<u8>, Vec<u8>>);

/// Reads the tree of a layer and lays it over what is below.
fn read(spool: &File, offset: u64, length: u64, below: &mut Below) -> io::Result<Tree> {
    let layer = Part {
        file: spool,
        position: offset,
        left: length,
    };
    let mut layer = tar::Archive::new(BufReader::with_capacity(256 << 10, layer));
    let mut nodes = BTreeMap::new();
    let mut capabilities = BTreeMap::new();
    let mut opaque = BTreeSet::new();
    for (count, entry) in layer.entries()?.enumerate() {
        let mut entry = entry?;
        if count > ENTRY_LIMIT {
            return Err(io::Error::other("a layer with too many entries"));
        }
        let path = clean(&entry.path_bytes())?;
        let (above, name) = split(&path);
        if name == OPAQUE {
            opaque.insert(above.to_vec());
        } else if let Some(gone) = name.strip_prefix(WHITEOUT) {
            // It is said of lower layers: what this one has there stays.
            let gone = nodes.entry(join(above, gone));
            gone.or_insert((Owner::PROGRAM, Node::Gone));
        } else if !path.is_empty()
            && let Some(node) = node(&entry, offset)?
        {
            capabilities.remove(&path);
            if let Some(capability) = capability(&mut entry)? {
                capabilities.insert(path.clone(), capability);
            }
            nodes.insert(path, node);
        }
    }
    // An overlay marks such a directory by an attribute, which an initramfs cannot have: what is
    // below goes name by name.
    for directory in &opaque {
        let prefix = join(directory, b"");
        let hidden = below.range(prefix.clone()..).map(|(path, _)| path);
        let hidden: Vec<Vec<u8>> = hidden
            .take_while(|path| path.starts_with(&prefix))
            .filter(|path| !nodes.contains_key(*path) && nodes.contains_key(split(path).0))
            .cloned()
            .collect();
        for path in hidden {
            nodes.insert(path, (Owner::PROGRAM, Node::Gone));
        }
    }
    // The topmost directory is the one whose owner and mode count, so those that a layer leaves out
    // are as they are below.
    let paths = nodes.keys().flat_map(|path| above(path));
    let paths: BTreeSet<Vec<u8>> = paths.map(<[u8]>::to_vec).collect();
    for path in paths {
        let owner = below.get(&path).copied().flatten();
        let directory = (owner.unwrap_or(Owner::PROGRAM), Node::Directory);
        nodes.entry(path).or_insert(directory);
    }
    for (path, (owner, node)) in &nodes {
        let directory = matches!(node, Node::Directory);
        if !directory || below.get(path) == Some(&None) {
            remove(below, path);
        }
        if !matches!(node, Node::Gone) {
            below.insert(path.clone(), directory.then_some(*owner));
        }
    }
    Ok((nodes, capabilities))
}

/// The capabilities that an entry gives its file (pax(1), the records of star(1)).
fn capability<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<Option<Vec<u8>>> {
    for record in entry.pax_extensions()?.into_iter().flatten() {
        let record = record?;
        if record.key_bytes() == CAPABILITY {
            return Ok(Some(record.value_bytes().to_vec()));
        }
    }
    Ok(None)
}

/// Takes a path and everything below it away.
fn remove(below: &mut Below, path: &[u8]) {
    let prefix = join(path, b"");
    let gone = below.range(prefix.clone()..).map(|(path, _)| path);
    let gone: Vec<Vec<u8>> = gone
        .take_while(|path| path.starts_with(&prefix))
        .cloned()
        .collect();
    for path in gone {
        below.remove(&path);
    }
    below.remove(path);
}

/// An entry as a node; devices are the kernel's to make.
fn node<R: Read>(entry: &tar::Entry<'_, R>, offset: u64) -> io::Result<Option<(Owner, Node)>> {
    let header = entry.header();
    let id = |id: io::Result<u64>| u32::try_from(id?).map_err(io::Error::other);
    let owner = Owner {
        mode: header.mode()? & 0o7777,
        uid: id(header.uid())?,
        gid: id(header.gid())?,
    };
    let target = || entry.link_name_bytes().unwrap_or_default().into_owned();
    let node = match header.entry_type() {
        EntryType::Directory => Node::Directory,
        EntryType::Symlink => Node::Link(target()),
        EntryType::Link => Node::Name(clean(&target())?),
        EntryType::Regular | EntryType::Continuous => Node::File {
            offset: offset + entry.raw_file_position(),
            length: entry.size(),
        },
        _ => return Ok(None),
    };
    Ok(Some((owner, node)))
}

/// A path without leading and trailing slashes and dots.
fn clean(path: &[u8]) -> io::Result<Vec<u8>> {
    let parts = path.split(|byte| *byte == b'/');
    let parts: Vec<&[u8]> = parts.filter(|part| !matches!(*part, b"" | b".")).collect();
    if parts.contains(&&b".."[..]) {
        return Err(io::Error::other("a path that leads out of its layer"));
    }
    Ok(parts.join(&b'/'))
}

/// The directories above a path.
fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    slashes.map(|(at, _)| &path[..at])
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

fn join(above: &[u8], name: &[u8]) -> Vec<u8> {
    if above.is_empty() {
        return name.to_vec();
    }
    [above, b"/", name].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A docker-archive of layers, each a list of paths with content, and directories that end in
    /// a slash.
    fn image(layers: &[&[(&str, &str)]]) -> Image {
        let scratch = tempfile::tempdir().expect("a directory");
        let mut archive = tar::Builder::new(Vec::new());
        let mut add = |name: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            archive
                .append_data(&mut header, name, bytes)
                .expect("written");
        };
        let mut names = Vec::new();
        let mut digests = Vec::new();
        for (number, entries) in layers.iter().enumerate() {
            let mut layer = tar::Builder::new(Vec::new());
            for (path, content) in *entries {
                let mut header = tar::Header::new_gnu();
                header.set_mode(if *content == "private" { 0o700 } else { 0o755 });
                header.set_uid(0);
                header.set_gid(0);
                let directory = path.ends_with('/');
                if directory {
                    header.set_entry_type(EntryType::Directory);
                }
                let content = if directory { "" } else { content };
                header.set_size(content.len() as u64);
                layer
                    .append_data(&mut header, path, content.as_bytes())
                    .expect("written");
            }
            let layer = layer.into_inner().expect("written");
            let name = format!("{number}.tar");
            add(&name, &layer);
            digests.push(Digest::of(&layer));
            names.push(name);
        }
        let config = serde_json::json!({ "rootfs": { "diff_ids": digests } });
        add("config.json", config.to_string().as_bytes());
        let manifest = serde_json::json!([{
            "Config": "config.json", "RepoTags": ["a:1"], "Layers": names
        }]);
        add("manifest.json", manifest.to_string().as_bytes());
        let path = scratch.path().join("image.tar");
        std::fs::write(&path, archive.into_inner().expect("written")).expect("written");
        let file = File::open(&path).expect("an archive");
        Image::unfold(&file, &scratch.path().join("spool"), &Interrupt::new()).expect("an image")
    }

    fn said(image: &Image, layer: usize) -> Vec<String> {
        let nodes = image.layers[layer].nodes.iter();
        nodes
            .map(|(path, (owner, node))| {
                let path = String::from_utf8_lossy(path);
                match node {
                    Node::Directory => format!("{path}/ {:o}", owner.mode),
                    Node::Gone => format!("{path} gone"),
                    _ => path.into_owned(),
                }
            })
            .collect()
    }

    #[test]
    fn layers_become_trees_that_an_overlay_puts_over_each_other() {
        let image = image(&[
            &[
                ("root/", "private"),
                ("etc/", ""),
                ("etc/a", "1"),
                ("etc/b", "2"),
                ("etc/d/", ""),
                ("etc/d/e", "3"),
            ],
            &[("root/new", "4"), ("etc/.wh.a", "")],
            &[("etc/", ""), ("etc/.wh..wh..opq", ""), ("etc/c", "5")],
        ]);
        assert_eq!(image.tags, ["a:1"]);
        // Directories that a layer leaves out are as they are below.
        assert_eq!(
            said(&image, 1),
            ["etc/ 755", "etc/a gone", "root/ 700", "root/new"]
        );
        // What has gone already is not mentioned.
        assert_eq!(
            said(&image, 2),
            ["etc/ 755", "etc/b gone", "etc/c", "etc/d gone"]
        );
    }

    #[test]
    fn a_whiteout_takes_nothing_away_from_its_own_layer() {
        let image = image(&[&[("a", "1"), ("b", "2")], &[("a", "3"), (".wh.a", "")]]);
        assert_eq!(said(&image, 1), ["a"]);
    }

    #[test]
    fn another_name_of_a_file_that_is_not_there_is_an_error_and_no_gap() {
        let mut image = image(&[&[("a", "1")]]);
        let nodes = &mut image.layers[0].nodes;
        nodes.insert(b"b".to_vec(), (Owner::PROGRAM, Node::Name(b"c".to_vec())));
        let mut archive = Newc::new(Vec::new());
        let error = image.pack(&image.layers[0], b"layers/0", &mut archive);
        let error = error.expect_err("a gap").to_string();
        assert_eq!(
            error,
            "b is another name of c, which is no file of the same layer"
        );
    }

    #[test]
    fn an_interruption_ends_the_decoding_of_a_layer() {
        let scratch = tempfile::tempdir().expect("a directory");
        let path = scratch.path().join("layer");
        std::fs::write(&path, [0; 1024]).expect("written");
        let file = File::open(&path).expect("a file");
        let part = || Part {
            file: &file,
            position: 0,
            left: 1024,
        };
        let mut spool = tempfile::tempfile().expect("a file");
        let interrupt = Interrupt::new();
        let whole = keep(part(), &mut spool, &interrupt).expect("decoded");
        assert!(whole.is_some_and(|(_, length, _)| length == 1024));
        interrupt.set();
        let broken_off = keep(part(), &mut spool, &interrupt).expect("decoded");
        assert!(broken_off.is_none());
    }
}
