//! What can be wrong with a recipe, shown at the place where it is wrong.

use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// Why a recipe cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The file cannot be read.
    #[error("cannot read recipe {}: {source}", path.display())]
    Read {
        /// The recipe or the file it names.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something in the text does not fit; the display shows the line.
    #[error("{rendered}")]
    Text {
        /// The message with the offending lines.
        rendered: String,
    },
    /// The recipe as a whole lacks or contradicts something.
    #[error("{}: {message}", path.display())]
    Whole {
        /// The recipe.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
}

impl RecipeError {
    pub(super) fn whole(path: &Path, message: impl Into<String>) -> Self {
        Self::Whole {
            path: path.to_owned(),
            message: message.into(),
        }
    }

    /// Renders `message` with the lines of `source` that `span` covers.
    pub(super) fn text(path: &Path, source: &str, span: Range<usize>, message: &str) -> Self {
        let name = path.display().to_string();
        let span = span.start.min(source.len())..span.end.min(source.len());
        let report = [Level::ERROR.primary_title(message).element(
            Snippet::source(source)
                .path(&name)
                .annotation(AnnotationKind::Primary.span(span)),
        )];
        let rendered = Renderer::plain().render(&report).to_string();
        Self::Text {
            rendered: rendered
                .strip_prefix("error: ")
                .unwrap_or(&rendered)
                .to_owned(),
        }
    }
}
