//! Amounts of memory and of time, as the kinds of manifests write them.

/// A quantity of Kubernetes, in bytes: `3Gi`, `500M`, `1e9`.
pub fn kubernetes(text: &str) -> Option<f64> {
    let text = text.trim();
    let units = [
        ("Ki", 1024.0),
        ("Mi", 1024.0 * 1024.0),
        ("Gi", 1024f64.powi(3)),
        ("Ti", 1024f64.powi(4)),
        ("Pi", 1024f64.powi(5)),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    scaled(text, &units)
}

/// An amount of memory in a Compose file or an option of `docker run`, in bytes: `512m`, `2gb`.
pub fn compose(text: &str) -> Option<f64> {
    let text = text.trim().to_ascii_lowercase();
    let text = text.strip_suffix('b').unwrap_or(&text);
    let text = text.strip_suffix('i').unwrap_or(text);
    let units = [
        ("k", 1024.0),
        ("m", 1024.0 * 1024.0),
        ("g", 1024f64.powi(3)),
        ("t", 1024f64.powi(4)),
    ];
    scaled(text, &units)
}

fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let unit = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1.0));
    let number: f64 = number.trim().parse().ok()?;
    let bytes = number * factor;
    (bytes.is_finite() && bytes >= 0.0).then_some(bytes)
}

/// A duration of a Compose file, in seconds: `1m30s`, `500ms`.
pub fn seconds(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut seconds = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (number, tail) = rest.split_at(end.unwrap_or(rest.len()));
        let number: f64 = number.parse().ok()?;
        let end = tail.find(|c: char| !c.is_ascii_alphabetic());
        let (unit, tail) = tail.split_at(end.unwrap_or(tail.len()));
        seconds += number
            * match unit {
                "us" | "ns" => 0.0,
                "ms" => 1e-3,
                "s" | "" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86400.0,
                _ => return None,
            };
        rest = tail;
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_their_readers_do() {
        assert_eq!(kubernetes("3Gi"), Some(3.0 * 1024f64.powi(3)));
        assert_eq!(kubernetes("1e9"), Some(1e9));
        assert_eq!(kubernetes("500M"), Some(5e8));
        assert_eq!(kubernetes("much"), None);
        assert_eq!(compose("2gb"), compose("2048m"));
        assert_eq!(compose("1024"), compose("1k"));
        assert_eq!(seconds("1m30s"), Some(90.0));
        assert_eq!(seconds("500ms"), Some(0.5));
        assert_eq!(seconds("10"), Some(10.0));
        for text in ["", "s", "1x", "é", "1mé"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
