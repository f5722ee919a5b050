//! An engine with the image under test on it: brought once, for all of its cells.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use super::Subject;
use super::checks::CHECKS;
use super::engine::{Engine, EngineError, EngineInfo, Image, RunSpec};
use super::error::SmokeError;
use super::host;
use super::inner::NestedImage;
use super::matrix::{self, Choice, Needs};
use super::report::DigestOf;
use super::session::Session;
use crate::guest::{Contract, LABEL};
use crate::process::Input;
use crate::recipe::{IptablesBackend, Profile, SmokeHost};

/// Bound on the container that shows whether an engine can run any; it does nothing.
const PROBE: Duration = Duration::from_secs(60);

/// How often it is looked at.
const POLL: Duration = Duration::from_millis(200);

/// The images beside the one that is proven.
#[derive(Clone, Copy)]
pub(super) struct Beside<'a> {
    /// The image before it.
    pub previous: Option<&'a Subject>,
    /// A daemon for a client.
    pub daemon: Option<&'a Subject>,
}

/// An engine of a run, and whether the image can be run on it.
pub(super) struct Place<'a> {
    pub engine: &'a dyn Engine,
    /// Who the engine is, if it answered.
    pub info: Option<EngineInfo>,
    /// The image on it, or why no cell can run.
    pub site: Result<Site<'a>, SmokeError>,
}

/// The image on an engine that can run it.
pub(super) struct Site<'a> {
    pub engine: &'a dyn Engine,
    pub info: EngineInfo,
    /// What containers are started from.
    pub reference: String,
    pub image: Image,
    pub contract: Contract,
    pub needs: Needs,
    /// Whether the engine's containers run on the kernel of this process.
    pub local: bool,
    /// The image before it, where an upgrade is to be proven.
    pub previous: Option<String>,
    /// A daemon's image, and what it promises, where a client is to be proven beside one.
    pub daemon: Option<(String, Contract)>,
    /// Whether a container of a cell was kept.
    pub kept: AtomicBool,
    /// The nested image made out of it.
    pub nested: NestedImage,
    /// Holds the image until every cell has run.
    images: Session<'a>,
}

impl<'a> Place<'a> {
    /// Brings the image to an engine. What the engine cannot do is part of the place; what is wrong
    /// with the image is an error.
    pub(super) fn of(
        engine: &'a dyn Engine,
        subject: &Subject,
        beside: Beside<'_>,
    ) -> Result<Self, SmokeError> {
        let unable = |info, error: SmokeError| {
            if error.is_interrupt() {
                return Err(error);
            }
            Ok(Self {
                engine,
                info,
                site: Err(error),
            })
        };
        let info = match engine.probe() {
            Ok(info) => info,
            Err(error) => return unable(None, error.into()),
        };
        let capabilities = engine.capabilities();
        if !matches!(subject, Subject::Published { .. })
            && let Some(reason) = matrix::out_of_reach(engine.name(), &capabilities)
        {
            return unable(Some(info), SmokeError::Unable { reason });
        }
        let mut site = match Site::bring(engine, info.clone(), subject, beside) {
            Err(error @ SmokeError::Engine(EngineError::Lab(_))) => {
                return unable(Some(info), error);
            }
            site => site?,
        };
        let info = Some(site.info.clone());
        match site.try_out() {
            Ok(local) => {
                site.local = local;
                Ok(Self {
                    engine,
                    info,
                    site: Ok(site),
                })
            }
            Err(error) => unable(info, error),
        }
    }
}

impl Place<'_> {
    /// The host whose processors and memory the cells share.
    pub(super) fn host(&self) -> String {
        match &self.site {
            Ok(site) if site.local => "this machine".to_owned(),
            _ => self.engine.name().to_owned(),
        }
    }
}

impl<'a> Site<'a> {
    fn bring(
        engine: &'a dyn Engine,
        info: EngineInfo,
        subject: &Subject,
        beside: Beside<'_>,
    ) -> Result<Self, SmokeError> {
        let mut images = Session::new(engine);
        let reference = have(engine, subject, &mut images)?;
        let image = match subject {
            Subject::Published { image, .. } if !engine.capabilities().images => image.clone(),
            _ => look_up(engine, &reference)?,
        };
        // An engine that has no store proves no upgrade: its containers share no volume.
        let previous = beside.previous.filter(|_| engine.capabilities().images);
        let previous = previous.map(|previous| have(engine, previous, &mut images));
        let previous = previous.transpose()?;
        if previous.is_some() && look_up(engine, &reference)?.id != image.id {
            return Err(SmokeError::Moved { image: reference });
        }
        let contract = contract(&reference, &image)?;
        if !has_checks(&contract) {
            return Err(SmokeError::NoChecks {
                image: reference,
                profile: contract.profile,
            });
        }
        let daemon = beside.daemon.map(|daemon| {
            let reference = have(engine, daemon, &mut images)?;
            let contract = self::contract(&reference, &look_up(engine, &reference)?)?;
            Ok((reference, contract))
        });
        let daemon = daemon.transpose().and_then(|daemon| match daemon {
            Some((image, _)) if contract.profile != Profile::Cli.word() => {
                Err(SmokeError::NoClient {
                    image: reference.clone(),
                    daemon: image,
                })
            }
            daemon => Ok(daemon),
        })?;
        let needs = Needs::of(&contract, image.architecture.clone(), false);
        // A machine knows what it is when it runs.
        let info = match engine.host() {
            SmokeHost::Here => info,
            _ => engine.probe()?,
        };
        Ok(Self {
            engine,
            info,
            reference,
            image,
            contract,
            needs,
            local: false,
            previous,
            daemon,
            kept: AtomicBool::new(false),
            nested: NestedImage::default(),
            images,
        })
    }

    /// Whether the engine can run the image at all: what it says of itself, and one container, so
    /// that an engine that cannot is told apart from an image that does not work. True when that
    /// container ran on the kernel of this process.
    fn try_out(&self) -> Result<bool, SmokeError> {
        let engine = self.engine.name();
        let capabilities = self.engine.capabilities();
        if let Some(reason) = matrix::unable(engine, &capabilities, &self.info, &self.needs) {
            return Err(SmokeError::Unable { reason });
        }
        let mut spec = self
            .images
            .container(&self.reference, "probe", &[host::BOOT_ID]);
        spec.grant(&self.contract.privileges);
        spec.entrypoint = Some("cat".to_owned());
        let unprivileged = |detail| match self.engine.runtime() {
            None => EngineError::Unprivileged { engine, detail },
            Some(runtime) => EngineError::RuntimeFailed {
                engine,
                runtime: runtime.to_owned(),
                detail,
            },
        };
        match self.said(&spec) {
            Ok(Ok(said)) => {
                let own = fs::read_to_string(host::BOOT_ID);
                Ok(own.is_ok_and(|own| own.trim() == said.trim()))
            }
            Ok(Err(detail)) | Err(EngineError::Refused { detail, .. }) => {
                Err(unprivileged(detail).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What a container writes that is run to its end; what is in its way is the inner error.
    fn said(&self, spec: &RunSpec) -> Result<Result<String, String>, EngineError> {
        if self.engine.capabilities().foreground {
            let output = self.engine.run(spec, Input::Null)?;
            return Ok(match output.status.success() {
                true => Ok(output.text()),
                false => Err(output.complaint()),
            });
        }
        self.engine.run_detached(spec)?;
        let started = Instant::now();
        loop {
            let state = self.engine.state(&spec.name)?;
            if !state.running {
                let log = self.engine.logs(&spec.name)?;
                return Ok(match state.exit_code {
                    0 => Ok(log),
                    code => Err(format!("ended with code {code}: {}", log.trim())),
                });
            }
            if started.elapsed() > PROBE {
                return Ok(Err(format!("not ended after {} s", PROBE.as_secs())));
            }
            thread::sleep(POLL);
        }
    }

    /// What identifies the image in the report: the digest the caller knows, else the one it was
    /// pulled by. What an engine calls the manifest of an image that it loaded is its own.
    pub(super) fn digest(&self, subject: &Subject) -> (String, DigestOf) {
        let pulled = || self.image.digest.as_ref();
        let known = match subject {
            Subject::Built { digest, .. } => Some((digest, DigestOf::Manifest)),
            Subject::Archive(_) => None,
            Subject::Published { .. } => pulled().map(|digest| (digest, DigestOf::Manifest)),
            Subject::Reference(_) => pulled().map(|digest| (digest, DigestOf::Pulled)),
        };
        match known {
            Some((digest, of)) => (digest.clone(), of),
            None => (self.image.id.clone(), DigestOf::Config),
        }
    }

    /// Whether another engine has the same image.
    pub(super) fn same_image(&self, other: &Self) -> bool {
        let digest = &self.image.digest;
        self.image.id == other.image.id || (digest.is_some() && *digest == other.image.digest)
    }

    /// Removes the image if this run brought it; returns what could not be removed.
    pub(super) fn leave(mut self) -> Vec<String> {
        if self.kept.into_inner() {
            self.images.leave_images();
        }
        self.images.close()
    }
}

/// Whether any check has a meaning for the image, in the cell that every image has.
fn has_checks(contract: &Contract) -> bool {
    let cells = Choice::of_image().cells(IptablesBackend::Auto);
    let of = |cell| CHECKS.iter().any(|check| (check.applies)(contract, cell));
    cells.iter().any(of)
}

/// Has the image on the engine, and says what it is called there.
fn have(
    engine: &dyn Engine,
    subject: &Subject,
    images: &mut Session<'_>,
) -> Result<String, SmokeError> {
    match subject {
        Subject::Published { reference, .. } if !engine.capabilities().images => {
            Ok(reference.clone())
        }
        Subject::Reference(reference) | Subject::Published { reference, .. } => {
            if engine.image(reference)?.is_none() {
                engine.pull(reference)?;
            }
            Ok(reference.clone())
        }
        Subject::Archive(path) | Subject::Built { archive: path, .. } => load(engine, path, images),
    }
}

/// Loads the one image of an archive and returns a name of it.
fn load(engine: &dyn Engine, path: &Path, session: &mut Session<'_>) -> Result<String, SmokeError> {
    let file = File::open(path).map_err(|source| SmokeError::Archive {
        path: path.to_owned(),
        source,
    })?;
    let before = engine.images()?;
    let names = engine.load(Input::File(file))?;
    let mut ids = BTreeSet::new();
    for name in &names {
        let Image { id, digest, .. } = look_up(engine, name)?;
        let was_there = before.contains(&id) || digest.is_some_and(|it| before.contains(&it));
        // A name that this run gave goes, also where the image was there by another one.
        let named = before.contains(name) || *name == id;
        if !(was_there && named) {
            session.adopt_image(name.clone());
        }
        ids.insert(id);
    }
    match names.into_iter().next() {
        Some(name) if ids.len() == 1 => Ok(name),
        _ => Err(SmokeError::ArchiveImages {
            path: path.to_owned(),
            count: ids.len(),
        }),
    }
}

fn look_up(engine: &dyn Engine, reference: &str) -> Result<Image, SmokeError> {
    engine.image(reference)?.ok_or_else(|| SmokeError::NoImage {
        engine: engine.name(),
        image: reference.to_owned(),
    })
}

fn contract(reference: &str, image: &Image) -> Result<Contract, SmokeError> {
    let named = || reference.to_owned();
    let label = image
        .labels
        .get(LABEL)
        .ok_or_else(|| SmokeError::NoContract { image: named() })?;
    let contract: Contract =
        serde_json::from_str(label).map_err(|source| SmokeError::Contract {
            image: named(),
            source,
        })?;
    if contract.schema != 1 {
        return Err(SmokeError::ContractSchema {
            image: named(),
            schema: contract.schema,
        });
    }
    Ok(contract)
}
