//! Values that are written as text: in JSON, TOML and on the command line alike.

/// Serialises a type as its `Display` form and reads it by `FromStr`.
macro_rules! serde_as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use serde_as_text;

/// A text of somebody else's for a terminal, a log or a comment: control characters, which clear
/// screens and begin lines that CI systems run, are written out.
pub fn printable(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        // Of these YAML 1.1 takes two more for ends of lines.
        match c.is_control() || ['\u{2028}', '\u{2029}'].contains(&c) {
            true => plain.extend(c.escape_default()),
            false => plain.push(c),
        }
    }
    plain
}
