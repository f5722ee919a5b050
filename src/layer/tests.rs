//! The promises of a layer: the same bytes whatever the threads, readable by other readers, and
//! never a part taken for the whole.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use super::codec::GZIP_BLOCK;
use super::*;
use crate::digest::Digest;
use crate::progress::{Reporter, Silent, Stage, TaskId};
use crate::tree::{Content, Kind, Meta, Node, Spool, TreePath};

const GZIP: Compression = Compression::Gzip { level: 6 };
const ZSTD: Compression = Compression::Zstd { level: 3 };

fn path(text: &str) -> TreePath {
    TreePath::parse(text).expect(text)
}

fn entry(at: &str, kind: Kind) -> (TreePath, Node) {
    let mode = if matches!(kind, Kind::Directory) {
        0o755
    } else {
        0o644
    };
    let meta = Meta::root(mode, 1_750_000_000);
    (path(at), Node { kind, meta })
}

fn file(at: &str, content: impl Into<Content>) -> (TreePath, Node) {
    entry(at, Kind::File(content.into()))
}

/// Text that compresses about as well as a distribution's files.
fn text(seed: u64, length: usize) -> Vec<u8> {
    const WORDS: [&str; 8] = [
        "lib",
        "dpkg",
        "0x7f",
        "\n",
        "return ",
        "GLIBC_2.36",
        "/usr/share/",
        "\0\0\0\x01",
    ];
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 16);
    while bytes.len() < length {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(WORDS[(state >> 61) as usize].as_bytes());
        bytes.push((state >> 40) as u8);
    }
    bytes.truncate(length);
    bytes
}

fn segment(name: &str, entries: Vec<(TreePath, Node)>) -> Segment {
    let key = Some(Digest::of(name));
    Segment { key, entries }
}

/// Every kind of entry, two packages, one of them larger than a block, and a generated part.
fn sample() -> LayerInput {
    let mut ping = file("usr/bin/ping", "#!ping\n");
    ping.1.meta.mode = 0o4755;
    ping.1.meta.xattrs = BTreeMap::from([(
        "security.capability".to_owned(),
        vec![1, 0, 0, 2, 0, 0x20, 0, 0],
    )]);
    let mut home = entry("home/u", Kind::Directory);
    (home.1.meta.uid, home.1.meta.gid) = (3_000_000, 3_000_001);
    let long = format!("usr/share/{}/{}", "d".repeat(200), "f".repeat(150));
    let null = Kind::CharDevice { major: 1, minor: 3 };
    let disk = Kind::BlockDevice { major: 8, minor: 0 };
    LayerInput {
        name: "sample".to_owned(),
        segments: vec![
            segment(
                "one",
                vec![
                    entry("", Kind::Directory),
                    entry("usr", Kind::Directory),
                    entry("usr/bin", Kind::Directory),
                    ping,
                    entry("usr/bin/pinger", Kind::Hardlink(path("usr/bin/ping"))),
                    entry("usr/bin/p", Kind::Symlink("ping".to_owned())),
                    file("usr/empty", ""),
                ],
            ),
            segment(
                "two",
                vec![
                    entry("usr", Kind::Directory),
                    file("usr/large", text(7, 3 * GZIP_BLOCK + 12_345)),
                    file(&long, "far away"),
                ],
            ),
            Segment::default(),
            Segment {
                key: None,
                entries: vec![
                    entry("dev/null", null),
                    entry("dev/sda", disk),
                    home,
                    entry("run/fifo", Kind::Fifo),
                ],
            },
        ],
    }
}

fn options<'a>(compression: Compression, jobs: usize) -> LayerOptions<'a> {
    LayerOptions {
        compression,
        jobs,
        store: None,
        reporter: &Silent,
    }
}

fn write(input: &LayerInput, options: &LayerOptions<'_>) -> (LayerDescriptor, Vec<u8>) {
    let mut blob = Vec::new();
    let descriptor = write_layer(input, options, &mut blob).expect("written");
    assert_eq!(descriptor.digest, Digest::of(&blob));
    assert_eq!(descriptor.size, blob.len() as u64);
    let tar = decompress(options.compression, &blob);
    assert_eq!(descriptor.diff_id, Digest::of(&tar));
    assert_eq!(descriptor.uncompressed_size, tar.len() as u64);
    (descriptor, blob)
}

/// The archive in a blob; a gzip blob must be a single member with nothing after it.
fn decompress(compression: Compression, blob: &[u8]) -> Vec<u8> {
    match compression {
        Compression::Gzip { .. } => {
            let mut decoder = flate2::bufread::GzDecoder::new(blob);
            let mut tar = Vec::new();
            decoder.read_to_end(&mut tar).expect("valid gzip");
            assert!(decoder.into_inner().is_empty(), "one member");
            tar
        }
        Compression::Zstd { .. } => zstd::decode_all(blob).expect("valid zstd"),
    }
}

#[test]
fn known_entries_give_known_blobs() {
    let (gzip, _) = write(&sample(), &options(GZIP, 2));
    let (zstd, _) = write(&sample(), &options(ZSTD, 2));
    assert_eq!(gzip.diff_id, zstd.diff_id);
    // A change here changes every image: raise `tar::FORMAT` if the archive differs; a new codec
    // version already shows in `encoder_identity`.
    assert_eq!(
        gzip.diff_id.hex(),
        "814e0d4f05505b34df4d172fbceeedbe44402bfb73f0ef9eaa76e5d2ab5332e7"
    );
    assert_eq!(
        gzip.digest.hex(),
        "5ae5e95a4481157243305fd3ed3070e794c431a17bb1632c901c1fede4ea1018"
    );
    assert_eq!(
        zstd.digest.hex(),
        "6dd09003b4521df4d682dae06629acb237dbc1a3fde353733bcd3a8db8c7830d"
    );
}

#[test]
fn threads_and_levels_do_not_disturb_the_bytes() {
    for compression in [GZIP, ZSTD, Compression::Gzip { level: 1 }] {
        let (expected, _) = write(&sample(), &options(compression, 1));
        for jobs in [0, 2, 5] {
            let (found, _) = write(&sample(), &options(compression, jobs));
            assert_eq!(found, expected, "{compression} with {jobs} jobs");
        }
    }
}

#[test]
fn a_spooled_file_gives_the_bytes_of_one_in_memory() {
    let content = text(3, GZIP_BLOCK + 777);
    let mut spool = tempfile::tempfile().expect("a file");
    spool.write_all(b"skipped").expect("written");
    spool.write_all(&content).expect("written");
    let spooled = Content::Spooled {
        spool: Arc::new(Spool::of(spool).expect("a file")),
        offset: 7,
        length: content.len() as u64,
    };
    let layer = |content| LayerInput {
        name: "one".to_owned(),
        segments: vec![segment("s", vec![file("f", content)])],
    };
    let (from_memory, _) = write(&layer(Content::from(content)), &options(GZIP, 2));
    assert_eq!(write(&layer(spooled), &options(GZIP, 2)).0, from_memory);
}

#[test]
fn sizes_around_records_and_blocks_come_back_whole() {
    let header = 512;
    for size in [
        0,
        1,
        511,
        512,
        513,
        GZIP_BLOCK - header - 1,
        GZIP_BLOCK - header,
        GZIP_BLOCK - header + 1,
        GZIP_BLOCK - 1,
        GZIP_BLOCK,
        GZIP_BLOCK + 1,
    ] {
        let content = text(size as u64, size);
        let input = LayerInput {
            name: "size".to_owned(),
            segments: vec![segment(
                "s",
                vec![file("a", content.clone()), file("b", "end")],
            )],
        };
        for compression in [GZIP, ZSTD] {
            let (_, blob) = write(&input, &options(compression, 2));
            let tar = decompress(compression, &blob);
            let mut archive = ::tar::Archive::new(&tar[..]);
            let mut entries = archive.entries().expect("an archive");
            let mut found = Vec::new();
            let mut first = entries.next().expect("a").expect("readable");
            first.read_to_end(&mut found).expect("readable");
            assert!(found == content, "{size} bytes");
            let second = entries.next().expect("b").expect("readable");
            assert_eq!(second.size(), 3);
            assert!(entries.next().is_none());
        }
    }
}

#[test]
fn an_empty_layer_is_an_empty_archive() {
    let (descriptor, blob) = write(&LayerInput::default(), &options(GZIP, 1));
    assert_eq!(decompress(GZIP, &blob), [0; 1024]);
    assert_eq!(descriptor.uncompressed_size, 1024);
}

#[test]
fn an_unfit_entry_stops_the_layer_before_its_first_byte() {
    let mut input = sample();
    input.segments[1].entries.push(file("a/.wh.b", ""));
    let mut out = Vec::new();
    let error = write_layer(&input, &options(GZIP, 2), &mut out).expect_err("refused");
    assert!(matches!(error, LayerError::Entry { .. }));
    assert!(out.is_empty());
}

#[test]
fn a_file_that_ends_early_and_a_full_disk_are_errors() {
    let short = Content::Spooled {
        spool: Arc::new(Spool::of(tempfile::tempfile().expect("a file")).expect("a file")),
        offset: 0,
        length: 5 * GZIP_BLOCK as u64,
    };
    let input = LayerInput {
        name: "engine".to_owned(),
        segments: vec![segment("s", vec![file("usr/bin/dockerd", short)])],
    };
    let error = write_layer(&input, &options(GZIP, 2), &mut io::sink()).expect_err("fails");
    assert_eq!(
        error.to_string(),
        "layer engine: cannot read the content of /usr/bin/dockerd"
    );

    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self
                .0
                .checked_sub(bytes.len())
                .ok_or(io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for space in [0, 10, 1000, 1 << 20] {
        let error = write_layer(&sample(), &options(GZIP, 2), &mut Full(space));
        assert!(matches!(error, Err(LayerError::Write { .. })), "{space}");
    }
}

type Kept = Arc<Mutex<BTreeMap<Digest, (Vec<u8>, u32, u64)>>>;

#[derive(Default)]
struct Store {
    kept: Kept,
    full: bool,
}

struct Sink {
    key: Digest,
    bytes: Vec<u8>,
    kept: Kept,
}

impl SegmentStore for Store {
    fn load(&self, key: &Digest) -> io::Result<Option<StoredSegment>> {
        let kept = self.kept.lock().expect("not poisoned");
        Ok(kept.get(key).map(|(bytes, crc32, length)| StoredSegment {
            compressed: Box::new(io::Cursor::new(bytes.clone())),
            crc32: *crc32,
            length: *length,
        }))
    }

    fn create(&self, key: &Digest) -> io::Result<Option<Box<dyn SegmentSink>>> {
        if self.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(Some(Box::new(Sink {
            key: *key,
            bytes: Vec::new(),
            kept: self.kept.clone(),
        })))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SegmentSink for Sink {
    fn commit(self: Box<Self>, crc32: u32, length: u64) -> io::Result<()> {
        let mut kept = self.kept.lock().expect("not poisoned");
        kept.insert(self.key, (self.bytes, crc32, length));
        Ok(())
    }
}

#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl Reporter for Warnings {
    fn begin(&self, _: Stage, _: &str, _: Option<u64>) -> TaskId {
        TaskId(0)
    }
    fn advance(&self, _: TaskId, _: u64) {}
    fn finish(&self, _: TaskId, _: &str) {}
    fn note(&self, _: Stage, _: &str) {}
    fn warn(&self, _: Stage, message: &str) {
        self.0
            .lock()
            .expect("not poisoned")
            .push(message.to_owned());
    }
}

#[test]
fn stored_segments_give_the_same_blob() {
    for compression in [GZIP, ZSTD] {
        let (expected, _) = write(&sample(), &options(compression, 2));
        let store = Store::default();
        let with_store = LayerOptions {
            store: Some(&store),
            ..options(compression, 2)
        };
        assert_eq!(write(&sample(), &with_store).0, expected, "storing");
        assert_eq!(store.kept.lock().expect("not poisoned").len(), 2);
        assert_eq!(write(&sample(), &with_store).0, expected, "taking");

        let other = options(Compression::Gzip { level: 9 }, 1);
        let other = LayerOptions {
            store: Some(&store),
            ..other
        };
        write(&sample(), &other);
        assert_eq!(store.kept.lock().expect("not poisoned").len(), 4);
    }
}

#[test]
fn a_stored_segment_of_other_entries_is_not_used() {
    let store = Store::default();
    let warnings = Warnings::default();
    let with_store = LayerOptions {
        store: Some(&store),
        reporter: &warnings,
        ..options(GZIP, 2)
    };
    write(&sample(), &with_store);
    let mut changed = sample();
    changed.segments[0].entries.push(file("usr/new", "new"));
    let (expected, _) = write(&changed, &options(GZIP, 2));
    assert_eq!(write(&changed, &with_store).0, expected);
    let said = warnings.0.lock().expect("not poisoned");
    assert_eq!(said.len(), 1);
    assert!(said[0].contains("holds other entries"), "{}", said[0]);
}

#[test]
fn a_store_that_fails_is_warned_of_and_the_layer_written() {
    let warnings = Warnings::default();
    let store = Store {
        full: true,
        ..Store::default()
    };
    let with_store = LayerOptions {
        store: Some(&store),
        reporter: &warnings,
        ..options(GZIP, 2)
    };
    let (expected, _) = write(&sample(), &options(GZIP, 2));
    assert_eq!(write(&sample(), &with_store).0, expected);
    assert_eq!(warnings.0.lock().expect("not poisoned").len(), 2);
}
