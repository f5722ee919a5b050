use super::*;

fn one(text: &str) -> Relation<'_> {
    let mut clauses = parse(text).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(clauses.len(), 1, "{text}");
    clauses.remove(0).alternatives.remove(0)
}

#[test]
fn a_field_is_clauses_of_alternatives() {
    let field = "libc6 (>= 2.34), default-mta | mail-transport-agent,\n perl:any,";
    let clauses = parse(field).expect("a field");
    let texts: Vec<_> = clauses.iter().map(|clause| clause.text).collect();
    assert_eq!(
        texts,
        [
            "libc6 (>= 2.34)",
            "default-mta | mail-transport-agent",
            "perl:any"
        ]
    );
    assert_eq!(clauses[1].alternatives[1].name, "mail-transport-agent");
    assert_eq!(clauses[2].alternatives[0].qualifier, Some(Qualifier::Any));
    assert_eq!(parse("").expect("empty"), []);
}

#[test]
fn operators_hold_as_policy_says() {
    for (text, accepted, refused) in [
        ("a (<< 2)", "1", "2"),
        ("a (<= 2)", "2", "3"),
        ("a (< 2)", "2", "3"),
        ("a (= 2)", "2", "2-1"),
        ("a (>= 2)", "2", "1"),
        ("a (> 2)", "2", "1"),
        ("a(>>2)", "3", "2"),
        ("a ( >= 1:2~ )", "1:2", "3"),
    ] {
        let constraint = one(text).constraint.expect("a constraint");
        assert!(
            constraint.accepts(&accepted.parse().expect("version")),
            "{text}"
        );
        assert!(
            !constraint.accepts(&refused.parse().expect("version")),
            "{text}"
        );
    }
}

#[test]
fn restrictions_are_read_and_applied() {
    let relation = one("a:arm64 (>= 1) [amd64 arm64] <!nocheck> <cross foo>");
    assert_eq!(relation.qualifier, Some(Qualifier::Architecture("arm64")));
    assert_eq!(relation.profiles.len(), 2);
    assert!(relation.applies_to("amd64") && !relation.applies_to("riscv64"));
    assert!(one("a [!amd64]").applies_to("arm64"));
    assert!(!one("a [!amd64]").applies_to("amd64"));
    assert!(one("a [linux-any]").applies_to("amd64"));
    assert!(!one("a [any-arm64]").applies_to("amd64"));
    assert_eq!(one("a:native (= 1)").to_string(), "a:native (= 1)");
}

#[test]
fn faults_are_named() {
    for (text, message) in [
        ("a | | b", "``: an alternative is empty"),
        ("a (>= 1", "`a (>= 1`: `(` is not closed"),
        (
            "a (~ 1)",
            "`a (~ 1)`: `(~ 1)` does not begin with one of << <= = >= >>",
        ),
        ("a (>= )", "`a (>= )`: a version is empty"),
        ("a b", "`a b`: `b` is not expected here"),
        ("a [] ", "`a []`: `[` is empty or given twice"),
        (
            "a (= 1) (= 2)",
            "`a (= 1) (= 2)`: `(` is empty or given twice",
        ),
        ("-a", "`-a`: `-a` is not a package name"),
        ("a:b/c", "`a:b/c`: `b/c` is not an architecture"),
    ] {
        assert_eq!(parse(text).expect_err(text).to_string(), message);
    }
}

#[test]
fn mentions_agree_with_the_full_parser() {
    let field = "librust-a-dev (= 1.0) | b, mail-transport-agent, x:any (= 2),c(= 1) [amd64]";
    let names: Vec<_> = mentions(field).map(|(name, _)| name).collect();
    let clauses = parse(field).expect("a field");
    let parsed = clauses.iter().flat_map(|clause| &clause.alternatives);
    assert_eq!(names, parsed.map(|r| r.name).collect::<Vec<_>>());
    assert_eq!(mentions("x:any (= 2)").next(), Some(("x", Some("any"))));
    assert_eq!(mentions(", ,").count(), 0);
}
