//! Other ways to an image of the same packages, on the same machine in the same run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::Value;

use crate::engines::{self, Engine};
use crate::run::{self, Sample};
use crate::table::Table;
use crate::workshop::{SUBJECTS, Scratch, Subject, Workshop};

/// Where apt keeps package files.
const ARCHIVES: &str = "/var/cache/apt/archives/";

/// mmdebstrap, compressed by pigz. It installs Debian's Essential packages as well, which it
/// cannot leave out. Package files are cached by a run before; the indexes are downloaded.
pub fn mmdebstrap(workshop: &Workshop, table: &mut Table<'_>) {
    for subject in SUBJECTS {
        let what = format!("mmdebstrap and pigz, the packages of {}", subject.label);
        if let Some(why) = missing(&["mmdebstrap", "pigz"]) {
            return table.absent(&what, &why);
        }
        let packages = packages(workshop, subject);
        let scratch = workshop.scratch("mmdebstrap");
        let debs = scratch.path().join("debs");
        fs::create_dir(&debs).expect("directory");
        let install = |keep: bool| {
            let mut command = mmdebstrap_with(subject, "essential", &packages, &debs);
            if keep {
                let hook = format!("--customize-hook=sync-out {ARCHIVES} {}", debs.display());
                command.insert(0, hook);
            }
            let image = scratch.path().join("image.tar.gz");
            let script =
                r#"out=$1; shift; mmdebstrap "$@" >"$out.tar" && pigz -6 <"$out.tar" >"$out""#;
            let mut shell = Command::new("sh");
            shell
                .args(["-c", script, "sh"])
                .arg(image)
                .args(command)
                .arg("-");
            shell.arg(sources(&scratch, subject));
            run::timed(&mut shell)
        };
        install(true);
        let samples: Vec<Sample> = (0..table.count(3)).map(|_| install(false)).collect();
        table.runs(
            &format!("mmdebstrap-{}", subject.label),
            &what,
            &samples,
            "`mmdebstrap --variant=essential … | pigz`, package files cached, indexes downloaded",
        );
    }
}

/// `docker build` on a base of Debian with apt, whose lists and package files are in the base.
pub fn docker_build(workshop: &Workshop, table: &mut Table<'_>) {
    for subject in SUBJECTS {
        let what = format!("docker build, the packages of {}", subject.label);
        let why = match rustix::process::geteuid().is_root() {
            true => missing(&["mmdebstrap", "dockerd"]),
            false => Some("it needs root".to_owned()),
        };
        if let Some(why) = why {
            return table.absent(&what, &why);
        }
        let engine = engines::docker();
        let packages = packages(workshop, subject);
        let context = base(workshop, engine, subject, &packages);
        let samples: Vec<Sample> = (0..table.count(3))
            .map(|_| {
                let mut build = engine.command("docker");
                build.args([
                    "build",
                    "--no-cache",
                    "--network=none",
                    "--tag=figures-peer",
                ]);
                run::timed(build.arg(context.path().join("context")))
            })
            .collect();
        engine.run(&["image", "rm", "figures-peer", "figures-base"]);
        table.runs(
            &format!("docker-build-{}", subject.label),
            &what,
            &samples,
            "`docker build`, `RUN apt-get install --no-download …` on a Debian base; layers not compressed",
        );
    }
}

/// The base image in the engine, and a directory with the build context.
fn base(workshop: &Workshop, engine: &Engine, subject: &Subject, packages: &str) -> Scratch {
    let scratch = workshop.scratch("docker-build");
    let words = packages.replace(',', " ");
    let debs = scratch.path().join("debs");
    fs::create_dir(&debs).expect("directory");
    let mut arguments = mmdebstrap_with(subject, "apt", "ca-certificates", &debs);
    arguments.insert(0, "--skip=cleanup/apt".to_owned());
    arguments.insert(
        0,
        format!("--customize-hook=chroot \"$1\" apt-get install -qy --no-install-recommends --download-only {words}"),
    );
    let archive = scratch.path().join("base.tar");
    let mut command = Command::new("mmdebstrap");
    command.args(arguments).arg(&archive);
    run::output(command.arg(sources(&scratch, subject)));
    run::output(
        engine
            .command("docker")
            .arg("import")
            .arg(&archive)
            .arg("figures-base"),
    );
    let context = scratch.path().join("context");
    fs::create_dir(&context).expect("directory");
    let dockerfile = format!(
        "FROM figures-base\nENV DEBIAN_FRONTEND=noninteractive\n\
         RUN apt-get install -qy --no-install-recommends --no-download {words} && apt-get clean\n"
    );
    fs::write(context.join("Dockerfile"), dockerfile).expect("written");
    scratch
}

/// The arguments of mmdebstrap but for output and sources.
fn mmdebstrap_with(subject: &Subject, variant: &str, packages: &str, debs: &Path) -> Vec<String> {
    vec![
        "--mode=root".to_owned(),
        "--quiet".to_owned(),
        "--format=tar".to_owned(),
        format!("--variant={variant}"),
        format!("--include={packages}"),
        "--aptopt=Acquire::Check-Valid-Until \"false\"".to_owned(),
        "--skip=download/empty".to_owned(),
        "--skip=essential/unlink".to_owned(),
        format!("--setup-hook=mkdir -p \"$1\"{ARCHIVES}"),
        format!("--setup-hook=sync-in {} {ARCHIVES}", debs.display()),
        subject.recipe.to_owned(),
    ]
}

/// The suites that the recipe takes packages from.
fn sources(scratch: &Scratch, subject: &Subject) -> PathBuf {
    let path = scratch.path().join("sources.list");
    let suite = subject.recipe;
    let mirror = "http://deb.debian.org/debian";
    let text = format!(
        "deb {mirror} {suite} main\ndeb {mirror} {suite}-updates main\ndeb {mirror}-security {suite}-security main\n"
    );
    fs::write(&path, text).expect("sources written");
    path
}

/// The names of the locked packages, with commas.
fn packages(workshop: &Workshop, subject: &Subject) -> String {
    workshop.prepare(subject.recipe);
    let lock = fs::read_to_string(workshop.lock_file(subject.recipe)).expect("lock");
    let lock: toml::Table = lock.parse().expect("a lock");
    let list = lock
        .get("package")
        .and_then(Value::as_array)
        .expect("packages");
    let names = list.iter().filter(|package| {
        let platforms = package.get("platforms").and_then(Value::as_array);
        platforms.is_none_or(|all| {
            all.iter()
                .any(|one| one.as_str() == Some(crate::workshop::platform()))
        })
    });
    // A package can have a version for each platform.
    let names: BTreeSet<&str> = names
        .filter_map(|package| package["name"].as_str())
        .collect();
    names.into_iter().collect::<Vec<_>>().join(",")
}

/// Which of `programs` is not installed.
fn missing(programs: &[&str]) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &&str| {
        std::env::split_paths(&path)
            .chain(["/usr/sbin".into(), "/sbin".into()])
            .any(|directory| directory.join(program).is_file())
    };
    let missing = programs.iter().find(|program| !there(program))?;
    Some(format!("{missing} is not installed"))
}
