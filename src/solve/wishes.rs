//! Wishes: requirements that are satisfied where that costs nothing already chosen.

use std::collections::BTreeSet;

use super::engine::Engine;
use super::{CandidateId, Catalog, Problem, Requirement};

/// Adds to `chosen` what satisfies the wishes of what is chosen, and of what comes with that,
/// until no wish is left that fits. What was chosen before stays.
///
/// A round tries all open wishes at once and halves the batch where it does not fit, so that a
/// wish that cannot come true costs a few solver runs, not the others.
pub(super) fn follow<C: Catalog>(
    engine: &Engine<'_, C>,
    problem: &Problem<'_>,
    mut chosen: BTreeSet<CandidateId>,
) -> BTreeSet<CandidateId> {
    let mut asked: BTreeSet<CandidateId> = BTreeSet::new();
    let mut granted: Vec<Requirement> = Vec::new();
    loop {
        let new: Vec<_> = chosen.difference(&asked).copied().collect();
        let open = open_wishes(engine, &new, &chosen);
        asked.extend(new);
        if open.is_empty() {
            return chosen;
        }
        grant(engine, problem, &open, &mut granted, &mut chosen);
    }
}

/// The wishes of `askers` that `chosen` leaves open and that something could satisfy.
fn open_wishes<C: Catalog>(
    engine: &Engine<'_, C>,
    askers: &[CandidateId],
    chosen: &BTreeSet<CandidateId>,
) -> Vec<Requirement> {
    let mut open = Vec::new();
    for &asker in askers {
        if let Ok(needs) = engine.needs(asker).as_ref() {
            open.extend(
                needs
                    .wishes
                    .iter()
                    .filter(|wish| !wish.candidates.is_empty())
                    .filter(|wish| !wish.candidates.iter().any(|c| chosen.contains(c)))
                    .cloned(),
            );
        }
    }
    open
}

fn grant<C: Catalog>(
    engine: &Engine<'_, C>,
    problem: &Problem<'_>,
    wishes: &[Requirement],
    granted: &mut Vec<Requirement>,
    chosen: &mut BTreeSet<CandidateId>,
) {
    let kept = chosen.iter().map(|&candidate| Requirement {
        text: String::new(),
        candidates: vec![candidate],
        note: None,
    });
    let roots: Vec<_> = problem
        .roots
        .iter()
        .chain(granted.iter())
        .chain(wishes)
        .cloned()
        .chain(kept)
        .collect();
    if let Some(more) = engine.choose(&roots) {
        *chosen = more;
        granted.extend_from_slice(wishes);
    } else if wishes.len() > 1 {
        let (first, second) = wishes.split_at(wishes.len() / 2);
        grant(engine, problem, first, granted, chosen);
        grant(engine, problem, second, granted, chosen);
    }
}
