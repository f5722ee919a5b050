//! What the families do alike with repositories.

use url::Url;

use crate::fetch::FetchError;
use crate::recipe::{MirrorUrl, Recipe, suggest};

use super::{FamilyError, OpenContext, Opened, Repository};

/// The recipe's mirrors, else the configured ones, else the default.
pub(super) fn mirrors(own: &[MirrorUrl], configured: &[MirrorUrl], default: &str) -> Vec<String> {
    let chosen = if own.is_empty() { configured } else { own };
    if chosen.is_empty() {
        return vec![default.to_owned()];
    }
    chosen.iter().map(ToString::to_string).collect()
}

/// The address as it may stand in an image: normalised, and without a user's name or password.
pub(super) fn public(mirror: &str) -> Result<String, FamilyError> {
    let refused = || FamilyError::Recipe(format!("mirror `{mirror}` is not an address of a host"));
    let mut url = Url::parse(mirror).map_err(|_| refused())?;
    url.set_username("").map_err(|()| refused())?;
    url.set_password(None).map_err(|()| refused())?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Refuses pins to repositories that the recipe does not have.
pub(super) fn check_pins(recipe: &Recipe, repositories: &[Repository]) -> Result<(), FamilyError> {
    let names = || repositories.iter().map(|known| known.name.as_str());
    for (package, wanted) in &recipe.pins {
        if !names().any(|name| name == wanted.as_str()) {
            return Err(FamilyError::Recipe(format!(
                "[packages.pin] `{package}` names repository `{wanted}`, which the recipe does not have (it has {}){}",
                names().collect::<Vec<_>>().join(", "),
                suggest::hint(wanted.as_str(), names()),
            )));
        }
    }
    Ok(())
}

/// The place of the repository that a package is pinned to.
pub(super) fn pinned(opened: &[Opened], package: &str, wanted: &str) -> Result<usize, FamilyError> {
    opened
        .iter()
        .position(|opened| opened.repository.name == wanted)
        .ok_or_else(|| {
            FamilyError::Recipe(format!(
                "package `{package}` is pinned to `{wanted}`, which is no repository"
            ))
        })
}

/// Notes the dates of repositories that were whole and good: none may go back behind them.
pub(super) fn record_seen(opened: &[Opened], context: &OpenContext<'_>) -> Result<(), FamilyError> {
    let dated = opened
        .iter()
        .filter(|opened| opened.repository.directory.is_none());
    for opened in dated {
        context
            .fetcher
            .cache()
            .record_seen(&opened.repository.identity(), opened.date)
            .map_err(FetchError::from)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::public;

    #[test]
    fn credentials_stay_out_of_the_image() {
        assert_eq!(
            public("https://user:secret@mirror.example.com/debian").expect("an address"),
            "https://mirror.example.com/debian"
        );
        assert_eq!(
            public("http://m/a b\nc").expect("an address"),
            "http://m/a%20bc"
        );
    }
}
