//! The order of a push.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::body::Meter;
use super::connection::Connection;
use super::direct::{Head, Mount};
use super::error::RegistryError;
use super::plan::{Blob, Node, Plan};
use super::reference::{Repository, Selector, Tag};
use crate::digest::Digest;
use crate::progress::{Reporter, Stage};

/// How much of a digest is shown in progress lines, in hex digits; Docker shows as many.
const SHORT_DIGEST: usize = 12;

/// What became of the blobs of a push.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Blobs the repository had already.
    pub present: usize,
    /// Blobs taken over from another repository.
    pub mounted: usize,
    /// Blobs that were sent.
    pub uploaded: usize,
    /// Their size together, in bytes.
    pub uploaded_bytes: u64,
}

/// A finished push.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pushed {
    /// Where to.
    pub repository: Repository,
    /// What the tags lead to now.
    pub digest: Digest,
    /// What became of the blobs, layers and configurations alike.
    pub blobs: Counts,
    /// Manifests and indexes that were sent; the others were there.
    pub manifests: usize,
    /// Tags that were moved.
    pub moved: Vec<Tag>,
    /// Tags that led to the image already.
    pub unmoved: Vec<Tag>,
}

/// A repository blobs may be mounted from, until it turns out to be closed to us.
struct MountSource {
    repository: Repository,
    closed: AtomicBool,
}

enum Fate {
    Present,
    Mounted,
    Uploaded,
}

impl Fate {
    /// The remark in progress lines.
    fn word(&self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Mounted => "mounted",
            Self::Uploaded => "uploaded",
        }
    }
}

/// Carries out `plan`. The first failure ends it; nothing that was started is waited for, and no
/// tag has moved unless everything else is in place.
pub(super) async fn run(
    connection: &Connection,
    plan: &Plan,
    sources: &[Repository],
    jobs: usize,
    reporter: &Arc<dyn Reporter>,
) -> Result<Pushed, RegistryError> {
    let sources: Vec<MountSource> = sources
        .iter()
        .map(|repository| MountSource {
            repository: repository.clone(),
            closed: AtomicBool::new(false),
        })
        .collect();
    let mut blobs = Counts::default();
    for group in [&plan.layers, &plan.configs] {
        let mut fates = stream::iter(group)
            .map(async |blob| {
                let fate = send_blob(connection, blob, &sources, reporter).await?;
                Ok::<_, RegistryError>((fate, blob.size))
            })
            .buffer_unordered(jobs.max(1));
        while let Some((fate, size)) = fates.try_next().await? {
            match fate {
                Fate::Present => blobs.present += 1,
                Fate::Mounted => blobs.mounted += 1,
                Fate::Uploaded => {
                    blobs.uploaded += 1;
                    blobs.uploaded_bytes += size;
                }
            }
        }
    }
    let mut manifests = 0;
    for node in &plan.nodes {
        if send_node(connection, node).await? {
            manifests += 1;
        }
    }
    let root = plan.root();
    let (mut moved, mut unmoved) = (Vec::new(), Vec::new());
    for tag in &plan.tags {
        if connection.move_tag(tag, root).await? {
            reporter.note(
                Stage::Push,
                &format!("{}:{tag} is now {}", plan.repository, root.digest),
            );
            moved.push(tag.clone());
        } else {
            unmoved.push(tag.clone());
        }
    }
    Ok(Pushed {
        repository: plan.repository.clone(),
        digest: root.digest,
        blobs,
        manifests,
        moved,
        unmoved,
    })
}

async fn send_blob(
    connection: &Connection,
    blob: &Blob,
    sources: &[MountSource],
    reporter: &Arc<dyn Reporter>,
) -> Result<Fate, RegistryError> {
    let subject = &blob.digest.hex()[..SHORT_DIGEST];
    let task = reporter.begin(Stage::Push, subject, Some(blob.size));
    let meter = Arc::new(Meter::new(reporter.clone(), task));
    let fate = bring_blob(connection, blob, sources, meter).await;
    reporter.finish(task, fate.as_ref().map_or("failed", Fate::word));
    fate
}

/// Brings a blob into the repository by the cheapest way that works.
async fn bring_blob(
    connection: &Connection,
    blob: &Blob,
    sources: &[MountSource],
    meter: Arc<Meter>,
) -> Result<Fate, RegistryError> {
    if connection.has_blob(&blob.digest).await? {
        return Ok(Fate::Present);
    }
    for source in sources {
        if source.closed.load(Ordering::Relaxed) {
            continue;
        }
        match connection.mount(&blob.digest, &source.repository).await? {
            Mount::Done => return Ok(Fate::Mounted),
            Mount::Absent => {}
            Mount::Closed => source.closed.store(true, Ordering::Relaxed),
        }
    }
    connection.upload_blob(blob, meter).await?;
    Ok(Fate::Uploaded)
}

/// Whether the manifest or index had to be sent.
async fn send_node(connection: &Connection, node: &Node) -> Result<bool, RegistryError> {
    let selector = Selector::Digest(node.digest);
    if let Head::Present(_) = connection.head(&selector).await? {
        return Ok(false);
    }
    connection.put_manifest(&selector, node).await?;
    Ok(true)
}
