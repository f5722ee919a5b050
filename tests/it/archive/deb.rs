//! Package files written for a test, byte for byte as dpkg-deb would lay them out (deb(5)).

use std::io::Write as _;

/// A package to write.
#[derive(Clone)]
pub struct Deb {
    fields: Vec<(String, String)>,
    scripts: Vec<(String, String)>,
    payload: Payload,
}

#[derive(Clone)]
enum Payload {
    /// Path to content: regular files, with the directories above them.
    Files(Vec<(String, Vec<u8>)>),
    /// A tar as another package has it.
    Tar(Vec<u8>),
}

impl Deb {
    /// A package for every architecture, without files.
    pub fn new(name: &str, version: &str) -> Self {
        let fields = [
            ("Package", name),
            ("Version", version),
            ("Architecture", "all"),
            ("Maintainer", "Test <test@test.invalid>"),
            ("Description", "made for a test"),
        ];
        Self {
            fields: fields
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            scripts: Vec::new(),
            payload: Payload::Files(Vec::new()),
        }
    }

    /// Sets a field of the control file.
    pub fn field(mut self, key: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != key);
        self.fields.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Adds a maintainer script.
    pub fn script(mut self, name: &str, text: &str) -> Self {
        self.scripts.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Adds a file to the payload; `path` is without a leading slash.
    pub fn file(mut self, path: &str, content: &[u8]) -> Self {
        match &mut self.payload {
            Payload::Files(files) => files.push((path.to_owned(), content.to_owned())),
            Payload::Tar(_) => panic!("{path}: the payload is a tar already"),
        }
        self
    }

    /// Takes a decoded payload tar as it is.
    pub fn tar(mut self, tar: Vec<u8>) -> Self {
        self.payload = Payload::Tar(tar);
        self
    }

    /// The control file.
    pub fn control(&self) -> String {
        self.fields
            .iter()
            .map(|(key, value)| format!("{key}: {value}\n"))
            .collect()
    }

    /// The bytes of the package file.
    pub fn build(&self) -> Vec<u8> {
        let control = self.control();
        let mut members = vec![("./control", control.as_bytes(), 0o644)];
        let scripts: Vec<(String, &str)> = self
            .scripts
            .iter()
            .map(|(name, text)| (format!("./{name}"), text.as_str()))
            .collect();
        members.extend(
            scripts
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_bytes(), 0o755)),
        );
        let payload = match &self.payload {
            Payload::Tar(tar) => tar.clone(),
            Payload::Files(files) => files_tar(files),
        };
        let mut archive = ar::Builder::new(Vec::new());
        for (name, content) in [
            ("debian-binary", b"2.0\n".to_vec()),
            ("control.tar.gz", gzip(&tar_of(&members))),
            ("data.tar.gz", gzip(&payload)),
        ] {
            let header = ar::Header::new(name.into(), content.len() as u64);
            archive
                .append(&header, content.as_slice())
                .expect("in memory");
        }
        archive.into_inner().expect("in memory")
    }
}

fn files_tar(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut directories: Vec<String> = Vec::new();
    for (path, _) in files {
        for (at, _) in path.match_indices('/') {
            let directory = format!("./{}/", &path[..at]);
            if !directories.contains(&directory) {
                directories.push(directory);
            }
        }
    }
    let names: Vec<String> = files.iter().map(|(path, _)| format!("./{path}")).collect();
    let members: Vec<(&str, &[u8], u32)> = directories
        .iter()
        .map(|directory| (directory.as_str(), [].as_slice(), 0o755))
        .chain(
            names
                .iter()
                .zip(files)
                .map(|(name, (_, content))| (name.as_str(), content.as_slice(), 0o644)),
        )
        .collect();
    tar_of(&members)
}

/// Names that end in a slash are directories.
fn tar_of(members: &[(&str, &[u8], u32)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content, mode) in members {
        let mut header = tar::Header::new_gnu();
        if name.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
        }
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_600_000_000);
        builder
            .append_data(&mut header, name, *content)
            .expect("in memory");
    }
    builder.into_inner().expect("in memory")
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}
