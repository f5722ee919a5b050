//! Writes a one-layer docker-archive: the form every version of `docker load` reads
//! (moby `image/spec/v1.2.md`, "Combined Image JSON + Filesystem Changeset Format").

use std::collections::BTreeSet;
use std::io;

use serde_json::json;
use tar::{Builder, EntryType, Header};

use super::Rootfs;
use crate::digest::Digest;

/// Directories a container needs whatever its files are.
const DIRECTORIES: [&str; 5] = ["dev", "etc", "proc", "sys", "tmp"];

/// The bytes of a docker-archive with one image of that name.
///
/// # Errors
/// When a path does not fit a tar header.
pub fn docker_archive(rootfs: &Rootfs, name: &str) -> io::Result<Vec<u8>> {
    let layer = layer(rootfs)?;
    let config = json!({
        "architecture": rootfs.architecture,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer).to_string()]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "dindimg smoke"}],
    })
    .to_string();
    let config_name = format!("{}.json", Digest::of(&config).hex());
    let manifest = json!([{
        "Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"],
    }])
    .to_string();
    let mut archive = Builder::new(Vec::new());
    add_file(&mut archive, &config_name, config.as_bytes(), 0o644)?;
    add_file(&mut archive, "layer.tar", &layer, 0o644)?;
    add_file(&mut archive, "manifest.json", manifest.as_bytes(), 0o644)?;
    archive.into_inner()
}

fn layer(rootfs: &Rootfs) -> io::Result<Vec<u8>> {
    let mut directories: BTreeSet<&str> = DIRECTORIES.into_iter().collect();
    for path in rootfs.files.keys() {
        let path = path.trim_start_matches('/');
        let ends = path.match_indices('/').map(|(end, _)| end);
        directories.extend(ends.map(|end| &path[..end]));
    }
    let mut layer = Builder::new(Vec::new());
    for path in directories {
        let mut header = header(if path == "tmp" { 0o1777 } else { 0o755 });
        header.set_entry_type(EntryType::Directory);
        header.set_size(0);
        layer.append_data(&mut header, format!("{path}/"), io::empty())?;
    }
    for (path, bytes) in &rootfs.files {
        add_file(&mut layer, path.trim_start_matches('/'), bytes, 0o755)?;
    }
    layer.into_inner()
}

fn header(mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn add_file(to: &mut Builder<Vec<u8>>, path: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut header = header(mode);
    header.set_size(bytes.len() as u64);
    to.append_data(&mut header, path, bytes)
}
