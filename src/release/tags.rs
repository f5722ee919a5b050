//! Where tags lead and where they are to lead: what moves, and what must not.

use crate::digest::Digest;
use crate::registry::{Repository, Tag};

/// The tags of an image.
#[derive(Clone, Debug, Default)]
pub struct Tags {
    /// Those that move to the newest image.
    pub moving: Vec<Tag>,
    /// Those that stay where they are once they are there.
    pub fixed: Vec<Tag>,
}

/// What becomes of the tags of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagPlan {
    /// Where they are.
    pub repository: Repository,
    /// Where all of them will lead.
    pub to: Digest,
    /// Each tag.
    pub moves: Vec<Move>,
}

/// What becomes of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The tag.
    pub tag: Tag,
    /// Where it leads now, if it is there.
    pub from: Option<Digest>,
    /// Whether it must not move.
    pub fixed: bool,
}

/// A tag that must not move would.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name} is immutable and leads to {}, not to {}; publish under another tag, or say --move-immutable", change.0, change.1
)]
pub struct Refusal {
    name: String,
    change: Box<(Digest, Digest)>,
}

impl Tags {
    /// All of them, those that stay first: once they are there, nobody takes them away.
    pub fn all(&self) -> impl Iterator<Item = &Tag> {
        self.fixed.iter().chain(&self.moving)
    }

    /// Asks `resolve` where each leads now.
    pub(super) fn plan<E>(
        &self,
        repository: &Repository,
        to: Digest,
        resolve: impl Fn(&Tag) -> Result<Option<Digest>, E>,
    ) -> Result<TagPlan, E> {
        let fixed = self.fixed.iter().map(|tag| (tag, true));
        let moving = self.moving.iter().map(|tag| (tag, false));
        let moves = fixed
            .chain(moving)
            .map(|(tag, fixed)| {
                Ok(Move {
                    tag: tag.clone(),
                    from: resolve(tag)?,
                    fixed,
                })
            })
            .collect::<Result<_, E>>()?;
        Ok(TagPlan {
            repository: repository.clone(),
            to,
            moves,
        })
    }
}

impl TagPlan {
    /// Fails for a tag that must not move and would.
    pub fn check(&self) -> Result<(), Refusal> {
        let refused = self.moves.iter().find_map(|one| {
            let from = one.from.filter(|from| one.fixed && *from != self.to)?;
            Some(Refusal {
                name: format!("{}:{}", self.repository, one.tag),
                change: Box::new((from, self.to)),
            })
        });
        refused.map_or(Ok(()), Err)
    }

    /// A line for each tag.
    pub fn lines(&self) -> Vec<String> {
        let line = |one: &Move| {
            let name = format!("{}:{}", self.repository, one.tag);
            let kind = if one.fixed { " (immutable)" } else { "" };
            match one.from {
                None => format!("{name}{kind}: new, {}", self.to),
                Some(from) if from == self.to => format!("{name}{kind}: stays at {from}"),
                Some(from) => format!("{name}{kind}: {from} -> {}", self.to),
            }
        };
        self.moves.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags() -> Tags {
        let tag = |text: &str| text.parse().expect("a tag");
        Tags {
            moving: vec![tag("bookworm")],
            fixed: vec![tag("1.2")],
        }
    }

    fn plan(old: &str, new: &str) -> TagPlan {
        let repository = "r.example/x".parse().expect("a repository");
        let from = Some(Digest::of(old));
        let resolve = |_: &Tag| Ok::<_, ()>(from);
        let plan = tags().plan(&repository, Digest::of(new), resolve);
        plan.expect("a plan")
    }

    #[test]
    fn a_tag_that_is_immutable_moves_nowhere_but_may_stay() {
        let error = plan("a", "b").check().expect_err("refused").to_string();
        assert!(error.starts_with("r.example/x:1.2 is immutable"), "{error}");
        assert!(plan("a", "a").check().is_ok());
        let lines = plan("a", "b").lines();
        assert!(lines[1].contains("bookworm: sha256:") && lines[1].contains("->"));
        assert!(plan("a", "a").lines()[1].contains("stays at"));
    }
}
