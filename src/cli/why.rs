//! `dindimg why` and `dindimg tree`: which request brought what.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow, bail};
use serde_json::json;

use crate::recipe::suggest;
use crate::text::printable;
use crate::view::{Graph, View};

use super::args::{Common, Tree, Why};
use super::context::Session;
use super::exit::Misuse;
use super::output::Output;
use super::target::{Looking, Seen};

/// Something that the image does not have.
fn absent(what: &str, view: &View) -> anyhow::Error {
    let names = view.packages.installed.keys().map(String::as_str);
    anyhow!(Misuse(format!(
        "the image has no package `{what}`{}; a path is absolute",
        suggest::hint(what, names)
    )))
}

pub(super) fn run(arguments: &Why, common: &Common, output: &Output) -> Result<()> {
    let source = &arguments.source;
    let session = Session::open(common, source.make.no_layer_cache, output.reporter())?;
    let looking = Looking::new(&session, source);
    let seen = looking.one(&arguments.subject)?;
    let view = first(&seen)?;
    let mut lines = Vec::new();
    let package = match arguments.what.strip_prefix('/') {
        None => Some(arguments.what.clone()),
        Some(path) => {
            let (real, file) = view
                .find(path)
                .ok_or_else(|| anyhow!(Misuse(format!("the image has no {}", arguments.what))))?;
            if real != path.trim_end_matches('/') {
                lines.push(format!("{} leads to /{real}", arguments.what));
            }
            let layer = view.layers.get(file.layer);
            let layer = layer.map_or("", |layer| layer.created_by.as_str());
            let owner = view.packages.owner(&real);
            let whose = match owner {
                Some(owner) => format!("is of package {owner}"),
                None if seen.own.contains(&real) => {
                    "is of the guest runtime or the recipe".to_owned()
                }
                None => "is of no package: it was generated, or put there".to_owned(),
            };
            lines.push(format!(
                "/{real} {whose}, in layer {} ({layer})",
                file.layer + 1
            ));
            owner.map(str::to_owned)
        }
    };
    let mut chain = Vec::new();
    if let Some(package) = &package {
        if !view.packages.installed.contains_key(package) {
            return Err(absent(package, view));
        }
        let requests = seen.requests(view);
        let names: BTreeSet<String> = requests.iter().map(|(name, _)| name.clone()).collect();
        let found = Graph::of(&view.packages).chain(&names, package);
        chain = found.unwrap_or_else(|| vec![package.clone()]);
        let why = chain.first().and_then(|first| {
            let request = requests.iter().find(|(name, _)| name == first);
            request.map(|(_, why)| why.clone())
        });
        for (depth, name) in chain.iter().enumerate() {
            let version = view.packages.installed.get(name);
            let version = version.map_or("", |one| one.version.as_str());
            let said = match (depth, &why) {
                (0, Some(why)) => format!(": {why}"),
                _ => String::new(),
            };
            let indent = "  ".repeat(depth);
            lines.push(format!("{indent}{name} {version}{said}"));
        }
    }
    if common.json {
        output.object(&json!({
            "image": seen.name, "platform": view.platform, "what": arguments.what,
            "package": package, "chain": chain, "lines": lines,
        }));
    } else {
        let lines = lines.iter().map(|line| printable(line) + "\n");
        output.data(&lines.collect::<String>());
    }
    Ok(())
}

/// The platform that is looked at: the first.
fn first(seen: &Seen) -> Result<&View> {
    match seen.views.first() {
        Some(view) => Ok(view),
        None => bail!("{} has no platform", seen.name),
    }
}

pub(super) fn tree(arguments: &Tree, common: &Common, output: &Output) -> Result<()> {
    let source = &arguments.source;
    let session = Session::open(common, source.make.no_layer_cache, output.reporter())?;
    let looking = Looking::new(&session, source);
    let seen = looking.one(&arguments.subject)?;
    let view = first(&seen)?;
    let graph = Graph::of(&view.packages);
    let tops: Vec<(String, String)> = match &arguments.package {
        None => seen.requests(view),
        Some(name) if view.packages.installed.contains_key(name) => {
            vec![(name.clone(), String::new())]
        }
        Some(name) => return Err(absent(name, view)),
    };
    let mut printed = Printed {
        view,
        graph: &graph,
        inverted: arguments.inverted,
        depth: arguments.depth.unwrap_or(usize::MAX),
        seen: BTreeSet::new(),
        text: String::new(),
    };
    for (name, why) in &tops {
        let why = match why.is_empty() {
            true => String::new(),
            false => format!(": {why}"),
        };
        printed.line(name, "", &why);
        printed.below(name, "", 1);
    }
    if common.json {
        let edges = view.packages.installed.keys().map(|name| {
            let needs: Vec<&str> = graph.needs(name).collect();
            (name.clone(), json!(needs))
        });
        output.object(&json!({
            "image": seen.name, "platform": view.platform,
            "requests": tops.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "needs": edges.collect::<serde_json::Map<_, _>>(),
        }));
    } else {
        output.data(&printed.text);
    }
    Ok(())
}

/// A tree as far as it is printed: what was shown once is not unfolded again.
struct Printed<'a> {
    view: &'a View,
    graph: &'a Graph,
    inverted: bool,
    depth: usize,
    seen: BTreeSet<String>,
    text: String,
}

impl Printed<'_> {
    fn line(&mut self, name: &str, before: &str, after: &str) {
        let version = self.view.packages.installed.get(name);
        let version = version.map_or("", |one| one.version.as_str());
        self.text.push_str(&format!(
            "{before}{}{after}\n",
            printable(&format!("{name} {version}"))
        ));
    }

    fn below(&mut self, name: &str, before: &str, depth: usize) {
        if depth > self.depth || !self.seen.insert(name.to_owned()) {
            return;
        }
        let next: Vec<String> = match self.inverted {
            true => self.graph.needed_by(name).map(str::to_owned).collect(),
            false => self.graph.needs(name).map(str::to_owned).collect(),
        };
        let count = next.len();
        for (number, one) in next.iter().enumerate() {
            let last = number + 1 == count;
            let (branch, bar) = if last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            let again = match self.seen.contains(one) && self.has_below(one) {
                true => " (see above)",
                false => "",
            };
            self.line(one, &format!("{before}{branch}"), again);
            self.below(one, &format!("{before}{bar}"), depth + 1);
        }
    }

    fn has_below(&self, name: &str) -> bool {
        match self.inverted {
            true => self.graph.needed_by(name).next().is_some(),
            false => self.graph.needs(name).next().is_some(),
        }
    }
}
