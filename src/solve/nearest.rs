//! Names near a misspelt one.

/// Names below this similarity do not help the reader.
const THRESHOLD: f64 = 0.75;

/// More suggestions than this are noise.
const MOST: usize = 3;

/// The names most similar to `wanted` (Jaro-Winkler, which favours a common beginning), the
/// nearest first and equally near ones in order of name. Empty where none is near.
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut ranked: Vec<_> = names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(wanted, name), name))
        .filter(|(similarity, _)| *similarity >= THRESHOLD)
        .collect();
    ranked.sort_by(|(a, left), (b, right)| b.total_cmp(a).then_with(|| left.cmp(right)));
    ranked.truncate(MOST);
    ranked.into_iter().map(|(_, name)| name).collect()
}

/// The end of a sentence about a name that is not there.
pub fn suggestion(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        _ => format!("; did you mean {}?", nearest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first_and_far_ones_not_at_all() {
        let names = ["docker.io", "docker-doc", "iptables", "containerd"];
        assert_eq!(nearest("docker.oi", names)[0], "docker.io");
        assert_eq!(nearest("iptable", names), ["iptables"]);
        assert!(nearest("zzz", names).is_empty());
    }
}
