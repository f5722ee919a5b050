//! A manifest's text as a tree of values, each with its line. Aliases share what they name, and
//! merge keys are applied.

use std::collections::BTreeMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::error::{CheckError, Limit};

/// Longest text, in bytes: a cluster's database takes objects of 1.5 MB, and files of a few of them
/// are written by programs.
const TEXT: usize = 4 << 20;
/// Deepest nesting, aliases followed: pod specs have fifteen levels, and a tree is walked and dropped
/// level by level on the stack.
const DEPTH: usize = 100;
/// Most values, those behind aliases counted each time, and long texts by their length: what rules
/// walk through. Ten references to ten references make a billion values in ten lines.
const VALUES: usize = 200_000;
/// Bytes of a text that count as one value.
const SCALAR: usize = 64;

/// A value and where it stands.
#[derive(Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Its line, from one.
    pub line: usize,
    size: usize,
    height: usize,
}

/// What a value is. Types of scalars are for those who read them: a manifest's `"2375"` and `2375`
/// mean the same to most of its readers.
#[derive(Debug)]
pub enum Value {
    /// Nothing.
    Null,
    /// A text, a number or a truth.
    Scalar(String),
    /// A sequence.
    List(Vec<Rc<Node>>),
    /// A mapping; of equal keys the last one counts.
    Map(BTreeMap<String, Entry>),
}

/// A value of a mapping.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The line of its key, from one.
    pub line: usize,
    /// The value.
    pub value: Rc<Node>,
}

/// The documents of a text.
pub fn documents(text: &str) -> Result<Vec<Rc<Node>>, CheckError> {
    if text.len() > TEXT {
        return Err(CheckError::TooLarge(Limit::Text(TEXT)));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Expressions of GitHub's workflows are texts.
    let template = text
        .match_indices("{{")
        .any(|(at, _)| !text[..at].ends_with('$'));
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event
            .map_err(|error| CheckError::syntax(error.marker().line(), error.info(), template))?;
        let line = span.start.line();
        builder.take(event, line).map_err(|problem| match problem {
            Problem::Limit(limit) => CheckError::TooLarge(limit),
            Problem::Syntax(message) => CheckError::syntax(line, message, template),
        })?;
    }
    Ok(builder.documents)
}

enum Problem {
    Limit(Limit),
    Syntax(&'static str),
}

#[derive(Default)]
struct Builder {
    documents: Vec<Rc<Node>>,
    /// Collections that are not complete, from the outermost on.
    open: Vec<Open>,
    anchors: BTreeMap<usize, Rc<Node>>,
    values: usize,
}

struct Open {
    anchor: usize,
    line: usize,
    size: usize,
    height: usize,
    items: Items,
}

enum Items {
    List(Vec<Rc<Node>>),
    Map {
        entries: BTreeMap<String, Entry>,
        /// What `<<` names, the first to win.
        merged: Vec<Rc<Node>>,
        key: Option<(String, usize, bool)>,
    },
}

impl Builder {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                if let Some(key) = self.wanted_key() {
                    let merge = plain && text == "<<";
                    *key = Some((text.into_owned(), line, merge));
                    return self.count(1);
                }
                let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let size = 1 + text.len() / SCALAR;
                self.count(size)?;
                let value = match null {
                    true => Value::Null,
                    false => Value::Scalar(text.into_owned()),
                };
                self.put(
                    Rc::new(Node {
                        value,
                        line,
                        size,
                        height: 1,
                    }),
                    anchor,
                )?;
            }
            Event::SequenceStart(anchor, _) => self.begin(anchor, line, Items::List(Vec::new()))?,
            Event::MappingStart(anchor, _) => {
                let items = Items::Map {
                    entries: BTreeMap::new(),
                    merged: Vec::new(),
                    key: None,
                };
                self.begin(anchor, line, items)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    let anchor = open.anchor;
                    self.put(Rc::new(open.close()), anchor)?;
                }
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).map(Rc::clone);
                let node = node.ok_or(Problem::Syntax("an alias of what it is itself part of"))?;
                if self.wanted_key().is_some() {
                    return Err(Problem::Syntax("an alias as a key"));
                }
                self.count(node.size)?;
                self.put(node, 0)?;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn count(&mut self, values: usize) -> Result<(), Problem> {
        self.values = self.values.saturating_add(values);
        match self.values > VALUES {
            true => Err(Problem::Limit(Limit::Values(VALUES))),
            false => Ok(()),
        }
    }

    /// Where the next event's key goes, if a key it has to be.
    fn wanted_key(&mut self) -> Option<&mut Option<(String, usize, bool)>> {
        match self.open.last_mut() {
            Some(Open {
                items: Items::Map { key, .. },
                ..
            }) if key.is_none() => Some(key),
            _ => None,
        }
    }

    fn begin(&mut self, anchor: usize, line: usize, items: Items) -> Result<(), Problem> {
        if self.wanted_key().is_some() {
            return Err(Problem::Syntax("a list or a mapping as a key"));
        }
        if self.open.len() >= DEPTH {
            return Err(Problem::Limit(Limit::Depth(DEPTH)));
        }
        self.count(1)?;
        self.open.push(Open {
            anchor,
            line,
            size: 1,
            height: 1,
            items,
        });
        Ok(())
    }

    fn put(&mut self, node: Rc<Node>, anchor: usize) -> Result<(), Problem> {
        if self.open.len() + node.height > DEPTH {
            return Err(Problem::Limit(Limit::Depth(DEPTH)));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        open.size = open.size.saturating_add(node.size);
        open.height = open.height.max(node.height + 1);
        match &mut open.items {
            Items::List(list) => list.push(node),
            Items::Map {
                entries,
                merged,
                key,
            } => match key.take() {
                Some((_, _, true)) => match &node.value {
                    Value::List(nodes) => merged.extend(nodes.iter().map(Rc::clone)),
                    _ => merged.push(node),
                },
                Some((name, line, false)) => {
                    entries.insert(name, Entry { line, value: node });
                }
                None => return Err(Problem::Syntax("a value without a key")),
            },
        }
        Ok(())
    }
}

impl Open {
    fn close(self) -> Node {
        let value = match self.items {
            Items::List(list) => Value::List(list),
            Items::Map {
                mut entries,
                merged,
                ..
            } => {
                for node in merged {
                    let Value::Map(others) = &node.value else {
                        continue;
                    };
                    for (key, entry) in others {
                        if !entries.contains_key(key) {
                            entries.insert(key.clone(), entry.clone());
                        }
                    }
                }
                Value::Map(entries)
            }
        };
        Node {
            value,
            line: self.line,
            size: self.size,
            height: self.height,
        }
    }
}
