//! `dindimg inspect`: what is in an image.

use anyhow::Result;
use indicatif::HumanBytes;
use serde_json::{Value, json};

use crate::text::printable;
use crate::view::View;

use super::args::{Common, Inspect};
use super::context::Session;
use super::output::Output;
use super::target::{Looking, Seen};

/// Longest value of a setting that is shown whole, in characters.
const VALUE: usize = 100;

pub(super) fn run(arguments: &Inspect, common: &Common, output: &Output) -> Result<()> {
    let source = &arguments.source;
    let session = Session::open(common, source.make.no_layer_cache, output.reporter())?;
    let looking = Looking::new(&session, source);
    let seen = looking.one(&arguments.subject)?;
    if common.json {
        output.object(&object(&seen));
    } else {
        output.data(&text(&seen, arguments.packages));
    }
    Ok(())
}

fn object(seen: &Seen) -> Value {
    let platforms = seen.views.iter().map(|view| {
        let layers = view.layers.iter().map(|layer| {
            json!({
                "digest": layer.digest,
                "size": layer.size,
                "unpacked": layer.unpacked,
                "entries": layer.entries,
                "created_by": layer.created_by,
            })
        });
        json!({
            "platform": view.platform,
            "digest": view.digest,
            "annotations": view.annotations,
            "created": view.config.created,
            "config": view.config.config,
            "size": view.size(),
            "unpacked": view.unpacked(),
            "files": view.files.len(),
            "layers": layers.collect::<Vec<_>>(),
            "packages": view.packages.installed,
            "unreadable": view.packages.unreadable,
        })
    });
    json!({
        "image": seen.name,
        "digest": seen.digest,
        "platforms": platforms.collect::<Vec<_>>(),
    })
}

fn text(seen: &Seen, packages: bool) -> String {
    let mut text = format!("{}\n{}\n", seen.name, seen.digest);
    for view in &seen.views {
        text.push('\n');
        text.push_str(&platform(view, packages));
    }
    text
}

fn platform(view: &View, packages: bool) -> String {
    let mut text = format!(
        "{} {}\n  {} to pull, {} unpacked, {} files, {} packages{}\n",
        view.platform,
        view.digest,
        HumanBytes(view.size()),
        HumanBytes(view.unpacked()),
        view.files.len(),
        view.packages.installed.len(),
        view.config
            .created
            .map(|created| format!(", created {created}"))
            .unwrap_or_default(),
    );
    let config = &view.config.config;
    let words = |list: &[String]| list.join(" ");
    let set = |set: &std::collections::BTreeSet<String>| {
        set.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    let user = match config.user.as_str() {
        "" => "root",
        user => user,
    };
    for (name, value) in [
        ("entry point", words(&config.entrypoint)),
        ("command", words(&config.cmd)),
        ("user", user.to_owned()),
        ("directory", config.working_dir.clone()),
        ("ports", set(&config.exposed_ports)),
        ("volumes", set(&config.volumes)),
        ("stop signal", config.stop_signal.clone()),
    ] {
        if !value.is_empty() {
            text.push_str(&format!("  {name:12} {}\n", printable(&value)));
        }
    }
    for one in &config.env {
        text.push_str(&format!("  {:12} {}\n", "variable", short(one)));
    }
    for (name, value) in &config.labels {
        let name = printable(name);
        text.push_str(&format!("  {:12} {name}={}\n", "label", short(value)));
    }
    for (path, reason) in &view.packages.unreadable {
        text.push_str(&format!(
            "  {:12} /{} {}\n",
            "unreadable",
            printable(path),
            printable(reason)
        ));
    }
    text.push_str("  layers\n");
    for layer in &view.layers {
        text.push_str(&format!(
            "    {} {:>10} {:>10} unpacked {:>6} entries  {}\n",
            &layer.digest.hex()[..12],
            HumanBytes(layer.size).to_string(),
            HumanBytes(layer.unpacked).to_string(),
            layer.entries,
            short(&layer.created_by),
        ));
    }
    if packages {
        text.push_str("  packages\n");
        for (name, one) in &view.packages.installed {
            text.push_str(&format!(
                "    {} {} {} {}\n",
                printable(name),
                printable(&one.version),
                printable(&one.architecture),
                HumanBytes(one.size)
            ));
        }
    }
    text
}

/// A value on one line of a terminal.
fn short(value: &str) -> String {
    let plain = printable(value);
    match plain.chars().count() > VALUE {
        true => plain.chars().take(VALUE).collect::<String>() + "…",
        false => plain,
    }
}
