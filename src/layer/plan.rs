//! The look at a whole layer before its first byte is written.

use std::collections::BTreeMap;

use crate::tree::{Kind, TreePath};

use super::error::{EntryError, LayerError};
use super::segment::LayerInput;
use super::tar;

/// What is known of a layer beforehand.
pub(super) struct Plan {
    /// Tar bytes of each segment.
    pub segments: Vec<u64>,
    /// Tar bytes of the layer, the end of the archive included.
    pub total: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Directory,
    File,
    Other,
}

/// Checks every entry and adds up their sizes.
pub(super) fn plan(input: &LayerInput) -> Result<Plan, LayerError> {
    let mut seen: BTreeMap<&TreePath, Seen> = BTreeMap::new();
    let mut segments = Vec::with_capacity(input.segments.len());
    for segment in &input.segments {
        let mut length = 0;
        for (path, node) in &segment.entries {
            let fail = |reason| LayerError::Entry {
                layer: input.name.clone(),
                path: path.clone(),
                reason,
            };
            let is = match &node.kind {
                Kind::Directory => Seen::Directory,
                Kind::File(_) => Seen::File,
                _ => Seen::Other,
            };
            if let Kind::Hardlink(target) = &node.kind
                && seen.get(target) != Some(&Seen::File)
            {
                return Err(fail(EntryError::Hardlink(target.clone())));
            }
            match seen.insert(path, is) {
                None => {}
                Some(Seen::Directory) if is == Seen::Directory => {}
                Some(_) => return Err(fail(EntryError::Duplicate)),
            }
            length += tar::header(path, node).map_err(fail)?.len() as u64;
            if let Kind::File(content) = &node.kind {
                length += content.len() + tar::padding(content.len()) as u64;
            }
        }
        segments.push(length);
    }
    let total = segments.iter().sum::<u64>() + tar::END_OF_ARCHIVE.len() as u64;
    Ok(Plan { segments, total })
}

#[cfg(test)]
mod tests {
    use super::super::segment::Segment;
    use super::*;
    use crate::tree::{Content, Meta, Node};

    fn layer(entries: Vec<(&str, Kind)>) -> LayerInput {
        let entries = entries
            .into_iter()
            .map(|(path, kind)| {
                let meta = Meta::root(0o644, 0);
                (TreePath::parse(path).expect(path), Node { kind, meta })
            })
            .collect();
        LayerInput {
            name: "base".to_owned(),
            segments: vec![Segment { key: None, entries }],
        }
    }

    fn refusal(entries: Vec<(&str, Kind)>) -> EntryError {
        match plan(&layer(entries)) {
            Err(LayerError::Entry { reason, .. }) => reason,
            _ => panic!("accepted"),
        }
    }

    #[test]
    fn directories_may_repeat_and_nothing_else() {
        let file = || Kind::File(Content::from("x"));
        let twice = layer(vec![("usr", Kind::Directory), ("usr", Kind::Directory)]);
        assert_eq!(plan(&twice).expect("accepted").total, 1024 + 1024);
        for (first, second) in [
            (file(), file()),
            (Kind::Directory, file()),
            (file(), Kind::Directory),
        ] {
            let reason = refusal(vec![("usr", first), ("usr", second)]);
            assert_eq!(reason, EntryError::Duplicate);
        }
    }

    #[test]
    fn a_hard_link_comes_after_its_file() {
        let target = TreePath::parse("bin/perl").expect("valid");
        let link = || ("bin/perl5", Kind::Hardlink(target.clone()));
        let file = || ("bin/perl", Kind::File(Content::from("x")));
        assert!(plan(&layer(vec![file(), link()])).is_ok());
        let expected = EntryError::Hardlink(target.clone());
        assert_eq!(refusal(vec![link(), file()]), expected);
        assert_eq!(
            refusal(vec![("bin/perl", Kind::Directory), link()]),
            expected
        );
    }

    #[test]
    fn messages_name_layer_and_path() {
        let error = plan(&layer(vec![("etc/.wh.x", Kind::Fifo)])).err();
        let text = error.expect("refused").to_string();
        assert!(text.starts_with("layer base: /etc/.wh.x: "), "{text}");
    }
}
