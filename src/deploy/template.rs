//! The templates, and how values get into them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use handlebars::{Handlebars, RenderError};
use include_dir::{Dir, include_dir};
use serde::Serialize;

/// The templates of the program. A file's name is `NAME.FORM.hbs`.
static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/images/deploy");

/// Ending of templates.
const ENDING: &str = ".hbs";
/// Largest template, in bytes.
const LIMIT: u64 = 1 << 20;
/// What explanations begin with, which only `--explain` shows.
const EXPLANATION: &str = "#? ";

/// Templates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is no template of any target.
    #[error("{path} replaces no template; there are {known}")]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The names that there are.
        known: String,
    },
    /// A template is not written as handlebars reads it.
    #[error("the template {name} cannot be read: {reason}")]
    Syntax {
        /// The template.
        name: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// A template names what there is not.
    #[error("the template {name} cannot be rendered: {reason}")]
    Render {
        /// The template.
        name: String,
        /// What is wrong, and where.
        reason: String,
    },
}

/// The form of what is rendered, by the name of its template: how a value is written so that it is
/// nothing but the text that it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// YAML 1.1 and 1.2.
    Yaml,
    /// POSIX shell.
    Shell,
    /// TOML.
    Toml,
}

impl Form {
    fn of(name: &str) -> Self {
        match name {
            name if name.contains(".sh") => Self::Shell,
            name if name.contains(".toml") => Self::Toml,
            _ => Self::Yaml,
        }
    }

    fn escape(self) -> fn(&str) -> String {
        match self {
            Self::Yaml => yaml,
            Self::Shell => shell,
            Self::Toml => json,
        }
    }
}

/// The templates in use.
pub struct Templates {
    yaml: Handlebars<'static>,
    shell: Handlebars<'static>,
    toml: Handlebars<'static>,
}

/// The templates of the program.
pub(super) static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    Templates::of(&embedded()).expect("templates of this program, which a test renders")
});

impl Templates {
    /// The program's own, and in their place those that a directory has by the same name.
    ///
    /// # Errors
    /// When the directory cannot be read, or has files that are no templates.
    pub fn with(directory: Option<&Path>) -> Result<Self, TemplateError> {
        let mut texts = embedded();
        if let Some(directory) = directory {
            replace(&mut texts, directory)?;
        }
        Self::of(&texts)
    }

    fn of(texts: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let renderer = |form: Form| {
            let mut renderer = Handlebars::new();
            renderer.set_strict_mode(true);
            renderer.register_escape_fn(form.escape());
            for (name, text) in texts {
                let text = renderer.register_template_string(partial(name), text);
                text.map_err(|error| TemplateError::Syntax {
                    name: format!("{name}{ENDING}"),
                    reason: error.to_string(),
                })?;
            }
            Ok(renderer)
        };
        Ok(Self {
            yaml: renderer(Form::Yaml)?,
            shell: renderer(Form::Shell)?,
            toml: renderer(Form::Toml)?,
        })
    }

    /// Renders the template called `name`; `explain` keeps the explanations.
    pub(super) fn render(
        &self,
        name: &str,
        data: &impl Serialize,
        explain: bool,
    ) -> Result<String, TemplateError> {
        let renderer = match Form::of(name) {
            Form::Yaml => &self.yaml,
            Form::Shell => &self.shell,
            Form::Toml => &self.toml,
        };
        let text = renderer.render(partial(name), data);
        let text = text.map_err(|error: RenderError| TemplateError::Render {
            name: format!("{name}{ENDING}"),
            reason: error.to_string(),
        })?;
        Ok(explained(&text, explain))
    }
}

/// What a template is called by others: its name without its form.
fn partial(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// With explanations as comments, or without them.
fn explained(text: &str, explain: bool) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        let at = line.len() - line.trim_start().len();
        match line[at..].strip_prefix(EXPLANATION) {
            None => kept.push_str(line),
            Some(said) if explain => kept.push_str(&format!("{}# {said}", &line[..at])),
            Some(_) => continue,
        }
        kept.push('\n');
    }
    kept
}

fn embedded() -> BTreeMap<String, String> {
    let files = EMBEDDED.files().filter_map(|file| {
        let name = file.path().to_str()?.strip_suffix(ENDING)?;
        Some((name.to_owned(), file.contents_utf8()?.to_owned()))
    });
    files.collect()
}

fn replace(texts: &mut BTreeMap<String, String>, directory: &Path) -> Result<(), TemplateError> {
    let read = |path: &Path| {
        let path = path.to_owned();
        move |source| TemplateError::Read { path, source }
    };
    for entry in std::fs::read_dir(directory).map_err(read(directory))? {
        let path = entry.map_err(read(directory))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.and_then(|name| name.strip_suffix(ENDING));
        let Some(text) = name.and_then(|name| texts.get_mut(name)) else {
            let known: Vec<String> = texts.keys().map(|it| format!("{it}{ENDING}")).collect();
            return Err(TemplateError::Unknown {
                path,
                known: known.join(", "),
            });
        };
        let size = std::fs::metadata(&path).map_err(read(&path))?.len();
        if size > LIMIT {
            let large = io::Error::other(format!("it has more than {LIMIT} bytes"));
            return Err(read(&path)(large));
        }
        *text = std::fs::read_to_string(&path).map_err(read(&path))?;
    }
    Ok(())
}

/// Words that YAML 1.1 or 1.2 take for something else than text.
const WORDS: [&str; 10] = [
    "y", "yes", "n", "no", "true", "false", "on", "off", "null", "none",
];

/// A value as one of YAML's scalars: plain where nobody can take it for anything but text, else as a
/// JSON string, which is one of YAML's.
fn yaml(text: &str) -> String {
    let plain = is_quantity(text)
        || text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._/@:".contains(c))
            && !text.ends_with(':')
            && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    match plain {
        true => text.to_owned(),
        false => json(text),
    }
}

/// Units after which digits are no number of YAML's.
const UNITS: [&str; 11] = ["m", "g", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "s"];

fn is_quantity(text: &str) -> bool {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    digits.len() < text.len() && UNITS.contains(&digits)
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value as one word of a POSIX shell (XCU, 2.2.2).
fn shell(text: &str) -> String {
    let plain = !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._/@:=,+".contains(c));
    match plain {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_of_yaml_is_plain_only_where_it_is_nothing_but_text() {
        for plain in [
            "registry.example.com/ci/docker@sha256:00",
            "/var/lib/docker",
            "tcp://localhost:2376",
            "a",
            "4Gi",
            "500m",
        ] {
            assert_eq!(yaml(plain), plain);
        }
        for text in [
            "", "1", "0x1", "Yes", "NULL", "a b", "a:", "a: b", "- a", "#", "~", "*a", "&a", "!a",
            "|", "1.5", "1e3", "12", "-", ".inf", "é", "a\nb", "{a", "%", "`",
        ] {
            assert_eq!(yaml(text), json(text), "{text:?}");
        }
    }

    #[test]
    fn a_word_of_the_shell_is_one_word() {
        assert_eq!(shell("--name=dind"), "--name=dind");
        assert_eq!(shell(""), "''");
        assert_eq!(shell("a b"), "'a b'");
        assert_eq!(shell("$(x)'`"), "'$(x)'\\''`'");
        assert_eq!(shell("a\nb"), "'a\nb'");
    }

    #[test]
    fn explanations_are_kept_for_who_asks() {
        let text = "a: 1\n  #? why b\n  b: 2 # not #? this\n";
        assert_eq!(explained(text, false), "a: 1\n  b: 2 # not #? this\n");
        assert_eq!(
            explained(text, true),
            "a: 1\n  # why b\n  b: 2 # not #? this\n"
        );
    }
}
