//! `dindimg smoke --list` and `--matrix`: the cells of a recipe, for people and for CI systems.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::smoke::matrix::{Choice, Fanout, facts};
use crate::smoke::{self, Listed, SmokeError};

use super::super::args::{Common, Smoke};
use super::super::engines;
use super::super::output::Output;
use super::Misuse;
use super::subject::Wanted;

pub(super) fn print(
    named: &str,
    wanted: &Wanted,
    choice: &Choice,
    arguments: &Smoke,
    common: &Common,
    output: &Output,
) -> Result<()> {
    let Wanted::Recipe(image) = wanted else {
        bail!(Misuse(format!(
            "{named} is an image: what it promises is known when an engine has it, and without a recipe it has one cell; --list and --matrix want a recipe"
        )));
    };
    let needs = image.needs()?;
    let cells = choice.cells(image.recipe.iptables);
    if cells.is_empty() {
        bail!(SmokeError::NoCells);
    }
    if let Some(form) = arguments.matrix {
        let fanout = Fanout {
            recipe: named,
            variant: arguments.variant.as_str(),
            cells: &cells,
        };
        output.data(&fanout.render(form));
        return Ok(());
    }
    let listed = smoke::list(&cells, &needs, &engines::client(arguments.runtime.clone())?)?;
    if common.json {
        let cells: Vec<Value> = listed.iter().map(object).collect();
        output.object(&json!({
            "recipe": named, "variant": arguments.variant.as_str(), "cells": cells
        }));
    } else {
        output.data(&lines(&listed));
    }
    Ok(())
}

fn object(listed: &Listed) -> Value {
    let mut object = facts(&listed.cell);
    object.insert("runnable".to_owned(), listed.reason.is_none().into());
    if let Some(reason) = &listed.reason {
        object.insert("reason".to_owned(), reason.as_str().into());
    }
    Value::Object(object)
}

/// One line a cell, so that `grep` and `cut` can read it.
fn lines(listed: &[Listed]) -> String {
    let names = listed.iter().map(|listed| listed.cell.to_string());
    let width = names.map(|name| name.len()).max().unwrap_or(0);
    let line = |listed: &Listed| {
        let name = listed.cell.to_string();
        match &listed.reason {
            None => format!("{name:width$}  runs here\n"),
            Some(reason) => format!("{name:width$}  cannot run here: {reason}\n"),
        }
    };
    listed.iter().map(line).collect()
}
