//! A value of a document and the way to it.

use super::yaml::{Node, Value};
use crate::text::printable;

/// Longest key that a path writes out.
const KEY: usize = 64;

/// Where something stands, or would.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The number of the document, from zero.
    pub document: usize,
    /// The line of the nearest value that exists, from one.
    pub line: usize,
    /// Keys and numbers from the document's top.
    pub path: String,
}

impl Place {
    /// The place of a key of it, whether it exists or not.
    pub fn key(&self, key: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
        let name: String = printable(key).chars().take(KEY).collect();
        let path = match (name.chars().all(plain), &*self.path) {
            (false, path) => format!("{path}[\"{name}\"]"),
            (true, "") => name,
            (true, path) => format!("{path}.{name}"),
        };
        Self {
            path,
            ..self.clone()
        }
    }

    fn item(&self, number: usize, line: usize) -> Self {
        Self {
            document: self.document,
            line,
            path: format!("{}[{number}]", self.path),
        }
    }
}

/// A value that exists.
#[derive(Clone, Debug)]
pub struct Field<'t> {
    node: &'t Node,
    /// Where it stands.
    pub place: Place,
}

impl<'t> Field<'t> {
    /// A document.
    pub fn document(number: usize, node: &'t Node) -> Self {
        let place = Place {
            document: number,
            line: node.line,
            path: String::new(),
        };
        Self { node, place }
    }

    /// The value of a key, if there is one and it is not null.
    pub fn get(&self, key: &str) -> Option<Self> {
        let Value::Map(entries) = &self.node.value else {
            return None;
        };
        let entry = entries.get(key)?;
        let mut place = self.place.key(key);
        place.line = entry.line;
        let null = matches!(entry.value.value, Value::Null);
        (!null).then_some(Self {
            node: &entry.value,
            place,
        })
    }

    /// The value at the end of a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<Self> {
        let (first, rest) = path.split_first()?;
        rest.iter()
            .try_fold(self.get(first)?, |field, key| field.get(key))
    }

    /// The text of a key.
    pub fn word(&self, key: &str) -> Option<&'t str> {
        self.get(key).and_then(|field| field.text())
    }

    /// Whether a key says yes.
    pub fn says(&self, key: &str) -> bool {
        self.word(key).is_some_and(yes)
    }

    /// The place of the last key of a path that exists, followed by those that do not.
    pub fn nearest(&self, path: &[&str]) -> Place {
        let Some((first, rest)) = path.split_first() else {
            return self.place.clone();
        };
        match self.get(first) {
            Some(field) => field.nearest(rest),
            None => rest
                .iter()
                .fold(self.place.key(first), |place, key| place.key(key)),
        }
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&'t str> {
        match &self.node.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// The number of a scalar.
    pub fn number(&self) -> Option<u64> {
        self.text().and_then(|text| text.trim().parse().ok())
    }

    /// The items of a list; none of anything else.
    pub fn items(&self) -> Vec<Self> {
        let Value::List(list) = &self.node.value else {
            return Vec::new();
        };
        let item = |(number, node): (usize, &'t std::rc::Rc<Node>)| Self {
            node,
            place: self.place.item(number, node.line),
        };
        list.iter().enumerate().map(item).collect()
    }

    /// The items of a list that a key has.
    pub fn list(&self, key: &str) -> Vec<Self> {
        self.get(key).map_or_else(Vec::new, |field| field.items())
    }

    /// The entries of a mapping, null ones too; none of anything else.
    pub fn entries(&self) -> Vec<(&'t str, Self)> {
        let Value::Map(entries) = &self.node.value else {
            return Vec::new();
        };
        let entry = |(key, entry): (&'t String, &'t super::yaml::Entry)| {
            let mut place = self.place.key(key);
            place.line = entry.line;
            let node = &*entry.value;
            (key.as_str(), Self { node, place })
        };
        entries.iter().map(entry).collect()
    }

    /// The place of a key that exists, whatever its value.
    pub fn entry(&self, key: &str) -> Option<Place> {
        let Value::Map(entries) = &self.node.value else {
            return None;
        };
        let mut place = self.place.key(key);
        place.line = entries.get(key)?.line;
        Some(place)
    }

    /// Whether it is a list.
    pub fn is_list(&self) -> bool {
        matches!(self.node.value, Value::List(_))
    }

    /// Whether it is a mapping.
    pub fn is_map(&self) -> bool {
        matches!(self.node.value, Value::Map(_))
    }
}

/// What readers of manifests take for a truth: YAML 1.1 has more words for it than 1.2.
pub fn yes(text: &str) -> bool {
    ["true", "yes", "on"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::super::yaml::documents;
    use super::*;

    #[test]
    fn a_place_is_of_what_exists_and_names_what_does_not() {
        let text = "a:\n  b:\n    - c\n    - d: {e: 1}\n\"x y\":\n  z.w: 1\n";
        let tree = documents(text).expect("YAML");
        let document = Field::document(0, &tree[0]);
        let missing = document.nearest(&["a", "f", "g"]);
        assert_eq!((missing.path.as_str(), missing.line), ("a.f.g", 1));
        let item = document.at(&["a", "b"]).expect("a list").items()[1].clone();
        assert_eq!((item.place.path.as_str(), item.place.line), ("a.b[1]", 4));
        let odd = document.at(&["x y", "z.w"]).expect("a number").place;
        assert_eq!((odd.path.as_str(), odd.line), ("[\"x y\"][\"z.w\"]", 6));
    }

    #[test]
    fn merge_keys_give_way_and_aliases_share() {
        let text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  x: 5\nd: *a\n";
        let tree = documents(text).expect("YAML");
        let document = Field::document(0, &tree[0]);
        let c = document.get("c").expect("c");
        let word = |key| c.word(key).expect("a word");
        assert_eq!([word("x"), word("y"), word("z")], ["5", "2", "4"]);
        let d = document.get("d").expect("d");
        assert_eq!((d.place.line, d.word("y")), (6, Some("2")));
    }
}
