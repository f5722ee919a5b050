//! The command lines of `dindimg` in scripts: verbs, and the options that they are given.

use std::collections::BTreeSet;

/// A call of the program.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The verb, with its own verb where it has one: `smoke merge`.
    pub verb: String,
    /// Options without values, with their hyphens.
    pub options: BTreeSet<String>,
}

/// Verbs that have verbs.
const FAMILIES: &[(&str, &[&str])] = &[
    ("smoke", &["merge", "clean"]),
    ("cache", &["info", "prune"]),
];
/// The ways in which scripts name the program.
const PROGRAMS: [&str; 2] = ["dindimg", "$PROGRAM"];

/// Every call in a script of bash. Options may stand in arrays, which are given by `"${NAME[@]}"`.
pub fn calls(script: &str) -> Vec<Call> {
    let script = script.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in script.lines() {
        let line = line.trim_start();
        if line.starts_with('#') {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            if !PROGRAMS.contains(&word.trim_matches('"')) {
                continue;
            }
            let Some(verb) = words.get(at + 1).filter(|word| is_verb(word)) else {
                continue;
            };
            let mut name = (*verb).to_owned();
            let mut rest = &words[at + 2..];
            let own = FAMILIES.iter().find(|(family, _)| family == verb);
            if let (Some((_, own)), Some(first)) = (own, rest.first())
                && own.contains(first)
            {
                name = format!("{verb} {first}");
                rest = &rest[1..];
            }
            let ends = ["|", "||", "&&", ";"];
            let until = rest.iter().position(|word| ends.contains(word));
            let rest = &rest[..until.unwrap_or(rest.len())];
            let mut options = BTreeSet::new();
            for word in rest {
                options.extend(option(word));
                if let Some((array, prefix)) = array(word) {
                    options.extend(prefix.and_then(option));
                    options.extend(members(&script, array));
                }
            }
            found.push(Call {
                verb: name,
                options,
            });
        }
    }
    found
}

fn is_verb(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// `--name` of `--name`, `--name=value` and `"--name=value"`.
pub fn option(word: &str) -> Option<String> {
    let word = word.trim_matches(|c| matches!(c, '"' | '\'' | '(' | ')'));
    let name = word.strip_prefix("--")?.split('=').next()?;
    (!name.is_empty()).then(|| format!("--{name}"))
}

/// The array that a word stands for, and what is put before each member: `"${x[@]/#/--variant=}"`.
fn array(word: &str) -> Option<(&str, Option<&str>)> {
    let (_, rest) = word.split_once("${")?;
    let (name, rest) = rest.split_once("[@]")?;
    let prefix = rest.strip_prefix("/#/");
    Some((name, prefix.map(|text| text.trim_end_matches(['"', '}']))))
}

/// The options in `name=(…)` and `name+=(…)`, and those put before the members of other arrays.
fn members(script: &str, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in script.lines().map(str::trim) {
        let Some((_, list)) = [format!("{name}=("), format!("{name}+=(")]
            .iter()
            .find_map(|start| line.split_once(start.as_str()))
        else {
            continue;
        };
        for word in list.split_whitespace() {
            found.extend(option(word));
            let prefix = array(word.trim_end_matches(')')).and_then(|(_, prefix)| prefix);
            found.extend(prefix.and_then(option));
        }
    }
    found
}

#[test]
fn calls_are_found_with_every_option() {
    let script = "options=(\"${platforms[@]/#/--platform=}\")\n\
        if x; then options+=(--key env://K); fi\n\
        # dindimg nothing --at-all\n\
        sudo env A=b \"$PROGRAM\" smoke \"$R\" \\\n  --cell \"$C\" --report \"a/$C.json\" | jq --raw-output .\n\
        dindimg release \"$recipe\" --locked \"${options[@]}\" \"${v[@]/#/--variant=}\" >a\n\
        dindimg smoke merge a.json --require-all || failed=1\n\
        dindimg --version\n\
        git config user.name dindimg\n";
    let told: Vec<String> = calls(script)
        .iter()
        .map(|call| {
            let options: Vec<&str> = call.options.iter().map(String::as_str).collect();
            format!("{} {}", call.verb, options.join(" "))
        })
        .collect();
    assert_eq!(
        told,
        [
            "smoke --cell --report",
            "release --key --locked --platform --variant",
            "smoke merge --require-all",
        ]
    );
}
