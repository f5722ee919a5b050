//! Which paths of packages an image has: dpkg's `path-exclude` and `path-include` (dpkg(1)).

use glob::{MatchOptions, Pattern};

use super::values::PathPattern;

/// fnmatch(3) without flags, as dpkg calls it: wildcards match `/` and a leading dot.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: false,
    require_literal_leading_dot: false,
};

/// Paths left out of every package.
#[derive(Clone, Debug, Default)]
pub struct PathFilters {
    exclude: Vec<(PathPattern, Pattern)>,
    include: Vec<(PathPattern, Pattern)>,
}

impl PathFilters {
    /// Filters that leave out what `exclude` matches and `include` does not.
    pub fn new(
        exclude: impl IntoIterator<Item = PathPattern>,
        include: impl IntoIterator<Item = PathPattern>,
    ) -> Self {
        Self {
            exclude: compiled(exclude),
            include: compiled(include),
        }
    }

    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.exclude.is_empty()
    }

    /// The patterns of what is left out, in order.
    pub fn excluded(&self) -> impl Iterator<Item = &PathPattern> {
        self.exclude.iter().map(|(text, _)| text)
    }

    /// The patterns of what is kept all the same, in order.
    pub fn included(&self) -> impl Iterator<Item = &PathPattern> {
        self.include.iter().map(|(text, _)| text)
    }

    /// Whether dpkg would leave out `path`, absolute. `leads_on` says that it is a directory or a
    /// symbolic link, which dpkg keeps where a pattern of `include` may reach below it.
    pub fn skips(&self, path: &str, leads_on: bool) -> bool {
        let matches = |(_, pattern): &(PathPattern, Pattern)| pattern.matches_with(path, OPTIONS);
        if !self.exclude.iter().any(matches) || self.include.iter().any(matches) {
            return false;
        }
        let may_reach = |(text, _): &(PathPattern, Pattern)| {
            let text = text.as_str();
            let fixed = &text[..text.find(['*', '?', '[']).unwrap_or(text.len())];
            let directory = &fixed[..fixed.rfind('/').unwrap_or(0)];
            path.starts_with(directory) || directory.starts_with(path)
        };
        !(leads_on && self.include.iter().any(may_reach))
    }

    /// The lines of a file for `/etc/dpkg/dpkg.cfg.d`, with which dpkg keeps to the choice.
    pub fn configuration(&self) -> String {
        let exclude = self.excluded().map(|text| format!("path-exclude={text}\n"));
        let include = self.included().map(|text| format!("path-include={text}\n"));
        exclude.chain(include).collect()
    }
}

fn compiled(patterns: impl IntoIterator<Item = PathPattern>) -> Vec<(PathPattern, Pattern)> {
    patterns
        .into_iter()
        .filter_map(|text| {
            // A `PathPattern` has been parsed once already.
            let pattern = Pattern::new(text.as_str()).ok()?;
            Some((text, pattern))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(exclude: &[&str], include: &[&str]) -> PathFilters {
        let parsed = |texts: &[&str]| -> Vec<PathPattern> {
            texts.iter().map(|text| text.parse().expect(text)).collect()
        };
        PathFilters::new(parsed(exclude), parsed(include))
    }

    #[test]
    fn wildcards_match_slashes_and_inclusion_wins() {
        let filters = filters(
            &["/usr/share/doc/*", "/usr/bin/ctr"],
            &["/usr/share/doc/*/copyright"],
        );
        for (path, leads_on, skipped) in [
            ("/usr/share/doc/bash/README", false, true),
            ("/usr/share/doc/bash/examples/x", false, true),
            ("/usr/share/doc/bash/copyright", false, false),
            ("/usr/share/doc/bash", true, false),
            ("/usr/share/doc", true, false),
            ("/usr/bin/ctr", false, true),
            ("/usr/bin/ctr2", false, false),
        ] {
            assert_eq!(filters.skips(path, leads_on), skipped, "{path}");
        }
    }

    #[test]
    fn a_directory_goes_where_nothing_below_it_comes_back() {
        let filters = filters(&["/usr/share/man/*"], &["/usr/share/doc/*/copyright"]);
        assert!(filters.skips("/usr/share/man/man1", true));
        assert!(!filters.skips("/usr/share/man", true));
    }

    #[test]
    fn dpkg_is_told_in_its_own_words() {
        assert_eq!(
            filters(&["/usr/share/man/*"], &["/usr/share/man/man1/*"]).configuration(),
            "path-exclude=/usr/share/man/*\npath-include=/usr/share/man/man1/*\n"
        );
    }
}
