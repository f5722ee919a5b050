//! Reports as files.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::SmokeReport;

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file's name does not say its format.
    #[error(
        "cannot tell the format of the report {}; name it .json, .xml (JUnit), .md (Markdown), .html or .intoto.json (in-toto statement)",
        .0.display()
    )]
    Format(PathBuf),
    /// It could not be written.
    #[error("cannot write the report {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The kernel's reason.
        source: std::io::Error,
    },
    /// There is no digest that a statement could be about.
    #[error(
        "a statement is about one manifest, and that of {0} is not known: an engine tells the digest of a configuration, or of an index of several platforms; prove the recipe"
    )]
    Digest(String),
    /// It could not be rendered.
    #[error("cannot render the report as JUnit XML: {0}")]
    Junit(String),
    /// It could not be rendered.
    #[error("cannot render the report as HTML")]
    Html(#[source] Box<handlebars::RenderError>),
}

/// What a report's file name says.
#[derive(Clone, Copy)]
enum Format {
    Json,
    Junit,
    Markdown,
    Html,
    Statement,
}

impl Format {
    fn of(path: &Path) -> Result<Self, ReportError> {
        if SmokeReport::is_statement(path) {
            return Ok(Self::Statement);
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Ok(Self::Json),
            Some("xml") => Ok(Self::Junit),
            Some("md") => Ok(Self::Markdown),
            Some("html") => Ok(Self::Html),
            _ => Err(ReportError::Format(path.to_owned())),
        }
    }
}

impl SmokeReport {
    /// The report as JSON, ending in a line feed.
    pub fn json(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("plain structures are always JSON");
        text + "\n"
    }

    /// Whether `path` names an in-toto statement.
    pub fn is_statement(path: &Path) -> bool {
        path.to_string_lossy().ends_with(".intoto.json")
    }

    /// Whether a report can be written to `path`: asked before minutes are spent on one.
    ///
    /// # Errors
    /// [`ReportError::Format`] when the name has none of the known extensions.
    pub fn check_name(path: &Path) -> Result<(), ReportError> {
        Format::of(path).map(drop)
    }

    /// Writes the report to `path`, whole or not at all: JSON for `.json`, JUnit for `.xml`,
    /// Markdown for `.md`, a page for `.html`, an in-toto statement for `.intoto.json`.
    ///
    /// # Errors
    /// See [`ReportError`].
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        let text = match Format::of(path)? {
            Format::Json => self.json(),
            Format::Junit => self.junit()?,
            Format::Markdown => self.markdown(),
            Format::Html => self.html()?,
            Format::Statement => self.statement()?,
        };
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        write_whole(parent.unwrap_or(Path::new(".")), path, &text).map_err(|source| {
            ReportError::Write {
                path: path.to_owned(),
                source,
            }
        })
    }
}

fn write_whole(dir: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    let mut file = NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    // A temporary file is private; a report is for whoever may look into its directory.
    file.as_file()
        .set_permissions(Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn the_extension_chooses_the_format() {
        let dir = tempfile::tempdir().expect("temporary directory");
        for (name, start) in [
            ("r.json", "{"),
            (
                "r.intoto.json",
                r#"{"_type":"https://in-toto.io/Statement/v1""#,
            ),
            ("r.xml", "<?xml"),
            ("r.md", "# Smoke"),
            ("r.html", "<!doctype html>"),
        ] {
            let path = dir.path().join(name);
            report().write(&path).expect("written");
            let text = std::fs::read_to_string(&path).expect("readable");
            assert!(text.starts_with(start));
        }
        let path = dir.path().join("r.txt");
        assert!(matches!(
            SmokeReport::check_name(&path),
            Err(ReportError::Format(_))
        ));
        assert!(matches!(report().write(&path), Err(ReportError::Format(_))));
    }
}
