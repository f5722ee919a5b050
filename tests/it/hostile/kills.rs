//! Builds killed at any moment: nothing partial is taken for whole, and the next run on the same
//! cache gives the same image.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use dindimg::digest::Digest;
use dindimg::fetch::{Cache, Derived};
use dindimg::oci::{BlobSource as _, Layout};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::{PACKAGE, Scene, digest, files_below};
use crate::deb_builder::{Entry, deb, stanza, tar};
use crate::product::Run;

/// Names the seed of the moments, to repeat a run.
const SEED: &str = "DINDIMG_TEST_SEED";
const KILLS: usize = 60;

/// A scene whose image has several packages and enough content to be interrupted in.
fn scene() -> Option<Scene> {
    let scene = Scene::empty()?;
    let noise = |seed: u64| {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bytes = vec![0; 700_000];
        random.fill(bytes.as_mut_slice());
        bytes
    };
    let names = ["first", "second", "third"];
    let mut files: Vec<(String, Vec<u8>)> = names
        .iter()
        .zip(0..)
        .map(|(name, number)| {
            let stanza = stanza(name, "1");
            let payload = tar(&[
                Entry::file(format!("./usr/{name}-noise"), noise(number)),
                Entry::file(format!("./usr/{name}-text"), name.repeat(100_000)),
            ]);
            let file = deb(&stanza, &payload);
            (stanza, file)
        })
        .collect();
    let stanza = stanza(PACKAGE, "1") + "Depends: first, second, third\n";
    let file = deb(&stanza, &super::harmless());
    files.push((stanza, file));
    scene.repository.publish_files(&files);
    Some(scene)
}

/// Everything that is in place is whole: entries of the cache are what their names say, the lock
/// parses, and an image that is listed is all there.
fn assert_nothing_partial(scene: &Scene) {
    let home = scene.cache().join("v1");
    let name = |path: &Path| {
        let name = path.file_name().expect("a name");
        name.to_string_lossy().into_owned()
    };
    for bucket in ["blobs", "segments", "layers"] {
        for path in files_below(&home.join(bucket)) {
            let content = Digest::of(std::fs::read(&path).expect("an entry")).hex();
            let name = name(&path);
            let says = name.rsplit('.').next().expect("a digest");
            assert_eq!(says, content, "{}", path.display());
        }
    }
    // A copy: to open a cache is to sweep it, which is the next build's to do.
    let copy = tempfile::tempdir().expect("a directory");
    let cache = Cache::open(copy.path()).expect("a cache");
    for path in files_below(&home.join("spool")) {
        let place = copy
            .path()
            .join("v1")
            .join(path.strip_prefix(&home).expect("below"));
        std::fs::create_dir_all(place.parent().expect("a directory")).expect("made");
        std::fs::copy(&path, place).expect("copied");
        let name = name(&path);
        let key = name.split('.').next().expect("a digest");
        let key = key.parse().expect("a digest");
        let sealed = cache.open_sealed(Derived::Spool, &key).expect("whole");
        let sealed = sealed.expect("is there");
        let mut payload = vec![0; usize::try_from(sealed.length()).expect("small")];
        sealed.read_exact_at(&mut payload, 0).expect("whole");
    }
    if let Ok(text) = std::fs::read_to_string(scene.path("scene.lock")) {
        dindimg::lock::parse(&text).expect("a lock that is there is whole");
    }
    if scene.path("image.oci/index.json").exists() {
        assert_whole(&scene.path("image.oci"));
    }
}

/// Every blob that the layout's images reach is there and is what its name says.
fn assert_whole(path: &Path) {
    let layout = Layout::open(path).expect("a layout");
    for (_, entry) in layout.entries() {
        let set = layout.image_set(entry).expect("documents that verify");
        for layer in set.layers().values() {
            let mut bytes = Vec::new();
            let mut blob = layout
                .open(&layer.digest)
                .expect("a layer that is listed is there");
            std::io::Read::read_to_end(&mut blob, &mut bytes).expect("readable");
            assert_eq!(Digest::of(&bytes), layer.digest);
        }
    }
}

/// Says on standard error, past the capture of the test harness, what repeats this run.
fn told(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[test]
fn builds_killed_at_random_moments_leave_nothing_that_misleads_the_next() {
    let Some(scene) = scene() else { return };
    let begun = Instant::now();
    let good = scene.digest();
    // How long a run takes, as far as is known: the machine may be busy with other things.
    let mut whole = begun.elapsed();
    let seed = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    told(&format!("{SEED}={seed}"));
    let mut random = StdRng::seed_from_u64(seed);
    let mut interrupted = 0;
    let mut rounds = 0;
    while interrupted < KILLS {
        rounds += 1;
        assert!(
            rounds < KILLS * 20,
            "{interrupted} kills came in time ({SEED}={seed})"
        );
        // Half of the runs begin with nothing, the others with what killed ones have left.
        if random.r#gen() {
            let _ = std::fs::remove_dir_all(scene.cache());
        }
        if random.r#gen() {
            let _ = std::fs::remove_dir_all(scene.path("image.oci"));
        }
        let mut child = scene
            .command()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        std::thread::sleep(whole.mul_f64(random.r#gen::<f64>()));
        child.kill().expect("killed");
        if child.wait().expect("ended").code().is_some() {
            whole = whole.mul_f64(0.9);
            continue;
        }
        whole = whole.mul_f64(1.05);
        interrupted += 1;
        assert_nothing_partial(&scene);
        assert_eq!(scene.digest(), good, "{SEED}={seed}, kill {interrupted}");
        assert_whole(&scene.path("image.oci"));
        let left = super::cache::leftovers(&scene.cache());
        assert!(left.is_empty(), "swept: {left:?} ({SEED}={seed})");
    }
    told(&format!(
        "{interrupted} of {rounds} runs were killed in time"
    ));
}

/// Kills the run inside of the first write that goes beyond `blocks` of 512 bytes in a file.
fn killed_while_writing(command: &Command, blocks: usize) -> Option<i32> {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("ulimit -f {blocks}; exec \"$@\""), "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(directory) = command.get_current_dir() {
        shell.current_dir(directory);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let status = shell.status().expect("the shell runs");
    std::os::unix::process::ExitStatusExt::signal(&status)
}

/// The signal of a file that outgrows its limit; it ends a program as abruptly as SIGKILL does.
const SIGXFSZ: i32 = 25;

#[test]
fn a_build_killed_inside_of_any_write_of_the_cache_is_completed_by_the_next() {
    let Some(scene) = scene() else { return };
    let good = scene.digest();
    let mut killed = 0;
    for blocks in [1, 2, 8, 64, 500, 1300, 1400, 1500, 2000, 2800, 3500, 4200] {
        let _ = std::fs::remove_dir_all(scene.cache());
        let _ = std::fs::remove_dir_all(scene.path("image.oci"));
        if killed_while_writing(&scene.command(), blocks) == Some(SIGXFSZ) {
            killed += 1;
        }
        assert_nothing_partial(&scene);
        assert_eq!(scene.digest(), good, "after {blocks} blocks");
    }
    assert!(killed >= 8, "{killed} runs were killed");
}

#[test]
fn a_build_killed_while_it_writes_its_lock_leaves_the_old_one_or_none() {
    let Some(scene) = scene() else { return };
    let good = scene.digest();
    let lock = scene.path("scene.lock");
    let text = std::fs::read_to_string(&lock).expect("the lock");
    assert!(text.len() > 1024);
    // The cache has everything: the lock is the first file that is written.
    assert_eq!(killed_while_writing(&scene.command(), 1), Some(SIGXFSZ));
    assert!(!lock.exists(), "nothing stands for the lock");
    scene.digest();
    assert_eq!(std::fs::read_to_string(&lock).expect("the lock"), text);

    let old = text.replace("generator = ", "generator = \"older\" # ");
    std::fs::write(&lock, &old).expect("written");
    let mut update = crate::product::command(&scene.cache());
    update
        .args(["lock", "--update", "scene.toml"])
        .current_dir(scene.place.path());
    assert_eq!(killed_while_writing(&update, 1), Some(SIGXFSZ));
    assert_eq!(
        std::fs::read_to_string(&lock).expect("the lock"),
        old,
        "the old one stays"
    );
    Run::of(update.output().expect("runs")).good();
    assert_eq!(scene.digest(), good);
}

#[test]
fn a_build_killed_while_it_writes_its_output_leaves_the_old_image_or_none() {
    let Some(scene) = scene() else { return };
    let good = scene.digest();
    for (kind, name) in [
        ("oci", "out.oci"),
        ("oci-archive", "out.tar"),
        ("docker-archive", "out.docker.tar"),
    ] {
        let target = scene.path(name);
        let build = || {
            let mut command = scene.command();
            command.args(["--output", &format!("{kind}:{name}")]);
            command
        };
        for blocks in [1, 8, 200, 1500] {
            // The image itself is cached, and `image.oci` is there: only the new output is written.
            let _ = std::fs::remove_dir_all(&target);
            let _ = std::fs::remove_file(&target);
            std::fs::write(scene.path("scene.lock"), scene_lock(&scene)).expect("the lock");
            let mut killed = build_kept(&scene);
            killed.args(["--output", &format!("{kind}:{name}")]);
            assert_eq!(
                killed_while_writing(&killed, blocks),
                Some(SIGXFSZ),
                "{kind} {blocks}"
            );
            let listed = target.join("index.json").exists() || target.is_file();
            assert!(!listed, "{kind}: nothing stands for an image");
            let run = Run::of(build().output().expect("runs")).good();
            assert_eq!(digest(&run), good, "{kind}");
            let left: Vec<_> = files_below(scene.place.path())
                .into_iter()
                .filter(|path| path.to_string_lossy().contains(".dindimg-"))
                .collect();
            assert!(kind != "oci" || left.is_empty(), "{left:?}");
        }
    }
}

/// The lock of the scene as a build makes it.
fn scene_lock(scene: &Scene) -> Vec<u8> {
    scene.digest();
    std::fs::read(scene.path("scene.lock")).expect("the lock")
}

/// A build from the lock that is there.
fn build_kept(scene: &Scene) -> Command {
    let mut command = crate::product::command(&scene.cache());
    command
        .args(["build", "--json", "scene.toml", "--locked"])
        .current_dir(scene.place.path());
    command
}
