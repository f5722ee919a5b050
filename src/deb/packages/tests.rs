use super::stanza::plain_path;
use super::*;

const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A valid stanza with `extra` lines added.
fn stanza(extra: &str) -> String {
    format!(
        "Package: docker.io\nVersion: 20.10.24+dfsg1-1\nArchitecture: amd64\n\
         Filename: pool/main/d/docker.io/docker.io_20.10.24_amd64.deb\nSize: 42\nSHA256: {SUM}\n\
         {extra}\n"
    )
}

fn problem(text: &str) -> String {
    parse_index(text.as_bytes())
        .expect_err("a fault")
        .to_string()
}

#[test]
fn a_stanza_is_read_field_by_field() {
    let text = stanza(
        "Source: docker.io-src (20.10.24+dfsg1-1+b2)\nMulti-Arch: foreign\nEssential: yes\n\
         Important: yes\nPriority: required\nSection: admin\nInstalled-Size: 7\n\
         depends: libc6 (>= 2.34),\n  iptables\nProvides: x (= 1)\nTag: a, b\n",
    );
    let records = parse_index(text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let [record] = &records[..] else {
        panic!("one record")
    };
    let control = &record.control;
    assert_eq!(control.source().0, "docker.io-src");
    assert_eq!(control.source().1.as_str(), "20.10.24+dfsg1-1+b2");
    assert_eq!(&*control.depends, "libc6 (>= 2.34), iptables");
    assert_eq!(&*control.provides, "x (= 1)");
    assert_eq!(&*control.recommends, "");
    assert_eq!(control.multi_arch, MultiArch::Foreign);
    assert_eq!(control.priority, Priority::Required);
    assert!(control.essential && control.protected && control.fits("amd64"));
    assert!(!control.fits("arm64"));
    assert_eq!(control.installed_size, Some(7));
    assert_eq!((record.size, record.sha256), (42, Digest::of(b"")));
}

#[test]
fn a_control_file_needs_no_file_fields() {
    let control = parse_control(b"Package: a\nVersion: 1\nArchitecture: all\n")
        .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(control.source(), ("a", &"1".parse().expect("version")));
    assert!(control.fits("arm64"));
    for (text, stanzas) in [
        ("", 0),
        (
            "Package: a\nVersion: 1\nArchitecture: all\n\nPackage: b\nVersion: 1\nArchitecture: all\n",
            2,
        ),
    ] {
        assert_eq!(
            parse_control(text.as_bytes())
                .expect_err("stanzas")
                .to_string(),
            format!("a control file holds one stanza, this one has {stanzas}")
        );
    }
}

#[test]
fn faults_name_the_line_and_the_package() {
    let second = |wrong: &str, right: &str| {
        let broken = stanza("").replace(wrong, right);
        problem(&format!(
            "{}\n{broken}",
            stanza("").replace("docker.io\n", "other\n")
        ))
    };
    let at = "line 9: package `docker.io`: ";
    for (wrong, right, message) in [
        (
            "Version: 20.10.24+dfsg1-1\n",
            "",
            "the field Version is missing",
        ),
        (
            "Architecture: amd64\n",
            "",
            "the field Architecture is missing",
        ),
        (
            &*format!("SHA256: {SUM}\n"),
            "",
            "the field SHA256 is missing",
        ),
        ("Size: 42\n", "", "the field Size is missing"),
        ("Size: 42", "Size: 4 2", "the field Size cannot be `4 2`"),
        (
            "Size: 42",
            "Size: 42\nSize: 43",
            "the field Size is given twice",
        ),
        (
            "Size: 42",
            "Multi-Arch: maybe\nSize: 42",
            "the field Multi-Arch cannot be `maybe`",
        ),
        (
            "Size: 42",
            "Essential: y\nSize: 42",
            "the field Essential cannot be `y`",
        ),
        (
            "20.10.24+dfsg1-1\n",
            "20 10\n",
            "version `20 10`: ` ` is not allowed in its upstream version",
        ),
    ] {
        assert_eq!(second(wrong, right), format!("{at}{message}"));
    }
    assert!(second(SUM, "abc").contains("`abc` is not a SHA-256 digest"));
    assert_eq!(
        second("Package: docker.io", "Package: docker/io"),
        "line 9: package `docker/io`: the package name is not valid"
    );
    assert_eq!(
        problem(&format!("{}\nnonsense\n", stanza(""))),
        "line 9: `nonsense` is not a field"
    );
    assert_eq!(
        parse_index(b"Package: a\nVersion: \xff\n")
            .expect_err("bytes")
            .to_string(),
        "line 2: the text is not UTF-8"
    );
}

#[test]
fn only_plain_paths_below_the_repository_are_taken() {
    for path in ["pool/a_1%3a2_all.deb", "./a.deb", "a+b~c.deb", "..a/b"] {
        assert!(plain_path(path).is_some(), "{path}");
    }
    for path in [
        "",
        "/etc/passwd",
        "../a.deb",
        "pool/../a",
        "pool//a",
        "a/.",
        "a b",
        "a\\b",
        "a?b",
        "a#b",
        "pool/%2E%2e/a",
        "pool/.%2e/a",
        "a\u{7f}b",
    ] {
        assert!(plain_path(path).is_none(), "{path}");
    }
    let escaped = stanza("").replace("pool/", "/pool/");
    assert!(problem(&escaped).contains("is not a plain path below the repository"));
}

#[test]
fn a_repeated_entry_is_dropped_and_a_contradiction_refused() {
    let twice = format!("{}\n{}", stanza(""), stanza(""));
    assert_eq!(parse_index(twice.as_bytes()).expect("one").len(), 1);
    let changed = format!("{}\n{}", stanza(""), stanza("").replace("e3b0", "e3b1"));
    assert_eq!(
        problem(&changed),
        "line 9: package `docker.io`: version 20.10.24+dfsg1-1 for amd64 is listed twice, \
         with different files"
    );
}
