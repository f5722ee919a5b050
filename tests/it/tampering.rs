//! Whatever is changed on its way is refused, by the name of the file and with what was expected.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dindimg::fetch::{Cache, FetchOptions, Fetcher, Validity};
use dindimg::lock::Lock;
use dindimg::progress::Silent;

use crate::product::{Run, command, dindimg, small_recipe};

const LIVE: &str = "http://deb.debian.org/debian";
/// The error itself, without the progress before it.
fn verdict(said: &str) -> &str {
    said.split_once("error: ")
        .map_or("", |(_, verdict)| verdict)
}

/// Bytes of the largest file mirrored.
const LIMIT: u64 = 64 << 20;

/// A mirror of what the small recipe needs, in a directory.
struct Mirror {
    scratch: tempfile::TempDir,
    lock: Lock,
}

impl Mirror {
    fn new() -> Self {
        let scratch = tempfile::tempdir().expect("temporary directory");
        let live = scratch.path().join("live");
        std::fs::create_dir(&live).expect("directory");
        let recipe = small_recipe(&live, "");
        dindimg(&["lock".as_ref(), recipe.as_os_str()]).good();
        let text = std::fs::read_to_string(live.join("small.lock")).expect("lock");
        let lock = dindimg::lock::parse(&text).expect("a lock");
        let mirror = Self { scratch, lock };
        let fetcher = Fetcher::new(
            Arc::new(Cache::open(&mirror.scratch.path().join("mirroring")).expect("cache")),
            FetchOptions::default(),
            Arc::new(Silent),
        );
        let packages: Vec<String> = mirror
            .lock
            .packages
            .iter()
            .map(|package| package.path.clone())
            .collect();
        let metadata = [
            "dists/bookworm/InRelease",
            "dists/bookworm/main/binary-amd64/Packages.xz",
        ];
        for path in packages.iter().map(String::as_str).chain(metadata) {
            let url = format!("{LIVE}/{path}");
            let document = fetcher
                .document(&[url], LIMIT, Validity::Always)
                .expect(path);
            let target = mirror.file(path);
            std::fs::create_dir_all(target.parent().expect("a parent")).expect("directory");
            std::fs::write(target, document.bytes).expect("written");
        }
        mirror
    }

    fn file(&self, path: &str) -> PathBuf {
        self.scratch.path().join("mirror").join(path)
    }

    /// Builds from the mirror alone, with the cache called `cache`.
    fn build(&self, cache: &str, extra: &[&str]) -> Run {
        let place = self.scratch.path().join("build");
        std::fs::create_dir_all(&place).expect("directory");
        let mirrors = format!(
            "mirrors = [\"file://{}\"]",
            self.scratch.path().join("mirror").display()
        );
        let recipe = small_recipe(&place, &mirrors);
        let _ = std::fs::remove_file(place.join("small.lock"));
        let mut command = command(&self.scratch.path().join(cache));
        command
            .arg("build")
            .arg(recipe)
            .args(extra)
            .current_dir(&place);
        Run::of(command.output().expect("the binary runs"))
    }

    /// Changes one byte of a file of the mirror while `check` runs.
    fn with_changed(&self, path: &str, at: impl Fn(&[u8]) -> usize, check: impl FnOnce()) {
        flipped(&self.file(path), at, check);
    }
}

fn flipped(path: &Path, at: impl Fn(&[u8]) -> usize, check: impl FnOnce()) {
    let good = std::fs::read(path).expect("readable");
    let mut bad = good.clone();
    bad[at(&good)] ^= 1;
    std::fs::write(path, &bad).expect("writable");
    check();
    std::fs::write(path, &good).expect("writable");
}

#[test]
fn a_changed_byte_anywhere_on_the_road_is_refused_and_the_next_run_succeeds() {
    let mirror = Mirror::new();
    mirror.build("good", &[]).good();

    let in_text = |bytes: &[u8]| {
        let needle = b"Codename: bookworm";
        bytes
            .windows(needle.len())
            .position(|window| window == needle)
            .expect("in the text")
            + 10
    };
    mirror.with_changed("dists/bookworm/InRelease", in_text, || {
        let said = mirror.build("release", &[]).failed(4);
        assert!(said.contains("InRelease"), "{said}");
        // Either of the suite's two keys may be the first that does not fit.
        let keys = [
            "4D64FEC119C2029067D6E791F8D2585B8783D481",
            "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",
        ];
        assert!(
            keys.iter().any(|key| said.contains(key)),
            "the key is named: {said}"
        );
    });

    mirror.with_changed(
        "dists/bookworm/main/binary-amd64/Packages.xz",
        |bytes| bytes.len() / 2,
        || {
            let said = mirror.build("packages", &[]).failed(4);
            assert!(
                said.contains("Packages of debian/bookworm main amd64"),
                "{said}"
            );
            assert_eq!(
                verdict(&said).matches("sha256:").count(),
                2,
                "expected and found: {said}"
            );
        },
    );

    let tini = mirror
        .lock
        .packages
        .iter()
        .find(|package| package.name == "tini")
        .expect("locked");
    mirror.with_changed(
        &tini.path,
        |bytes| bytes.len() / 2,
        || {
            let said = mirror.build("package", &[]).failed(4);
            assert!(said.contains(&format!("tini {}", tini.version)), "{said}");
            assert!(said.contains(&tini.sha256.to_string()), "{said}");
            assert_eq!(
                verdict(&said).matches("sha256:").count(),
                2,
                "expected and found: {said}"
            );
        },
    );

    let hex = tini.sha256.hex();
    let entry = mirror
        .scratch
        .path()
        .join("good/v1/blobs")
        .join(&hex[..2])
        .join(&hex);
    let mut bytes = std::fs::read(&entry).expect("a cache entry");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&entry, bytes).expect("writable");
    let said = mirror.build("good", &["--no-layer-cache"]).failed(4);
    assert!(said.contains(&entry.display().to_string()), "{said}");
    assert!(said.contains(&hex), "{said}");
    mirror.build("good", &["--no-layer-cache"]).good();
}

#[test]
fn an_altered_layer_of_the_cache_is_never_written_into_an_image() {
    let mirror = Mirror::new();
    mirror.build("cache", &[]).good();
    let layers = mirror.scratch.path().join("cache/v1/layers");
    let mut largest = None;
    for shard in std::fs::read_dir(&layers).expect("shards") {
        for entry in std::fs::read_dir(shard.expect("shard").path()).expect("entries") {
            let path = entry.expect("entry").path();
            let size = path.metadata().expect("metadata").len();
            if largest.as_ref().is_none_or(|(most, _)| size > *most) {
                largest = Some((size, path));
            }
        }
    }
    let (_, path) = largest.expect("a layer");
    let mut bytes = std::fs::read(&path).expect("readable");
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).expect("writable");
    let said = mirror.build("cache", &[]).failed(4);
    assert!(said.contains(&path.display().to_string()), "{said}");
    mirror.build("cache", &[]).good();
}
