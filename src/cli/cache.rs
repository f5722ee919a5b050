//! `dindimg cache`

use anyhow::Result;
use indicatif::HumanBytes;
use serde_json::json;

use crate::epoch::Epoch;
use crate::fetch::{Cache as Store, FetchError, Prune};

use super::args::{Cache, CacheVerb, Common};
use super::context::Session;
use super::output::Output;
use super::settings::Settings;

/// Seconds in a day.
const DAY: i64 = 86_400;

pub(super) fn run(arguments: &Cache, common: &Common, output: &Output) -> Result<()> {
    match arguments.verb {
        CacheVerb::Info => info(common, output),
        CacheVerb::Prune { older_than, all } => prune(common, output, older_than, all),
    }
}

fn info(common: &Common, output: &Output) -> Result<()> {
    let session = Session::open(common, false, output.reporter())?;
    let cache = session.fetcher.cache();
    let info = cache.info().map_err(FetchError::from)?;
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["kind", "entries", "size"]);
    let mut object = serde_json::Map::new();
    for (bucket, usage) in &info.buckets {
        let size = HumanBytes(usage.bytes).to_string();
        table.add_row([bucket.name().to_owned(), usage.entries.to_string(), size]);
        object.insert(
            bucket.name().to_owned(),
            json!({ "entries": usage.entries, "bytes": usage.bytes }),
        );
    }
    if !common.json {
        output.data(&format!("{}\n{table}\n", cache.home().display()));
    }
    output.object(&json!({ "home": cache.home(), "buckets": object }));
    Ok(())
}

fn prune(common: &Common, output: &Output, older_than: u32, all: bool) -> Result<()> {
    let session = Session::open(common, false, output.reporter())?;
    let now = session.now.seconds();
    drop(session);
    // Further back than there is time means that everything is newer.
    let since = Epoch::from_seconds(now - i64::from(older_than) * DAY).unwrap_or_default();
    let what = if all {
        Prune::All
    } else {
        Prune::UnusedSince(since)
    };
    let settings = Settings::read(common)?;
    let mut cache = Store::open(&settings.cache).map_err(FetchError::from)?;
    let removed = cache.prune(what).map_err(FetchError::from)?;
    output.say(&format!(
        "removed {} entries, {}",
        removed.entries,
        HumanBytes(removed.bytes)
    ));
    output.object(&json!({ "removed": { "entries": removed.entries, "bytes": removed.bytes } }));
    Ok(())
}
