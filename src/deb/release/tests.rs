use super::*;

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const OTHER: &str = "cdb4ee2aea69cc6a83331bbe96dc2caa9a299d21329efb0336fc02a82e1839a8";

/// A `Release` with the given `SHA256` lines after the fields of a real security suite.
fn security(lines: &[&str]) -> String {
    let mut text = String::from(
        "Origin: Debian\n\
         Label: Debian-Security\n\
         Suite: oldstable-security\n\
         Version: 12\n\
         Codename: bookworm-security\n\
         Date: Wed, 18 Nov 2026 22:17:41 UTC\n\
         Valid-Until: Wed, 25 Nov 2026 22:17:41 UTC\n\
         Acquire-By-Hash: yes\n\
         Architectures: amd64 arm64\n\
         Components: updates/main updates/contrib\n\
         MD5Sum:\n d41d8cd98f00b204e9800998ecf8427e        0 main/Contents\n\
         SHA256:\n",
    );
    for line in lines {
        text.push_str(&format!(" {line}\n"));
    }
    text
}

fn listing(paths: &[&str]) -> Release {
    let lines: Vec<String> = paths.iter().map(|p| format!("{OTHER}  17 {p}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    Release::parse(&security(&lines)).expect("parses")
}

#[test]
fn every_field_is_read() {
    let release = listing(&["main/binary-amd64/Packages.xz"]);
    assert_eq!(release.origin.as_deref(), Some("Debian"));
    assert_eq!(release.label.as_deref(), Some("Debian-Security"));
    assert_eq!(release.suite.as_deref(), Some("oldstable-security"));
    assert_eq!(release.codename.as_deref(), Some("bookworm-security"));
    assert_eq!(release.version.as_deref(), Some("12"));
    assert_eq!(release.date.to_string(), "2026-11-18T22:17:41Z");
    assert_eq!(
        release.valid_until.map(|t| t.to_string()).as_deref(),
        Some("2026-11-25T22:17:41Z")
    );
    assert!(release.acquire_by_hash);
    assert_eq!(release.architectures, ["amd64", "arm64"]);
    assert!(!release.separate_all);
    assert_eq!(release.name(), "bookworm-security");
    assert_eq!(release.files.len(), 1, "only the SHA256 section counts");
}

#[test]
fn components_are_named_as_in_the_paths() {
    let security = listing(&["main/binary-amd64/Packages", "contrib/source/Sources"]);
    assert_eq!(security.components, ["main", "contrib"]);
    let below = listing(&["updates/main/binary-amd64/Packages", "updates/contrib/x"]);
    assert_eq!(below.components, ["updates/main", "updates/contrib"]);
}

#[test]
fn the_best_compression_is_chosen_from_what_is_listed() {
    let path = |suffix: &str| format!("main/binary-amd64/Packages{suffix}");
    let cases: [(&[&str], &str, IndexCompression); 4] = [
        (&["", ".gz", ".zst", ".xz"], ".xz", IndexCompression::Xz),
        (&["", ".gz", ".zst"], ".zst", IndexCompression::Zstd),
        (&["", ".gz"], ".gz", IndexCompression::Gzip),
        (&[""], "", IndexCompression::None),
    ];
    for (listed, chosen, compression) in cases {
        let paths: Vec<String> = listed.iter().map(|s| path(s)).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let index = listing(&paths)
            .packages_index("main", "amd64")
            .expect("listed");
        assert_eq!(index.path, path(chosen));
        assert_eq!(index.compression, compression);
        assert_eq!(index.entry.size, 17);
        assert!(index.plain.is_some());
        assert_eq!(
            index.by_hash_path,
            Some(format!("main/binary-amd64/by-hash/SHA256/{OTHER}"))
        );
    }
    let release = listing(&["main/binary-amd64/Packages.bz2"]);
    assert_eq!(release.packages_index("main", "amd64"), None);
    assert_eq!(release.packages_index("main", "riscv64"), None);
}

#[test]
fn by_hash_is_used_only_where_offered() {
    let text = security(&[&format!("{OTHER} 17 Packages.gz")]);
    let flat = Release::parse(&text).expect("parses");
    let index = flat.index("Packages").expect("listed");
    assert_eq!(index.by_hash_path, Some(format!("by-hash/SHA256/{OTHER}")));
    let without = Release::parse(&text.replace("Acquire-By-Hash: yes\n", "")).expect("parses");
    assert_eq!(
        without.index("Packages").expect("listed").by_hash_path,
        None
    );
}

#[test]
fn architecture_all_is_separate_unless_the_suite_says_otherwise() {
    let text = security(&[]).replace("amd64 arm64", "all amd64");
    assert!(Release::parse(&text).expect("parses").separate_all);
    let debian = text.replace(
        "Version: 12\n",
        "No-Support-for-Architecture-all: Packages\n",
    );
    assert!(!Release::parse(&debian).expect("parses").separate_all);
}

#[test]
fn forgeable_digests_alone_are_refused() {
    let text = security(&[]).replace("SHA256:\n", "SHA1:\n");
    assert_eq!(Release::parse(&text), Err(ReleaseError::WeakDigests));
}

#[test]
fn a_release_without_a_date_is_refused() {
    let text = security(&[]).replace("Date: Wed, 18 Nov 2026 22:17:41 UTC\n", "");
    assert_eq!(Release::parse(&text), Err(ReleaseError::Missing("Date")));
    let text = security(&[]).replace("22:17:41 UTC\nAcq", "later\nAcq");
    assert!(matches!(
        Release::parse(&text),
        Err(ReleaseError::Value {
            field: "Valid-Until",
            ..
        })
    ));
}

#[test]
fn malformed_lines_are_refused_by_number() {
    let cases = [
        ("Origin: a\nOrigin: b\n", 2, "given before"),
        ("Origin: a\norigin: b\n", 2, "given before"),
        ("Origin: a\n\nLabel: b\n", 2, "second paragraph"),
        ("Origin\n", 1, "colon"),
        (" Origin: a\n", 1, "continues no field"),
    ];
    for (text, line, words) in cases {
        match Release::parse(text) {
            Err(ReleaseError::Syntax { line: at, problem }) => {
                assert_eq!(at, line, "{text}");
                assert!(problem.contains(words), "{problem}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn malformed_entries_are_refused() {
    let lines = [
        format!("{EMPTY} 0"),
        format!("{EMPTY} 0 main/Packages more"),
        "abc 0 main/Packages".to_owned(),
        format!("{EMPTY} -1 main/Packages"),
        format!("{EMPTY} 99999999999999999999 main/Packages"),
        format!("{EMPTY} 0 /etc/passwd"),
        format!("{EMPTY} 0 main/../../../etc/passwd"),
        format!("{EMPTY} 0 main//Packages"),
        format!("{EMPTY} 0 ./main/Packages"),
        format!("{EMPTY} 0 main/%2e%2e/Packages"),
        format!("{EMPTY} 0 {}", "a/".repeat(600) + "b"),
    ];
    for line in lines {
        let result = Release::parse(&security(&[&line]));
        assert!(
            matches!(result, Err(ReleaseError::Syntax { line: 14, .. })),
            "{line}: {result:?}"
        );
    }
}

#[test]
fn a_path_may_be_repeated_but_not_contradicted() {
    let one = format!("{EMPTY} 0 main/Packages");
    let two = format!("{OTHER} 0 main/Packages");
    assert!(Release::parse(&security(&[&one, &one])).is_ok());
    assert!(Release::parse(&security(&[&one, &two])).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "([A-Za-z0-9]{0,8}:? ?[ -~]{0,40}\n){0,12}") {
        let _ = Release::parse(&text);
    }
}
