//! The matrix in the words of CI systems, so that each cell is a job of its own.

use serde_json::{Map, Value, json};

use super::cell::{Axis, Cell};
use crate::recipe::SmokeHost;

/// A CI system's form of a matrix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// GitHub Actions: `{"include": […]}` for `strategy.matrix`.
    Github,
    /// GitLab: a child pipeline with `parallel:matrix`.
    Gitlab,
    /// Every fact of each cell.
    Json,
}

impl Form {
    /// The words for `--matrix`.
    pub const WORDS: [(&'static str, Self); 3] = [
        ("github", Self::Github),
        ("gitlab", Self::Gitlab),
        ("json", Self::Json),
    ];
}

/// The cells of one image, to be run apart from each other.
#[derive(Clone, Copy, Debug)]
pub struct Fanout<'a> {
    /// The recipe as it was named.
    pub recipe: &'a str,
    /// The image of the recipe.
    pub variant: &'a str,
    /// The cells.
    pub cells: &'a [Cell],
}

impl Fanout<'_> {
    /// The fan-out as text, ending in a line feed.
    pub fn render(&self, form: Form) -> String {
        match form {
            // One line: it is written to `$GITHUB_OUTPUT` as NAME=VALUE.
            Form::Github => format!("{}\n", json!({ "include": self.jobs() })),
            Form::Gitlab => self.gitlab(),
            Form::Json => {
                let matrix = json!({
                    "recipe": self.recipe, "variant": self.variant, "cells": self.jobs()
                });
                format!("{matrix:#}\n")
            }
        }
    }

    fn jobs(&self) -> Vec<Value> {
        let job = |cell: &Cell| {
            let mut job = facts(cell);
            job.insert("recipe".to_owned(), self.recipe.into());
            job.insert("variant".to_owned(), self.variant.into());
            Value::Object(job)
        };
        self.cells.iter().map(job).collect()
    }

    /// Every text is written as a JSON string, which is one of YAML's.
    fn gitlab(&self) -> String {
        let script = format!(
            r#"dindimg smoke {} --variant {} --cell "$CELL" --report "smoke-$CELL.json""#,
            quoted(self.recipe),
            quoted(self.variant)
        );
        let mut yaml = "smoke:\n  parallel:\n    matrix:\n".to_owned();
        for cell in self.cells {
            yaml.push_str(&format!(
                "      - CELL: {}\n        ENGINE: {}\n",
                json!(cell.to_string()),
                json!(cell.engine.word())
            ));
        }
        yaml.push_str(&format!(
            "  script:\n    - {}\n  artifacts:\n    when: always\n    paths:\n      - \"smoke-*.json\"\n",
            json!(script)
        ));
        yaml
    }
}

/// A cell's name and its words by axis; the host only of a cell in a machine.
pub fn facts(cell: &Cell) -> Map<String, Value> {
    let words = Axis::ALL.into_iter().zip(cell.words());
    let words = words.map(|(axis, word)| (axis.word().to_owned(), word.into()));
    let host = Some(cell.host).filter(|host| *host != SmokeHost::Here);
    let host = host.map(|host| (Axis::Host.word().to_owned(), host.word().into()));
    [("cell".to_owned(), cell.to_string().into())]
        .into_iter()
        .chain(words)
        .chain(host)
        .collect()
}

/// A word of a shell's command line.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(form: Form) -> String {
        let cells = [
            "docker.private.volume.legacy.daemon",
            "podman.host.tmpfs.nft.command",
        ];
        let cells = cells.map(|name| name.parse().expect("a cell"));
        let fanout = Fanout {
            recipe: "recipes/bob's.toml",
            variant: "slim",
            cells: &cells,
        };
        fanout.render(form)
    }

    #[test]
    fn github_gets_one_line_with_every_fact_of_each_job() {
        let text = rendered(Form::Github);
        assert_eq!(text.lines().count(), 1);
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(
            value["include"][1],
            json!({
                "cell": "podman.host.tmpfs.nft.command", "engine": "podman", "cgroup": "host",
                "storage": "tmpfs", "iptables": "nft", "mode": "command",
                "recipe": "recipes/bob's.toml", "variant": "slim"
            })
        );
        assert_eq!(value["include"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn gitlab_gets_a_child_pipeline() {
        insta::assert_snapshot!(rendered(Form::Gitlab), @r#"
        smoke:
          parallel:
            matrix:
              - CELL: "docker.private.volume.legacy.daemon"
                ENGINE: "docker"
              - CELL: "podman.host.tmpfs.nft.command"
                ENGINE: "podman"
          script:
            - "dindimg smoke 'recipes/bob'\\''s.toml' --variant 'slim' --cell \"$CELL\" --report \"smoke-$CELL.json\""
          artifacts:
            when: always
            paths:
              - "smoke-*.json"
        "#);
    }

    #[test]
    fn others_get_json() {
        let value: Value = serde_json::from_str(&rendered(Form::Json)).expect("JSON");
        assert_eq!(value["variant"], "slim");
        assert_eq!(value["cells"][0]["storage"], "volume");
    }
}
