//! The names of a catalogue, by number and by text.

use std::collections::HashMap;

use super::{CandidateId, NameId};

/// Every name that packages have or provide; `P` is a provider as its family keeps it.
#[derive(Debug)]
pub struct Names<P> {
    entries: Vec<Name<P>>,
    ids: HashMap<Box<str>, NameId>,
}

/// A name and what answers to it.
#[derive(Debug)]
pub struct Name<P> {
    /// The name.
    pub text: Box<str>,
    /// The packages of this name, in the order in which they were added.
    pub versions: Vec<CandidateId>,
    /// The packages that provide it.
    pub providers: Vec<P>,
}

impl<P> Default for Names<P> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            ids: HashMap::new(),
        }
    }
}

impl<P> Names<P> {
    /// The number of a name, which is added if it is new.
    pub fn number(&mut self, text: &str) -> NameId {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let id = NameId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.entries.push(Name {
            text: text.into(),
            versions: Vec::new(),
            providers: Vec::new(),
        });
        self.ids.insert(text.into(), id);
        id
    }

    /// The number of a name that is there.
    pub fn find(&self, text: &str) -> Option<NameId> {
        self.ids.get(text).copied()
    }

    /// The name of a number.
    pub fn get(&self, id: NameId) -> &Name<P> {
        &self.entries[id.0 as usize]
    }

    /// The same, to be added to.
    pub fn get_mut(&mut self, id: NameId) -> &mut Name<P> {
        &mut self.entries[id.0 as usize]
    }

    /// Every name in the order of its number.
    pub fn iter(&self) -> impl Iterator<Item = &Name<P>> {
        self.entries.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number() {
        let mut names = Names::<CandidateId>::default();
        let a = names.number("a");
        let b = names.number("b");
        assert_eq!((names.number("a"), names.find("b")), (a, Some(b)));
        assert_eq!((&*names.get(b).text, names.find("c")), ("b", None));
        names.get_mut(a).versions.push(CandidateId(7));
        assert_eq!(names.get(a).versions, [CandidateId(7)]);
    }
}
