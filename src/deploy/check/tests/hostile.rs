//! Texts that are made to bring a reader down.

use proptest::prelude::*;

use super::super::*;
use super::sound::{HARMLESS, SOUND};

fn error(text: &str) -> CheckError {
    check(text).expect_err("refused")
}

#[test]
fn what_aliases_multiply_is_counted() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let items = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let values = |error| matches!(error, CheckError::TooLarge(Limit::Values(_)));
    assert!(values(error(&bomb)));
    let mut merges = "m0: &m0 {a: 1, b: 2}\n".to_owned();
    for level in 1..40 {
        let last = level - 1;
        merges.push_str(&format!(
            "m{level}: &m{level} {{<<: [*m{last}, *m{last}]}}\n"
        ));
    }
    assert!(values(error(&merges)));
    let long = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(1 << 20),
        "*a, ".repeat(1000)
    );
    assert!(values(error(&long)));
    assert!(matches!(
        error("a: &a [*a]\n"),
        CheckError::Syntax { line: 1, .. }
    ));
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    let deep = |error| {
        let limit = matches!(error, CheckError::TooLarge(Limit::Depth(_)));
        limit || matches!(error, CheckError::Syntax { .. })
    };
    for (open, close) in [
        ("[", "]"),
        ("{a: ", "}"),
        ("- ", ""),
        ("? ", ""),
        ("- - ? ", ""),
    ] {
        let text = format!("{}x{}\n", open.repeat(10_000), close.repeat(10_000));
        assert!(deep(error(&text)), "{open}");
    }
    let blocks: String = (0..1_000)
        .map(|level| format!("{}a:\n", " ".repeat(level)))
        .collect();
    assert!(deep(error(&blocks)));
    // Each step is flat, and the last one is not.
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for level in 1..10_000 {
        chain.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert!(deep(error(&chain)));
}

#[test]
fn what_is_too_much_is_refused() {
    let large = "# x\n".repeat(2 << 20);
    assert!(matches!(
        error(&large),
        CheckError::TooLarge(Limit::Text(_))
    ));
    let many: String = (0..5_000)
        .map(|n| format!("  s{n}: {{image: x}}\n"))
        .collect();
    let many = error(&format!("services:\n{many}"));
    assert!(matches!(many, CheckError::TooLarge(Limit::Containers(_))));
    let jobs: String = (0..5_000)
        .map(|n| format!("j{n}: {{script: x}}\n"))
        .collect();
    assert!(matches!(
        error(&jobs),
        CheckError::TooLarge(Limit::Containers(_))
    ));
    // Templates that extend each other twice a step, and one that extends itself.
    let mut chain =
        "a: {script: x, extends: [.t0, .t0]}\n.s: {extends: .s}\nb: {script: x, extends: .s}\n"
            .to_owned();
    for level in 0..100 {
        chain.push_str(&format!(
            ".t{level}: {{extends: [.t{0}, .t{0}]}}\n",
            level + 1
        ));
    }
    assert_eq!(check(&chain), Ok(Vec::new()));
}

#[test]
fn what_is_just_not_too_much_is_checked() {
    let names: String = (0..40).map(|n| format!("n{n}, ")).collect();
    let mut text = "services:\n".to_owned();
    for n in 0..900 {
        text.push_str(&format!(
            "  d{n}: {{image: 'docker:dind', networks: {{a: {{aliases: [{names}]}}}}}}\n  \
             c{n}: {{image: x, environment: {{DOCKER_HOST: 'tcp://nobody:2376'}}}}\n"
        ));
    }
    let findings = check(&text).expect("a manifest");
    assert!(findings.len() > 900);
}

#[test]
fn what_is_no_manifest_is_said_to_be_none() {
    for text in [
        "",
        "\u{feff}",
        "# nothing\n",
        "---\n---\n",
        "a: 1\n",
        "- x\n",
        "text",
        "services: {}\n",
    ] {
        assert_eq!(error(text), CheckError::Unknown, "{text:?}");
    }
    assert!(error("").to_string().contains("Compose"));
    let CheckError::Syntax { line, message } = error("a: 1\nb: 'x\n") else {
        panic!("no syntax error");
    };
    assert!(line >= 2 && !message.contains("helm"), "{line}: {message}");
    for text in [
        "apiVersion: v1\nkind: Pod\nspec:\n  image: {{ .Values.image }}\n",
        "apiVersion: v1\nkind: Pod\nspec:\n{{- if .x }}\n  a: b\n{{- end }}\n",
    ] {
        let error = error(text);
        let syntax = matches!(error, CheckError::Syntax { line: 4, .. });
        assert!(
            syntax && error.to_string().contains("`helm template`"),
            "{error}"
        );
    }
    assert!(matches!(
        error("a:\n\t- b\n\tc: d\n"),
        CheckError::Syntax { .. }
    ));
}

#[test]
fn line_ends_of_other_systems_and_byte_order_marks_change_nothing() {
    for (name, text) in SOUND {
        let text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        assert_eq!(check(&text), Ok(Vec::new()), "{name}");
    }
    let text = SOUND[0].1.replace("dind@sha256:0000", "dind");
    let windows = text.replace('\n', "\r\n");
    assert_eq!(check(&text), check(&windows));
}

#[test]
fn no_truncation_and_no_odd_type_makes_it_panic() {
    for (_, text) in SOUND.iter().chain(HARMLESS) {
        for (end, _) in text.char_indices().step_by(3) {
            let _ = check(&text[..end]);
        }
        // Each value in turn becomes something that is not expected there.
        for (number, line) in text.lines().enumerate() {
            let Some((key, _)) = line.split_once(": ") else {
                continue;
            };
            for odd in [
                "[[]]",
                "{a: {b: c}}",
                "null",
                "-1",
                "!x &y 1e999",
                "é${",
                "|\n  x",
            ] {
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines[number] = format!("{key}: {odd}");
                let _ = check(&lines.join("\n"));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in "[-\\[\\]{}:,&*!|>'\"%@`#?~<. \t\r\na-c0-9é\u{feff}\u{85}\u{0}]{0,80}") {
        let _ = check(&text);
    }

    #[test]
    fn no_change_of_a_manifest_makes_it_panic(
        which in 0..SOUND.len(),
        at in 0..1000usize,
        text in "[-\\[\\]{}:,&*!|>'\"%@#?~ \n$]{1,4}",
    ) {
        let mut changed: Vec<char> = SOUND[which].1.chars().collect();
        let at = at % changed.len();
        changed.splice(at..at + 1, text.chars());
        let _ = check(&changed.into_iter().collect::<String>());
    }
}
