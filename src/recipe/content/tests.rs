use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::super::load::load;
use super::super::model::Recipe;
use super::*;

const HEAD: &str = "schema = 1\n[debian]\nsuite = \"bookworm\"\n[packages]\ninclude = [\"tini\"]\n";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("temporary directory"))
    }

    fn put(&self, name: &str, text: &str) -> &Self {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directory");
        fs::write(path, text).expect("file");
        self
    }

    fn load(&self, text: &str) -> Result<Recipe, String> {
        self.put("a.toml", &format!("{HEAD}{text}"));
        let recipes = load(&self.0.path().join("a.toml"));
        recipes
            .map(|recipes| recipes.default().clone())
            .map_err(|error| error.to_string())
    }

    fn content(&self, text: &str) -> Content {
        self.load(text).expect("valid").content
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn listed(content: &Content) -> Vec<String> {
    let line = |(path, file): (&ImagePath, &File)| {
        let kind = match &file.entry {
            Entry::File(bytes) => String::from_utf8_lossy(bytes.content()).into_owned(),
            Entry::Template { name, .. } => format!("rendered {name}"),
            Entry::Certificate(_) => "certificate".to_owned(),
            Entry::Link(target) => format!("-> {target}"),
            Entry::Directory { .. } => "/".to_owned(),
        };
        format!("{path} {} {} {kind}", file.mode, file.owner)
    };
    content.files.iter().map(line).collect()
}

fn certificate(name: &str, year: i32) -> (String, String) {
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
    parameters
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    parameters.not_after = rcgen::date_time_ymd(year, 1, 2);
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = parameters.self_signed(&key).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

#[test]
fn files_have_modes_and_owners_that_no_umask_decides() {
    let place = Place::new();
    place.put("tree/etc/x.conf", "x").put("tree/bin/run", "run");
    let run = place.path().join("tree/bin/run");
    fs::set_permissions(run, fs::Permissions::from_mode(0o700)).expect("mode");
    let plain = place.path().join("tree/etc/x.conf");
    fs::set_permissions(plain, fs::Permissions::from_mode(0o600)).expect("mode");
    symlink("x.conf", place.path().join("tree/etc/y.conf")).expect("link");
    place.put("t.hbs", "{{suite}}");
    let content = place.content(
        r##"
[[file]]
path = "/opt/team"
source = "tree"
owner = "ci:docker"
[[file]]
path = "/usr/local/bin/hello"
content = "#!/bin/sh\n"
[[file]]
path = "/etc/t"
template = "t.hbs"
mode = "0600"
[[file]]
path = "/etc/localtime"
link = "/usr/share/zoneinfo/UTC"
[[file]]
path = "/srv"
directory = true
"##,
    );
    assert_eq!(
        listed(&content),
        [
            "/etc/localtime 0777 root:root -> /usr/share/zoneinfo/UTC",
            "/etc/t 0600 root:root rendered t.hbs",
            "/opt/team 0755 ci:docker /",
            "/opt/team/bin 0755 ci:docker /",
            "/opt/team/bin/run 0755 ci:docker run",
            "/opt/team/etc 0755 ci:docker /",
            "/opt/team/etc/x.conf 0644 ci:docker x",
            "/opt/team/etc/y.conf 0777 ci:docker -> x.conf",
            "/srv 0755 root:root /",
            "/usr/local/bin/hello 0755 root:root #!/bin/sh\n",
        ]
    );
}

#[test]
fn a_tree_with_a_mode_can_still_be_entered() {
    let place = Place::new();
    place.put("tree/a/b", "b");
    let file = "[[file]]\npath = \"/\"\nsource = \"tree\"\nmode = \"0640\"\n";
    assert_eq!(
        listed(&place.content(file)),
        ["/a 0750 root:root /", "/a/b 0640 root:root b"]
    );
}

#[test]
fn an_entry_is_one_thing_and_its_error_shows_the_line() {
    let place = Place::new();
    place.put("s.hbs", "#!/bin/sh\n{{suite}}\n");
    for (keys, expected) in [
        ("", "has none of `content`"),
        ("content = \"\"\nlink = \"y\"", "has several of `content`"),
        ("content = \"\"\nmode = \"rw\"", "`rw` is not a mode"),
        ("content = \"\"\nowner = \"A\"", "not a name for an account"),
        ("source = \"absent\"", "absent: No such file"),
        ("source = \"../up\"", "not a path below"),
        ("template = \"s.hbs\"", "scripts are never rendered"),
        ("contents = \"\"", "did you mean `content`?"),
    ] {
        let error = place
            .load(&format!("[[file]]\npath = \"/x\"\n{keys}\n"))
            .expect_err(keys);
        assert!(error.contains(expected), "{keys}: {error}");
        assert!(error.contains("a.toml:"), "no line: {error}");
    }
    for (path, expected) in [
        ("/etc/passwd", "is written from [users]"),
        ("/etc/ssl/certs/x.pem", "is written from [ca]"),
        ("/var/lib/dpkg/status", "package database"),
        ("etc/x", "not an absolute path"),
        ("/a/../b", "has a `..`"),
    ] {
        let error = place
            .load(&format!("[[file]]\npath = \"{path}\"\ncontent = \"\"\n"))
            .expect_err(path);
        assert!(error.contains(expected), "{path}: {error}");
    }
}

#[test]
fn links_beside_the_recipe_lead_nowhere_outside() {
    let outside = tempfile::tempdir().expect("temporary directory");
    fs::write(outside.path().join("secret"), "s").expect("file");
    let place = Place::new();
    symlink(outside.path(), place.path().join("out")).expect("link");
    let error = place
        .load("[[file]]\npath = \"/x\"\nsource = \"out/secret\"\n")
        .expect_err("outside");
    assert!(error.contains("leads out of"), "{error}");
    place.put("tree/a", "a");
    symlink(outside.path(), place.path().join("tree/out")).expect("link");
    let content = place.content("[[file]]\npath = \"/x\"\nsource = \"tree\"\n");
    assert!(
        matches!(
            &content.files[&"/x/out".parse().expect("a path")].entry,
            Entry::Link(_)
        ),
        "a link in a directory is placed, never followed"
    );
}

#[test]
fn a_recipe_adds_to_what_it_extends_and_paths_belong_to_their_file() {
    let place = Place::new();
    place.put("base/files/m", "base");
    place.put(
        "base/base.toml",
        r#"
[env]
A = "1"
B = "1"
[labels]
team = "base"
[users.ci]
uid = 2000
comment = "base"
[[file]]
path = "/etc/m"
source = "files/m"
[[file]]
path = "/etc/n"
content = "base"
"#,
    );
    let text = format!(
        "extends = \"base/base.toml\"\n{HEAD}{}",
        r#"
[env]
B = "2"
[labels]
owner = "x"
[users.ci]
shell = "/bin/sh"
[[file]]
path = "/etc/n"
content = "own"
[[variant]]
name = "slim"
env = { C = "3" }
[[variant.file]]
path = "/etc/slim"
content = "slim"
"#
    );
    place.put("a.toml", &text);
    let recipes = load(&place.path().join("a.toml")).expect("valid");
    let recipe = recipes.default();
    let pairs = |map: &BTreeMap<String, String>| {
        let pairs: Vec<String> = map.iter().map(|(k, v)| format!("{k}={v}")).collect();
        pairs.join(" ")
    };
    assert_eq!(pairs(&recipe.env), "A=1 B=2");
    assert_eq!(pairs(&recipe.labels), "owner=x team=base");
    assert_eq!(
        listed(&recipe.content),
        ["/etc/m 0644 root:root base", "/etc/n 0644 root:root own"]
    );
    let ci = &recipe.content.users[&"ci".parse().expect("a name")];
    assert_eq!((ci.uid, ci.comment.as_str()), (Some(2000), "base"));
    assert_eq!(ci.shell.as_ref().map(ImagePath::as_str), Some("/bin/sh"));
    let slim = recipes.iter().nth(1).expect("a variant");
    assert_eq!(pairs(&slim.env), "A=1 B=2 C=3");
    assert_eq!(slim.content.files.len(), 3);
}

#[test]
fn accounts_that_cannot_be_are_refused_at_their_line() {
    let place = Place::new();
    for (text, expected) in [
        ("[users.Docker]\n", "`Docker` is not a name"),
        (
            "[users.a]\nuid = 5\n[users.b]\nuid = 5\n",
            "have the same id 5",
        ),
        (
            "[groups.a]\ngid = 5\n[users.b]\ngid = 5\n",
            "have the same id 5",
        ),
        (
            "[users.a]\nuid = 65534\n",
            "not an id that an account can have",
        ),
        (
            "[users.a]\ngroup = \"users\"\ngid = 7\n",
            "both `group` and `gid`",
        ),
        ("[users.a]\ncomment = \"a:b\"\n", "passwd(5) cannot carry"),
        (
            "[users.a]\nshel = \"/bin/sh\"\n",
            "in [users.a]; did you mean `shell`?",
        ),
    ] {
        let error = place.load(text).expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
        assert!(error.contains("a.toml:"), "no line: {error}");
    }
    let error = place.load("[users.a]\n[groups.a]\n").expect_err("twice");
    assert!(error.contains("would both make the group"), "{error}");
    for table in [
        "[env]\n\"A=B\" = \"\"\n",
        "[env]\nA = \"\\u0000\"\n",
        "[labels]\n\"\" = \"\"\n",
    ] {
        assert!(place.load(table).is_err(), "{table}");
    }
}

#[test]
fn certificates_are_checked_and_placed_where_their_readers_look() {
    let place = Place::new();
    let (one, key) = certificate("one", 2060);
    let (two, _) = certificate("two", 2021);
    place.put("ca/corp.crt", &one).put("ca/key.pem", &key);
    place.put("ca/both.pem", &format!("{one}{two}"));
    let content = place.content(
        "[ca]\nbundle = [\"ca/corp.crt\", \"ca/both.pem\"]\n[ca.registries]\n\"r.corp:5000\" = [\"ca/both.pem\"]\n",
    );
    let paths: Vec<&str> = content.authorities.keys().map(ImagePath::as_str).collect();
    assert_eq!(
        paths,
        ["both-1", "both-2", "corp"]
            .map(|name| format!("/usr/local/share/ca-certificates/{name}.crt"))
    );
    let paths: Vec<&str> = content.files.keys().map(ImagePath::as_str).collect();
    assert_eq!(paths, ["/etc/docker/certs.d/r.corp:5000/both.crt"]);
    let now = Epoch::from_seconds(1_783_764_997).expect("in range");
    let warnings = content.warnings(now);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("ended at 2021-01-02"), "{warnings:?}");
    let error = place
        .load("[ca]\nbundle = [\"ca/key.pem\"]\n")
        .expect_err("key");
    assert!(
        error.contains("private key") && error.contains("a.toml:"),
        "{error}"
    );
}

#[test]
fn a_private_key_in_a_file_is_told_of() {
    let place = Place::new();
    let (_, key) = certificate("one", 2060);
    place.put("k.pem", &key);
    let content = place.content("[[file]]\npath = \"/etc/k.pem\"\nsource = \"k.pem\"\n");
    let warnings = content.warnings(Epoch::default());
    assert!(warnings[0].contains("private key"), "{warnings:?}");
}
