//! Why there is no solution, in the words of packages.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::{self, Write as _};

use resolvo::conflict::{ConflictCause, ConflictEdge, ConflictGraph, ConflictNode};

use super::engine::{Engine, candidate, read_set};
use super::{CandidateId, Catalog, Requirement};

/// An explanation longer than this helps nobody; the clashes nearest to the request come first.
const MOST_CLASHES: usize = 8;

/// Why a problem has no solution. [`fmt::Display`] renders the explanation over several lines,
/// without a final line break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Conflict {
    /// Who asked: [`super::Problem::origin`].
    pub origin: String,
    /// What cannot be had, the nearest to the request first. Together they close every way.
    pub clashes: Vec<Clash>,
    /// How many more there are than are listed.
    pub omitted: usize,
}

/// One reason why a choice is not possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clash {
    /// Nothing satisfies a requirement.
    Missing {
        /// The requirement as written.
        text: String,
        /// What came close.
        note: Option<String>,
        /// Who needs it, up to the request.
        chain: Vec<String>,
    },
    /// Two packages exclude each other.
    Pair {
        /// The name of the package that excludes the other.
        left: String,
        /// The name of the other.
        right: String,
        /// The relation between them in a sentence.
        reason: String,
        /// What is needed, beginning with the package itself, up to the request.
        left_chain: Vec<String>,
        /// The same for the other package.
        right_chain: Vec<String>,
    },
    /// A package cannot be used at all.
    Unusable {
        /// The package.
        package: String,
        /// Why.
        reason: String,
        /// Who needs it, up to the request.
        chain: Vec<String>,
    },
}

impl Conflict {
    pub(super) fn unexplained(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            clashes: Vec::new(),
            omitted: 0,
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = &self.clashes[..] {
            return f.write_str(&only.render(&self.origin));
        }
        write!(f, "no choice of packages satisfies {}", self.origin)?;
        for clash in &self.clashes {
            for line in clash.render(&self.origin).lines() {
                write!(f, "\n  {line}")?;
            }
        }
        match self.omitted {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more of the kind"),
        }
    }
}

impl Clash {
    fn render(&self, origin: &str) -> String {
        match self {
            Self::Missing { text, note, chain } => {
                let note = note
                    .iter()
                    .fold(String::new(), |_, note| format!(" ({note})"));
                format!("nothing provides {text}{note}{}", needed(chain, origin))
            }
            Self::Unusable {
                package,
                reason,
                chain,
            } => format!(
                "{package} cannot be used: {reason}{}",
                needed(chain, origin)
            ),
            Self::Pair {
                left,
                right,
                reason,
                left_chain,
                right_chain,
            } => {
                let mut names = [left, right];
                names.sort();
                let mut text = if left == right {
                    format!("two versions of {left} cannot be installed together")
                } else {
                    format!("{} and {} cannot be installed together", names[0], names[1])
                };
                let _ = write!(text, "\n  {reason}");
                for chain in [left_chain, right_chain] {
                    if let Some((package, above)) = chain.split_first() {
                        let above = needed(above, origin);
                        let above = above.strip_prefix(", ").unwrap_or(&above);
                        let _ = write!(text, "\n  {package} is {above}");
                    }
                }
                text
            }
        }
    }
}

/// `, needed by a, needed by b, needed by the recipe`
fn needed(chain: &[String], origin: &str) -> String {
    let mut text = String::new();
    for name in chain.iter().map(String::as_str).chain([origin]) {
        text.push_str(", needed by ");
        text.push_str(name);
    }
    text
}

/// Turns the solver's conflict graph into clashes.
pub(super) fn explain<C: Catalog>(
    engine: &Engine<'_, C>,
    origin: &str,
    roots: &[Requirement],
    graph: &ConflictGraph,
) -> Conflict {
    let reader = Reader::new(engine, roots, graph);
    let mut clashes = reader.clashes();
    let omitted = clashes.len().saturating_sub(MOST_CLASHES);
    clashes.truncate(MOST_CLASHES);
    Conflict {
        origin: origin.to_owned(),
        clashes,
        omitted,
    }
}

/// The graph with the shortest way from each node to the request.
struct Reader<'g, 'c, C> {
    engine: &'g Engine<'c, C>,
    roots: &'g [Requirement],
    graph: &'g ConflictGraph,
    /// The node that requires a node, on a shortest way; distances in steps.
    above: BTreeMap<usize, (usize, usize)>,
}

impl<'g, 'c, C: Catalog> Reader<'g, 'c, C> {
    fn new(engine: &'g Engine<'c, C>, roots: &'g [Requirement], graph: &'g ConflictGraph) -> Self {
        let mut below: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for edge in graph.graph.raw_edges() {
            if let ConflictEdge::Requires(_) = edge.weight {
                let children = below.entry(edge.source().index()).or_default();
                children.insert(edge.target().index());
            }
        }
        let root = graph.root_node.index();
        let mut above = BTreeMap::from([(root, (root, 0))]);
        let mut queue = VecDeque::from([root]);
        while let Some(node) = queue.pop_front() {
            let distance = above.get(&node).map_or(0, |(_, distance)| distance + 1);
            for &child in below.get(&node).into_iter().flatten() {
                above.entry(child).or_insert_with(|| {
                    queue.push_back(child);
                    (node, distance)
                });
            }
        }
        Self {
            engine,
            roots,
            graph,
            above,
        }
    }

    fn clashes(&self) -> Vec<Clash> {
        let mut found: Vec<(usize, Clash)> = Vec::new();
        let mut pairs = BTreeSet::new();
        for edge in self.graph.graph.raw_edges() {
            let (source, target) = (edge.source().index(), edge.target().index());
            let clash = match edge.weight {
                ConflictEdge::Requires(requirement) => self.missing(source, target, requirement),
                ConflictEdge::Conflict(cause) => {
                    if !pairs.insert((source.min(target), source.max(target))) {
                        continue;
                    }
                    self.conflict(source, target, cause)
                }
            };
            if let Some(clash) = clash {
                found.push((self.distance(source).max(self.distance(target)), clash));
            }
        }
        found.sort_by_key(|(distance, clash)| (*distance, clash.render("")));
        found.dedup_by(|(_, a), (_, b)| a == b);
        found.into_iter().map(|(_, clash)| clash).collect()
    }

    fn missing(
        &self,
        source: usize,
        target: usize,
        requirement: resolvo::Requirement,
    ) -> Option<Clash> {
        if self.graph.unresolved_node.map(|node| node.index()) != Some(target) {
            return None;
        }
        let answer = self.candidate(source).map(|c| self.engine.needs(c));
        let written = match answer.as_deref() {
            None => self.roots,
            Some(Ok(needs)) => &needs.requirements,
            Some(Err(_)) => &[],
        };
        // The solver tells requirements apart by their candidates, and these have none: where
        // several are empty, each is missing.
        let mut empty = written
            .iter()
            .filter(|r| r.candidates.is_empty() && self.engine.requirement_id(r) == requirement);
        let first = empty.next()?;
        Some(Clash::Missing {
            text: first.text.clone(),
            note: first.note.clone(),
            chain: self.chain(source),
        })
    }

    fn conflict(&self, source: usize, target: usize, cause: ConflictCause) -> Option<Clash> {
        if let (ConflictCause::Excluded, Some(ConflictNode::Excluded(reason))) =
            (cause, self.node(target))
        {
            let package = self.candidate(source)?;
            let chain = self.chain(source);
            return Some(Clash::Unusable {
                package: self.engine.catalog().display(package),
                reason: self.engine.reason(reason),
                chain: chain.get(1..).unwrap_or_default().to_vec(),
            });
        }
        let (left, right) = (self.candidate(source)?, self.candidate(target)?);
        let catalog = self.engine.catalog();
        let (left_text, right_text) = (catalog.display(left), catalog.display(right));
        let reason = match cause {
            ConflictCause::Constrains(set) => {
                self.exclusion(left, read_set(set).0, &left_text, &right_text)?
            }
            _ => format!("only one of {left_text} and {right_text} can be chosen"),
        };
        Some(Clash::Pair {
            left: catalog.display_name(catalog.name_of(left)),
            right: catalog.display_name(catalog.name_of(right)),
            reason,
            left_chain: self.chain(source),
            right_chain: self.chain(target),
        })
    }

    fn exclusion(
        &self,
        left: CandidateId,
        right: CandidateId,
        left_text: &str,
        right_text: &str,
    ) -> Option<String> {
        let answer = self.engine.needs(left);
        let needs = answer.as_ref().as_ref().ok()?;
        let exclusion = needs
            .exclusions
            .iter()
            .find(|exclusion| exclusion.candidates.contains(&right))?;
        let (verb, target) = (exclusion.verb, &exclusion.target);
        let catalog = self.engine.catalog();
        Some(if exclusion.provided {
            format!("{left_text} {verb} {target}, provided by {right_text}")
        } else if *target == catalog.display_name(catalog.name_of(right)) {
            format!("{left_text} {verb} {right_text}")
        } else {
            format!("{left_text} {verb} {target}, and the candidate is {right_text}")
        })
    }

    /// The package at `node` and what needs it, up to but without the request.
    fn chain(&self, mut node: usize) -> Vec<String> {
        let mut chain = Vec::new();
        while let Some(candidate) = self.candidate(node) {
            chain.push(self.engine.catalog().display(candidate));
            match self.above.get(&node) {
                Some(&(above, _)) => node = above,
                None => break,
            }
        }
        chain
    }

    fn distance(&self, node: usize) -> usize {
        self.above.get(&node).map_or(0, |(_, distance)| *distance)
    }

    fn candidate(&self, node: usize) -> Option<CandidateId> {
        match self.node(node) {
            Some(ConflictNode::Solvable(id)) => Some(candidate(id)),
            _ => None,
        }
    }

    fn node(&self, node: usize) -> Option<ConflictNode> {
        self.graph
            .graph
            .raw_nodes()
            .get(node)
            .map(|node| node.weight)
    }
}
