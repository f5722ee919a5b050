//! The nearest of the accepted words, for errors that suggest what was meant.

/// Words further apart than this share too little to be a typing mistake.
const FLOOR: f64 = 0.72;

/// The option most like `given`, if one is close enough to be a typing mistake.
pub fn nearest<'a>(given: &str, options: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    options
        .into_iter()
        .map(|option| (strsim::jaro_winkler(given, option), option))
        .filter(|(likeness, _)| *likeness >= FLOOR)
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))
        .map(|(_, option)| option)
}

/// `; did you mean `x`?`, or nothing when no option is close.
pub fn hint<'a>(given: &str, options: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, options).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_mistakes_find_their_word_and_strangers_find_none() {
        let words = ["iptables", "image", "init", "platforms"];
        assert_eq!(nearest("iptabels", words), Some("iptables"));
        assert_eq!(nearest("platform", words), Some("platforms"));
        assert_eq!(nearest("zebra", words), None);
        assert_eq!(hint("imgae", words), "; did you mean `image`?");
    }
}
