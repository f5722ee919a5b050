//! The fetcher: files in parallel, each once.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::cache::{Cache, CacheError};
use super::error::{Failure, FetchError};
use super::http::Http;
use super::options::FetchOptions;
use super::seek::{Found, Goal};
use super::transfer::{Context, Outcome, transfer};
use crate::digest::Digest;
use crate::progress::{Reporter, Stage};

/// Threads that drive connections and hash what comes; more than two outrun any link.
const WORKERS: usize = 2;

/// A file that is known by digest and size.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What to call it in messages: `docker.io 20.10.24 (amd64)`.
    pub subject: String,
    /// Where it should be, in the order to ask.
    pub mirrors: Vec<String>,
    /// Where it may be when no mirror has it any more, such as a snapshot archive. That these
    /// cannot be reached does not matter to whether a file counts as gone.
    pub fallbacks: Vec<String>,
    /// The digest of the whole file.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// Whether an address is served without the network.
pub(super) fn is_local(url: &str) -> bool {
    url.starts_with("file:")
}

/// Fetches into a [`Cache`]. The client and its threads are started when the network is first
/// needed, so that work from a full cache pays nothing for them.
pub struct Fetcher {
    pub(super) cache: Arc<Cache>,
    pub(super) options: FetchOptions,
    reporter: Arc<dyn Reporter>,
    engine: OnceLock<Engine>,
}

/// The running part of a [`Fetcher`].
pub(super) struct Engine {
    pub runtime: Runtime,
    pub context: Arc<Context>,
}

impl Fetcher {
    /// A fetcher into `cache`; nothing is started yet.
    pub fn new(cache: Arc<Cache>, options: FetchOptions, reporter: Arc<dyn Reporter>) -> Self {
        Self {
            cache,
            options,
            reporter,
            engine: OnceLock::new(),
        }
    }

    /// The cache that files are fetched into.
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// Brings every wanted file into the cache, several at once and each once, however many
    /// threads and processes ask. What is downloaded is verified before it enters; what is there
    /// already is verified when it is used ([`Cache::open_blob`]).
    ///
    /// Must not be called from asynchronous code.
    ///
    /// # Errors
    /// Every file is tried before an error is returned: [`FetchError::Gone`] when all that
    /// failed is gone from every mirror, [`FetchError::Failed`] when something else went wrong,
    /// [`FetchError::Offline`] naming what is missing. A failing cache ends it at once.
    pub fn fetch_all(&self, wanted: &[Wanted]) -> Result<(), FetchError> {
        let missing = self.missing(wanted)?;
        self.bring(missing).map(drop)
    }

    /// Brings the file of every goal; what was found is in the order of the goals.
    pub(super) fn bring(&self, mut goals: Vec<Goal>) -> Result<Vec<Found>, FetchError> {
        if goals.is_empty() {
            return Ok(Vec::new());
        }
        if self.options.offline {
            let missing: Vec<String> = goals
                .iter()
                .filter(|goal| !goal.addresses().any(|url| is_local(url)))
                .map(|goal| goal.subject.clone())
                .collect();
            if !missing.is_empty() {
                return Err(FetchError::Offline { missing });
            }
            for goal in &mut goals {
                goal.mirrors.retain(|url| is_local(url));
                goal.fallbacks.retain(|url| is_local(url));
            }
        }
        let engine = self.engine()?;
        // Without every size there is no total that progress could be a part of.
        let total = goals.iter().map(|goal| goal.size).sum::<Option<u64>>();
        let subject = match goals.as_slice() {
            [one] => one.subject.clone(),
            many => format!("{} files", many.len()),
        };
        let task = self.reporter.begin(Stage::Fetch, &subject, total);
        let jobs = Arc::new(Semaphore::new(self.options.jobs.max(1)));
        let result = engine.runtime.block_on(async {
            let mut running = JoinSet::new();
            for (number, goal) in goals.into_iter().enumerate() {
                let (context, jobs) = (Arc::clone(&engine.context), Arc::clone(&jobs));
                running.spawn(async move {
                    let _permit = jobs.acquire_owned().await;
                    (number, transfer(&context, &goal, task).await)
                });
            }
            collect(running).await
        });
        let outcome = match &result {
            Ok((_, failures)) if failures.is_empty() => "",
            _ => "failed",
        };
        self.reporter.finish(task, outcome);
        let (found, failures) = result?;
        if failures.is_empty() {
            Ok(found)
        } else if failures.iter().all(|failure| failure.gone) {
            Err(FetchError::Gone { failures })
        } else {
            Err(FetchError::Failed { failures })
        }
    }

    /// What is not in the cache, each digest once, the largest first: a large file that starts
    /// last would be waited for alone.
    fn missing(&self, wanted: &[Wanted]) -> Result<Vec<Goal>, CacheError> {
        let mut missing = BTreeMap::new();
        for wanted in wanted {
            if !missing.contains_key(&wanted.digest)
                && !self.cache.has_blob(&wanted.digest, wanted.size)?
            {
                missing.insert(wanted.digest, wanted.clone());
            }
        }
        let mut missing: Vec<Wanted> = missing.into_values().collect();
        missing.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.subject.cmp(&b.subject)));
        Ok(missing.into_iter().map(Goal::from).collect())
    }

    /// Starts the client and its threads where they are not running.
    pub(super) fn engine(&self) -> Result<&Engine, FetchError> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("fetch")
            .enable_all()
            .build()
            .map_err(|error| FetchError::Setup(error.to_string()))?;
        let context = Context {
            cache: Arc::clone(&self.cache),
            http: Http::new(self.options.clone())?,
            reporter: Arc::clone(&self.reporter),
        };
        Ok(self.engine.get_or_init(|| Engine {
            runtime,
            context: Arc::new(context),
        }))
    }
}

/// Waits for all downloads: what was found and what failed, each in the order of the downloads. The
/// first error of the cache ends the others.
async fn collect(
    mut running: JoinSet<(usize, Outcome)>,
) -> Result<(Vec<Found>, Vec<Failure>), FetchError> {
    let (mut found, mut failures) = (BTreeMap::new(), BTreeMap::new());
    while let Some(ended) = running.join_next().await {
        let (number, result) =
            ended.map_err(|error| FetchError::Setup(format!("a download ended oddly: {error}")))?;
        match result? {
            Ok(one) => {
                found.insert(number, one);
            }
            Err(failure) => {
                failures.insert(number, failure);
            }
        }
    }
    Ok((
        found.into_values().collect(),
        failures.into_values().collect(),
    ))
}
