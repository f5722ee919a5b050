//! Catalogues in a small language, one candidate a line:
//!
//! ```text
//! name version: requirement, requirement; excluded, excluded; wish, wish
//! ```
//!
//! A requirement is alternatives joined by ` | `; `name` stands for every version, the first
//! listed first, and `name=version` for one.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::engine::Engine;
use super::*;

#[derive(Debug, Default)]
struct Book {
    candidates: Vec<(String, String, Result<Needs, String>)>,
    names: Vec<String>,
}

impl Book {
    fn read(text: &str) -> Self {
        let mut book = Self::default();
        let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
        for line in lines() {
            let head = line.split(':').next().unwrap_or_default();
            let (name, version) = head.split_once(' ').expect("a name and a version");
            if !book.names.iter().any(|known| known == name) {
                book.names.push(name.to_owned());
            }
            book.candidates
                .push((name.to_owned(), version.to_owned(), Ok(Needs::default())));
        }
        for (at, line) in lines().enumerate() {
            let body = line.split_once(':').map_or("", |(_, body)| body);
            let mut parts = body.split(';').map(|part| book.list(part));
            let mut next = || parts.next().unwrap_or_default();
            let requirements = next();
            let exclusions = next().into_iter().map(|excluded| Exclusion {
                verb: "conflicts with",
                target: excluded.text,
                provided: false,
                candidates: excluded.candidates,
            });
            let needs = Needs {
                exclusions: exclusions.collect(),
                wishes: next(),
                requirements,
            };
            book.candidates[at].2 = Ok(needs);
        }
        book
    }

    fn list(&self, text: &str) -> Vec<Requirement> {
        let entries = text.split(',').map(str::trim).filter(|e| !e.is_empty());
        entries
            .map(|entry| Requirement {
                text: entry.to_owned(),
                candidates: entry.split(" | ").flat_map(|a| self.matching(a)).collect(),
                note: None,
            })
            .collect()
    }

    fn matching(&self, pattern: &str) -> Vec<CandidateId> {
        let (name, version) = match pattern.split_once('=') {
            None => (pattern, None),
            Some((name, version)) => (name, Some(version)),
        };
        (0..self.candidates.len())
            .filter(|&at| self.candidates[at].0 == name)
            .filter(|&at| version.is_none_or(|v| self.candidates[at].1 == v))
            .map(|at| CandidateId(at as u32))
            .collect()
    }

    fn solve(&self, roots: &str) -> Result<Vec<String>, String> {
        self.solve_with(roots, false)
    }

    fn solve_with(&self, roots: &str, follow_wishes: bool) -> Result<Vec<String>, String> {
        let problem = Problem {
            origin: "the recipe",
            roots: self.list(roots),
            follow_wishes,
        };
        match solve(self, &problem) {
            Ok(solution) => Ok(solution.chosen.keys().map(|&c| self.display(c)).collect()),
            Err(conflict) => Err(conflict.to_string()),
        }
    }
}

impl Catalog for Book {
    fn name_of(&self, candidate: CandidateId) -> NameId {
        let name = &self.candidates[candidate.0 as usize].0;
        let at = self.names.iter().position(|known| known == name);
        NameId(at.expect("every candidate has a name") as u32)
    }

    fn candidates(&self, name: NameId) -> Vec<CandidateId> {
        self.matching(&self.names[name.0 as usize])
    }

    fn needs(&self, candidate: CandidateId) -> Result<Needs, String> {
        self.candidates[candidate.0 as usize].2.clone()
    }

    fn display_name(&self, name: NameId) -> String {
        self.names[name.0 as usize].clone()
    }

    fn display(&self, candidate: CandidateId) -> String {
        let (name, version, _) = &self.candidates[candidate.0 as usize];
        format!("{name} {version}")
    }
}

#[test]
fn the_first_alternative_wins_unless_another_is_there_already() {
    let book = Book::read("a 1: b | c\nb 1:\nc 1:\nd 1: c");
    assert_eq!(book.solve("a").expect("fits"), ["a 1", "b 1"]);
    assert_eq!(book.solve("a, c").expect("fits"), ["a 1", "c 1"]);
    assert_eq!(book.solve("d, a").expect("fits"), ["a 1", "c 1", "d 1"]);
}

#[test]
fn what_cannot_be_installed_is_passed_over() {
    let missing = Book::read("a 1: b | c\nb 1: nowhere\nc 1:");
    assert_eq!(missing.solve("a").expect("fits"), ["a 1", "c 1"]);
    let excluded = Book::read("a 1: b | c\nb 1: ; d\nc 1:\nd 1:");
    assert_eq!(excluded.solve("d, a").expect("fits"), ["a 1", "c 1", "d 1"]);
    // Only the solver sees that the first pick, good on its own, leads nowhere.
    let late = Book::read("a 1: b | c, d\nb 1:\nc 1:\nd 1: ; b");
    assert_eq!(late.solve("a").expect("fits"), ["a 1", "c 1", "d 1"]);
    let older = Book::read("a 1: b=1\nb 2:\nb 1:");
    assert_eq!(older.solve("b, a").expect("fits"), ["a 1", "b 1"]);
}

#[test]
fn nothing_is_chosen_that_nothing_asks_for() {
    let book = Book::read("a 1: b | c, d\nb 1: e\nc 1:\nd 1: ; b\ne 1:");
    assert_eq!(book.solve("a").expect("fits"), ["a 1", "c 1", "d 1"]);
}

#[test]
fn edges_say_what_satisfies_what() {
    let book = Book::read("a 1: b | c, c; ; d\nb 1:\nc 1: a\nd 1:");
    let problem = Problem {
        origin: "the recipe",
        roots: book.list("a"),
        follow_wishes: true,
    };
    let solution = solve(&book, &problem).expect("fits");
    let id = |name| book.matching(name)[0];
    let edges = Edges {
        requirements: vec![id("b"), id("c")],
        wishes: BTreeSet::from([id("d")]),
    };
    assert_eq!(solution.roots, [id("a")]);
    assert_eq!(solution.chosen[&id("a")], edges);
    assert_eq!(solution.chosen[&id("c")].requirements, [id("a")]);
}

#[test]
fn wishes_come_true_where_they_fit() {
    let book =
        Book::read("a 1: b; ; c, d | e, gone\nb 1:\nc 1: ; b\nd 1: nowhere\ne 1: ; ; f\nf 1:");
    assert_eq!(book.solve("a").expect("fits"), ["a 1", "b 1"]);
    let chosen = book.solve_with("a", true).expect("fits");
    assert_eq!(chosen, ["a 1", "b 1", "e 1", "f 1"]);
    // The same where the walk gives up and the solver answers.
    let book = Book::read("r 1: x | y, z\nx 1:\ny 1: ; ; w, v\nz 1: ; x\nw 1: z; y\nv 1:");
    let chosen = book.solve_with("r", true).expect("fits");
    assert_eq!(chosen, ["r 1", "y 1", "z 1", "v 1"]);
}

#[test]
fn a_missing_package_is_explained_by_its_chain() {
    let book = Book::read("foo 2: bar\nbar 1.0: libfoo (>= 2)");
    assert_eq!(
        book.solve("foo").expect_err("missing"),
        "nothing provides libfoo (>= 2), needed by bar 1.0, needed by foo 2, \
         needed by the recipe"
    );
    assert_eq!(
        book.solve("nowhere").expect_err("missing"),
        "nothing provides nowhere, needed by the recipe"
    );
}

#[test]
fn a_conflict_is_explained_from_both_sides() {
    let book = Book::read("x 1: postfix\npostfix 3.7: ; exim4\nexim4 4.96:");
    assert_eq!(
        book.solve("exim4, x").expect_err("conflict"),
        "exim4 and postfix cannot be installed together\n  \
         postfix 3.7 conflicts with exim4 4.96\n  \
         postfix 3.7 is needed by x 1, needed by the recipe\n  \
         exim4 4.96 is needed by the recipe"
    );
}

#[test]
fn two_versions_of_one_package_are_a_conflict() {
    let book = Book::read("a 1: b=1\nc 1: b=2\nb 1:\nb 2:");
    let text = book.solve("a, c").expect_err("conflict");
    assert!(
        text.starts_with("two versions of b cannot be installed together\n"),
        "{text}"
    );
    assert!(
        text.contains("is needed by a 1, needed by the recipe"),
        "{text}"
    );
    assert!(
        text.contains("is needed by c 1, needed by the recipe"),
        "{text}"
    );
}

#[test]
fn every_way_that_is_closed_is_listed() {
    let book = Book::read("a 1: b | c\nb 1: nowhere\nc 1: ; d\nd 1:");
    assert_eq!(
        book.solve("a, d").expect_err("conflict"),
        "no choice of packages satisfies the recipe\n  \
         c and d cannot be installed together\n    \
         c 1 conflicts with d 1\n    \
         c 1 is needed by a 1, needed by the recipe\n    \
         d 1 is needed by the recipe\n  \
         nothing provides nowhere, needed by b 1, needed by a 1, needed by the recipe"
    );
}

#[test]
fn a_candidate_that_cannot_be_read_is_passed_over_or_explained() {
    let mut book = Book::read("a 1: b | c\nb 1:\nc 1:");
    book.candidates[1].2 = Err("its Depends are malformed".to_owned());
    assert_eq!(book.solve("a").expect("fits"), ["a 1", "c 1"]);
    assert_eq!(
        book.solve("b").expect_err("unusable"),
        "b 1 cannot be used: its Depends are malformed, needed by the recipe"
    );
}

/// Whether the candidates of the bits in `set` satisfy everything.
fn holds(book: &Book, roots: &[Requirement], set: u32) -> bool {
    let chosen = |c: &CandidateId| set & (1 << c.0) != 0;
    let met = |r: &Requirement| r.candidates.iter().any(chosen);
    let mut names = BTreeSet::new();
    roots.iter().all(met)
        && (0..book.candidates.len())
            .map(|at| CandidateId(at as u32))
            .all(|id| {
                let Ok(needs) = &book.candidates[id.0 as usize].2 else {
                    return !chosen(&id);
                };
                let excluded = || needs.exclusions.iter().flat_map(|e| &e.candidates);
                !chosen(&id)
                    || (names.insert(book.name_of(id))
                        && needs.requirements.iter().all(met)
                        && !excluded().any(chosen))
            })
}

/// Catalogues of ten candidates under six names, dense enough that half of the requests clash.
fn books() -> impl Strategy<Value = Book> {
    let entry = prop::collection::vec(0..10_u8, 0..3);
    let line = (
        0..6_u8,
        prop::collection::vec(entry, 0..3),
        prop::collection::vec(0..10_u8, 0..2),
        prop::bool::weighted(0.05),
    );
    prop::collection::vec(line, 10).prop_map(|lines| {
        let ids = |list: &[u8]| {
            list.iter()
                .map(|&c| CandidateId(c.into()))
                .collect::<Vec<_>>()
        };
        let name = |at: u8| format!("p{}", lines[usize::from(at)].0);
        let mut book = Book::default();
        for (at, (own, requirements, excluded, broken)) in lines.iter().enumerate() {
            let own = format!("p{own}");
            if !book.names.contains(&own) {
                book.names.push(own.clone());
            }
            let excluded: Vec<_> = excluded
                .iter()
                .copied()
                .filter(|&c| name(c) != own)
                .collect();
            let needs = Needs {
                requirements: requirements
                    .iter()
                    .map(|list| Requirement {
                        text: format!("{list:?}"),
                        candidates: ids(list),
                        note: None,
                    })
                    .collect(),
                exclusions: vec![Exclusion {
                    verb: "conflicts with",
                    target: "something".to_owned(),
                    provided: true,
                    candidates: ids(&excluded),
                }],
                wishes: Vec::new(),
            };
            let answer = if *broken {
                Err("broken".to_owned())
            } else {
                Ok(needs)
            };
            book.candidates.push((own, at.to_string(), answer));
        }
        book
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// Against all 1,024 choices: an answer is right, none is missed, every failure is explained
    /// and the same comes out each time; for the walk with the solver behind it, and for the
    /// solver alone.
    #[test]
    fn an_answer_is_right_and_none_is_missed(
        book in books(),
        roots in prop::collection::vec(prop::collection::vec(0..10_u32, 1..3), 1..4),
    ) {
        let roots: Vec<_> = roots
            .into_iter()
            .map(|ids| Requirement {
                text: format!("{ids:?}"),
                candidates: ids.into_iter().map(CandidateId).collect(),
                note: None,
            })
            .collect();
        let possible = (0..1 << book.candidates.len()).any(|set| holds(&book, &roots, set));
        let problem = Problem { origin: "the test", roots: roots.clone(), follow_wishes: false };
        let bits = |ids: &mut dyn Iterator<Item = &CandidateId>| ids.fold(0, |set, id| set | (1 << id.0));
        let whole = solve(&book, &problem);
        let alone = Engine::new(&book).solve("the test", &roots);
        prop_assert_eq!(&whole, &solve(&book, &problem));
        prop_assert_eq!(&alone, &Engine::new(&book).solve("the test", &roots));
        let sets = [
            whole.map(|solution| bits(&mut solution.chosen.keys())),
            alone.map(|chosen| bits(&mut chosen.iter())),
        ];
        for set in sets {
            match set {
                Ok(set) => prop_assert!(holds(&book, &roots, set)),
                Err(conflict) => {
                    prop_assert!(!possible, "a choice was missed");
                    prop_assert!(!conflict.clashes.is_empty());
                    prop_assert!(!conflict.to_string().is_empty());
                }
            }
        }
    }
}

#[test]
fn a_long_chain_needs_no_stack() {
    let book = Chain(20_000);
    let problem = Problem {
        origin: "the test",
        roots: vec![book.requirement(0)],
        follow_wishes: false,
    };
    assert_eq!(solve(&book, &problem).expect("fits").chosen.len(), 20_000);
}

/// Candidate n requires candidate n + 1.
struct Chain(usize);

impl Chain {
    fn requirement(&self, at: u32) -> Requirement {
        Requirement {
            text: at.to_string(),
            candidates: vec![CandidateId(at)],
            note: None,
        }
    }
}

impl Catalog for Chain {
    fn name_of(&self, candidate: CandidateId) -> NameId {
        NameId(candidate.0)
    }

    fn candidates(&self, name: NameId) -> Vec<CandidateId> {
        vec![CandidateId(name.0)]
    }

    fn needs(&self, candidate: CandidateId) -> Result<Needs, String> {
        let next = candidate.0 + 1;
        let requirements = match (next as usize) < self.0 {
            true => vec![self.requirement(next)],
            false => Vec::new(),
        };
        Ok(Needs {
            requirements,
            ..Needs::default()
        })
    }

    fn display_name(&self, name: NameId) -> String {
        name.0.to_string()
    }

    fn display(&self, candidate: CandidateId) -> String {
        candidate.0.to_string()
    }
}
