use std::collections::BTreeMap;

use super::super::content::Found;
use super::super::words::SmokeMode;
use super::*;

struct Files(BTreeMap<&'static str, &'static str>);

impl Source for Files {
    fn directory(&self, path: &Path) -> std::io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        self.0
            .get(path.to_str().unwrap_or_default())
            .map(|text| text.as_bytes().to_vec())
            .ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    fn real(&self, path: &Path) -> std::io::Result<PathBuf> {
        Ok(path.to_owned())
    }

    fn entry(&self, path: &Path, _: u64) -> std::io::Result<Found> {
        self.read(path).map(|bytes| Found::File {
            bytes,
            executable: false,
        })
    }
}

fn files(list: &[(&'static str, &'static str)]) -> Files {
    Files(list.iter().copied().collect())
}

fn load_text(text: &'static str) -> Result<Recipe, String> {
    load_from(Path::new("r/a.toml"), &files(&[("r/a.toml", text)]))
        .map(|recipes| recipes.default().clone())
        .map_err(|e| e.to_string())
}

fn debian(recipe: &Recipe) -> &super::super::Debian {
    match &recipe.distribution {
        super::super::Distribution::Debian(debian) => debian,
        other => panic!("{other}"),
    }
}

const SMALL: &str = "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"bookworm\"\n";

#[test]
fn the_smallest_recipe_is_complete() {
    let recipe = load_text(SMALL).expect("valid");
    assert_eq!(recipe.name, "a");
    assert_eq!(recipe.platforms[0].to_string(), "linux/amd64");
    assert_eq!(recipe.iptables, IptablesBackend::Legacy);
    let debian = debian(&recipe);
    assert!(debian.security && debian.check_valid_until);
}

#[test]
fn an_unknown_key_is_shown_with_its_line_and_the_nearest_key() {
    let error = load_text("schema = 1\n[iptables]\nbackand = \"nft\"\n").expect_err("unknown");
    assert!(
        error.contains("unknown key `backand` in [iptables]; did you mean `backend`?"),
        "{error}"
    );
    assert!(error.contains("r/a.toml:3:1"), "{error}");
    assert!(error.contains("backand = \"nft\""), "{error}");
}

#[test]
fn a_wrong_word_is_shown_with_the_choices() {
    let error = load_text("schema = 1\n[iptables]\nbackend = \"legcy\"\n").expect_err("unknown");
    assert!(
        error.contains("one of legacy, nft, auto); did you mean `legacy`?"),
        "{error}"
    );
    assert!(error.contains("r/a.toml:3:11"), "{error}");
}

#[test]
fn an_unknown_key_in_an_array_of_tables_is_found() {
    let error = load_text("schema = 1\n[[debian.repository]]\nname = \"x\"\nsuit = \"y\"\n")
        .expect_err("unknown");
    assert!(
        error.contains("`suit` in [debian.repository]; did you mean `suite`?"),
        "{error}"
    );
}

#[test]
fn extending_replaces_what_it_names_and_keeps_the_rest() {
    let source = files(&[
        (
            "r/a.toml",
            "extends = \"base.toml\"\n[debian]\nmirrors = [\"http://m/d\"]\n",
        ),
        (
            "r/base.toml",
            "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"trixie\"\nupdates = false\n",
        ),
    ]);
    let recipes = load_from(Path::new("r/a.toml"), &source).expect("valid");
    let recipe = recipes.default();
    let debian = debian(recipe);
    assert_eq!(debian.suite.as_str(), "trixie");
    assert_eq!(debian.mirrors[0].as_str(), "http://m/d");
    assert!(!debian.updates);
}

#[test]
fn a_recipe_that_extends_itself_is_refused() {
    let source = files(&[
        ("r/a.toml", "extends = \"b.toml\"\n"),
        ("r/b.toml", "extends = \"a.toml\"\n"),
    ]);
    let error = load_from(Path::new("r/a.toml"), &source)
        .expect_err("loop")
        .to_string();
    assert!(error.contains("leads back to itself"), "{error}");
}

#[test]
fn an_empty_recipe_says_what_it_needs() {
    assert!(load_text("").expect_err("empty").contains("schema = 1"));
    assert!(
        load_text("schema = 1\n")
            .expect_err("no suite")
            .contains("[debian]")
    );
    assert!(
        load_text("schema = 9\n")
            .expect_err("future")
            .contains("schema is 9")
    );
    let nothing = load_text("schema = 1\n[debian]\nsuite = \"sid\"\n").expect_err("nothing");
    assert!(nothing.contains("nothing to install"), "{nothing}");
}

#[test]
fn a_link_out_of_the_recipes_root_is_refused() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let root = dir.path().join("recipes");
    std::fs::create_dir(&root).expect("directory");
    std::fs::write(dir.path().join("outside.toml"), SMALL).expect("file");
    std::os::unix::fs::symlink("../outside.toml", root.join("link.toml")).expect("link");
    std::fs::write(root.join("a.toml"), "extends = \"link.toml\"\n").expect("file");
    let error = load(&root.join("a.toml")).expect_err("outside").to_string();
    assert!(error.contains("leads out of"), "{error}");
}

const VARIANTS: &str = r#"
schema = 1
profile = "dind"
[image]
tags = ["{{suite}}", "latest"]
[debian]
suite = "bookworm"
[env]
A = "1"
[[variant]]
name = "slim"
[variant.packages]
userland = "slim"
drop = { lsb-base = "no init script is run" }
[[variant]]
name = "nft"
[variant.image]
tags = ["nft"]
[variant.iptables]
backend = "nft"
[variant.env]
A = "2"
"#;

#[test]
fn a_variant_replaces_what_it_names_and_ends_names_and_tags() {
    let source = files(&[("r/a.toml", VARIANTS)]);
    let recipes = load_from(Path::new("r/a.toml"), &source).expect("valid");
    let all: Vec<&Recipe> = recipes.iter().collect();
    let [default, slim, nft] = all[..] else {
        panic!("three images");
    };
    assert_eq!(
        (default.name.as_str(), default.variant.as_str()),
        ("a", "default")
    );
    assert_eq!(default.userland, Userland::Standard);
    assert_eq!(
        (slim.name.as_str(), slim.variant.as_str()),
        ("a-slim", "slim")
    );
    assert_eq!(slim.userland, Userland::Slim);
    assert_eq!(slim.tags, ["{{suite}}-slim", "latest-slim"]);
    assert_eq!(slim.drop["lsb-base"], "no init script is run");
    assert_eq!(nft.tags, ["nft"]);
    assert_eq!(
        (nft.iptables, nft.env["A"].as_str()),
        (IptablesBackend::Nft, "2")
    );
    assert_eq!(default.env["A"], "1");
}

#[test]
fn variants_are_extended_by_name_and_selected_by_name() {
    let source = files(&[
        ("r/base.toml", VARIANTS),
        (
            "r/a.toml",
            "extends = \"base.toml\"\n[[variant]]\nname = \"own\"\n[[variant]]\nname = \"slim\"\n[variant.env]\nB = \"3\"\n[env]\nA = \"9\"\n",
        ),
    ]);
    let recipes = load_from(Path::new("r/a.toml"), &source).expect("valid");
    let names: Vec<&str> = recipes
        .iter()
        .map(|recipe| recipe.variant.as_str())
        .collect();
    assert_eq!(names, ["default", "slim", "nft", "own"]);
    let slim = recipes
        .select(&["slim".parse().expect("a name")])
        .expect("known");
    assert_eq!(slim.len(), 1);
    assert_eq!(slim[0].userland, Userland::Slim);
    assert_eq!(
        (slim[0].env["A"].as_str(), slim[0].env["B"].as_str()),
        ("9", "3")
    );
    let error = recipes
        .select(&["slin".parse().expect("a name")])
        .expect_err("unknown")
        .to_string();
    assert!(
        error.contains("(one of default, slim, nft, own); did you mean `slim`?"),
        "{error}"
    );
}

#[test]
fn a_variant_named_twice_or_like_the_recipe_itself_is_refused() {
    let twice = load_text(
        "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"sid\"\n[[variant]]\nname = \"a\"\n[[variant]]\nname = \"a\"\n",
    );
    assert!(
        twice
            .expect_err("twice")
            .contains("variant `a` is there twice")
    );
    let taken = load_text(
        "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"sid\"\n[[variant]]\nname = \"default\"\n",
    );
    assert!(taken.expect_err("taken").contains("is the recipe itself"));
    let distribution = load_text(
        "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"sid\"\n[[variant]]\nname = \"a\"\n[variant.debian]\nsuite = \"trixie\"\n",
    );
    assert!(
        distribution
            .expect_err("another suite")
            .contains("unknown key `debian` in [variant]")
    );
}

#[test]
fn a_dropped_package_needs_a_reason_and_is_not_asked_for() {
    let recipe = |packages: &str| -> String {
        let text = format!("{SMALL}[packages]\n{packages}\n");
        load_text(text.leak()).expect_err("wrong")
    };
    assert!(recipe("drop = { dpkg = \" \" }").contains("gives no reason"));
    assert!(
        recipe("drop = { git = \"x\" }\ninclude = [\"git\"]").contains("remove one of the two")
    );
    assert!(recipe("drop = { \"git=1\" = \"x\" }").contains("takes no version"));
    assert!(recipe("exclude-paths = [\"usr/share\"]").contains("not an absolute path"));
}

/// The error of a recipe with these lines after the smallest one.
fn refusal(lines: &str) -> String {
    load_text(format!("{SMALL}{lines}\n").leak()).expect_err(lines)
}

#[test]
fn tables_that_contradict_each_other_are_named() {
    for (lines, part) in [
        (
            "[env]\nDOCKER_TLS_CERTDIR = \"\"",
            "[listen] `tcp` is `tls`",
        ),
        (
            "[env]\nDOCKER_TLS_CERTDIR = \"/c\"\n[listen]\ntcp = \"plain\"",
            "[listen] `tcp` is `plain`",
        ),
        ("[env]\nPATH = \"/usr/bin:.\"", "[env] PATH: "),
        (
            "[network]\ndns = [\"10.0.0.53\"]\n[engine.daemon]\ndns = [\"1.1.1.1\"]",
            "[engine.daemon] has `dns`, which [network] sets as well",
        ),
        (
            "[network]\nmtu = 1400\n[engine.daemon]\nmtu = 1300",
            "[engine.daemon] has `mtu`, which [network] `mtu` sets as well",
        ),
        (
            "[storage]\ndriver = \"vfs\"\n[engine.daemon]\nstorage-driver = \"overlay2\"",
            "[engine.daemon] has `storage-driver`, which [storage] `driver` sets as well",
        ),
        (
            "[hardening]\nlog-max-file = 3\n[env]\nDIND_LOG_MAX_FILE = \"2\"",
            "[env] has `DIND_LOG_MAX_FILE`, which [hardening] `log-max-file` sets as well",
        ),
        (
            "[env]\nDIND_TLS_PORT = \"12376\"",
            "[env] has `DIND_TLS_PORT`, but [listen] `port` decides what the image declares",
        ),
        (
            "[env]\nDIND_LISTEN = \"unix\"",
            "[env] has `DIND_LISTEN`, but [listen] `tcp` decides",
        ),
        (
            "[engine.daemon]\nhosts = [\"unix:///run/docker.sock\"]",
            "[engine.daemon] has `hosts`, but [listen] `tcp` decides",
        ),
        ("[storage]\nsize = \"big\"", "`big` is not a size"),
        ("[run]\nstop-grace = 10", "make `stop-grace` less"),
        ("[storage]\ngc-disk = 100", "100 is no percentage"),
        ("[listen]\nport = 0", "r/a.toml:6:8"),
        ("[tls]\nclient-mode = \"0777\"", "is not the mode of a key"),
    ] {
        let error = refusal(lines);
        assert!(error.contains(part), "{lines}: {error}");
    }
}

#[test]
fn a_variable_or_a_key_of_the_daemon_alone_is_no_contradiction() {
    for lines in [
        "[env]\nDIND_MTU = \"1300\"\nDIND_STORAGE_SIZE = \"4G\"",
        "[engine.daemon]\nmtu = 1300\nstorage-driver = \"vfs\"",
        "[listen]\ntcp = \"off\"\n[engine.daemon]\nhosts = [\"unix:///run/docker.sock\"]",
    ] {
        let text = format!("{SMALL}{lines}\n").leak();
        load_text(text).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn settings_are_the_variants_own() {
    let recipes = load_from(
        Path::new("r/a.toml"),
        &files(&[(
            "r/a.toml",
            "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"sid\"\n[listen]\ntcp = \"plain\"\n\
             [[variant]]\nname = \"strict\"\n[variant.listen]\ntcp = \"tls\"\n\
             [variant.hardening]\nlevel = \"strict\"\n[variant.health]\ncheck = false\n\
             [variant.tls]\ndays = 90\n[variant.network]\nmtu = 1400\n",
        )]),
    )
    .expect("valid");
    let all: Vec<&Recipe> = recipes.iter().collect();
    let [default, strict] = all[..] else {
        panic!("two images");
    };
    assert_eq!(default.listen.exposed(), Some(2375));
    assert!(!default.hardening.read_only && default.health.is_some());
    assert_eq!(strict.listen.exposed(), Some(2376));
    assert!(strict.hardening.read_only && strict.health.is_none());
    assert_eq!((strict.tls.days, strict.network.mtu), (90, Some(1400)));
}

#[test]
fn a_machine_starts_with_systemd_and_a_client_has_one_cell_an_engine() {
    const SYSTEMD: &str = "[init]\nkind = \"systemd\"\n";
    let debian = |profile: &str| {
        format!("schema = 1\nprofile = \"{profile}\"\n[debian]\nsuite = \"trixie\"\n")
    };
    let load = |text: String| load_text(text.leak());
    let machine = load(debian("vmlc") + SYSTEMD).expect("valid");
    assert_eq!(machine.init, InitKind::Systemd);
    let alpine = "schema = 1\nprofile = \"vmlc\"\n[alpine]\nbranch = \"v3.22\"\n".to_owned();
    for (text, part) in [
        (debian("vmlc"), "say `kind = \"systemd\"`"),
        (debian("dind") + SYSTEMD, "only the profile `vmlc`"),
        (alpine + SYSTEMD, "which Alpine does not have"),
        (
            debian("vmlc") + SYSTEMD + "[listen]\ntcp = \"tls\"\n",
            "[listen] `tcp` has no meaning",
        ),
        (
            debian("vmlc") + SYSTEMD + "[hardening]\nread-only = true\n",
            "say `read-only = false`",
        ),
    ] {
        let error = load(text).expect_err(part);
        assert!(error.contains(part), "{error}");
    }
    let client = load(debian("cli")).expect("valid");
    let smoke = &client.smoke;
    assert_eq!((smoke.engines.len(), smoke.cgroup.len()), (2, 1));
    assert_eq!(smoke.mode, [SmokeMode::Command]);
}

/// The smallest recipe, and how it is proven.
const PROVEN: &str = r#"
schema = 1
profile = "dind"
[debian]
suite = "bookworm"
[smoke]
engines = ["podman"]
storage = ["loop", "tmpfs"]
include = [{ engine = "docker" }]
[[variant]]
name = "slim"
[variant.smoke]
storage = ["volume"]
"#;

#[test]
fn a_variant_is_proven_in_the_recipes_cells_unless_it_names_its_own() {
    let recipes = load_from(Path::new("r/a.toml"), &files(&[("r/a.toml", PROVEN)])).expect("valid");
    let seen = recipes.iter().map(|recipe| {
        let smoke = &recipe.smoke;
        let storage: Vec<&str> = smoke
            .storage
            .iter()
            .flatten()
            .map(|value| value.word())
            .collect();
        assert_eq!((smoke.engines.len(), smoke.include.len()), (1, 1));
        storage.join(" ")
    });
    assert_eq!(seen.collect::<Vec<_>>(), ["loop tmpfs", "volume"]);
}

#[test]
fn a_word_that_no_axis_has_is_shown_with_its_line_and_the_nearest_one() {
    for (text, part) in [
        (
            "[smoke]\nengines = [\"dokcer\"]\n",
            "did you mean `docker`?",
        ),
        ("[smoke]\nstorage = [\"lop\"]\n", "did you mean `loop`?"),
        (
            "[smoke]\nexclude = [{ cgruop = \"host\" }]\n",
            "did you mean `cgroup`?",
        ),
    ] {
        let error = load_text(text).expect_err("unknown");
        assert!(
            error.contains(part) && error.contains("r/a.toml:2:"),
            "{error}"
        );
    }
}

#[test]
fn a_recipe_of_alpine_has_a_branch_its_own_engine_and_keys_pinned_by_digest() {
    let text = "schema = 1\nprofile = \"dind\"\n[alpine]\nbranch = \"v3.22\"\n[[alpine.repository]]\nname = \"team\"\nmirrors = [\"https://m/team\"]\ntagged = true\nkeys = [{ url = \"https://k/t@m-1.rsa.pub\", sha256 = \"d11f6b21c61b4274e182eb888883a8ba8acdbf820dcc7a6d82a7d9fc2fd2836d\" }]\n";
    let recipe = load_text(text).expect("a recipe");
    assert_eq!(recipe.distribution.to_string(), "alpine/3.22");
    assert_eq!(recipe.engine_package.word(), "docker-engine");
    let super::super::Distribution::Alpine(alpine) = &recipe.distribution else {
        panic!("{}", recipe.distribution);
    };
    let repositories: Vec<&str> = alpine.repositories.iter().map(|one| one.as_str()).collect();
    assert_eq!(repositories, ["main", "community"]);
    assert_eq!(alpine.further[0].keys[0].name, "t@m-1.rsa.pub");
    assert!(recipe.distribution.adds("team") && !recipe.distribution.adds("alpine/v3.22/main"));
}

#[test]
fn what_is_wrong_with_a_recipe_of_alpine_says_what_to_do() {
    const HEAD: &str = "schema = 1\nprofile = \"dind\"\n[alpine]\nbranch = \"v3.22\"\n";
    for (more, expected) in [
        (
            "[debian]\nsuite = \"bookworm\"\n",
            "an image is of one distribution",
        ),
        (
            "[engine]\npackage = \"docker-ce\"\n",
            "[engine] `package` is `docker-ce`, which alpine/3.22 has not (one of docker-engine)",
        ),
        ("keys = []\n", "nothing could be verified"),
        (
            "keys = [{ sha256 = \"d11f6b21c61b4274e182eb888883a8ba8acdbf820dcc7a6d82a7d9fc2fd2836d\" }]\n",
            "either `url` or `file`",
        ),
        (
            "keys = [{ file = \"k.rsa.pub\", sha256 = \"d11f6b21c61b4274e182eb888883a8ba8acdbf820dcc7a6d82a7d9fc2fd2836d\" }]\n",
            "it is another key",
        ),
        (
            "keys = [{ url = \"https://k/key.pem\", sha256 = \"d11f6b21c61b4274e182eb888883a8ba8acdbf820dcc7a6d82a7d9fc2fd2836d\" }]\n",
            "`key.pem` is no name of a key",
        ),
    ] {
        let text: &'static str = format!("{HEAD}{more}").leak();
        let source = files(&[("r/a.toml", text), ("r/k.rsa.pub", "other")]);
        let error = load_from(Path::new("r/a.toml"), &source).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
    }
    let text = "schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"sid\"\n[alpine]\nmirrors = [\"http://m/a\"]\n";
    let error = load_text(text).expect_err("two distributions");
    assert!(error.contains("[alpine] has no `branch`"), "{error}");
}
