//! Which cells there are: what the recipe and the command line say, and a default that finds a
//! fault of each value without running every combination.

use std::str::FromStr;

use crate::recipe::{
    CgroupNamespace, IptablesBackend, PartialCell, Smoke, SmokeEngine, SmokeHost, SmokeMode,
    SmokeStorage,
};

use super::cell::{Axis, Cell};
use super::runnable::namespaces;

/// The iptables backends of a matrix.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Backends {
    /// These.
    Given(Vec<IptablesBackend>),
    /// What the image promises, then the others that exist.
    All,
    /// What the image promises.
    Own,
}

/// The machine that is the usual one: version 2 of control groups, and a kernel that most have.
const MACHINE: SmokeHost = SmokeHost::BookwormV2;

/// What decides the cells of one image.
///
/// The first value of each axis is its default. There is the cell of defaults, a cell for every
/// other value with the defaults beside it, and on each further engine the cell of defaults: so a
/// fault of one value is seen, and seen alone, in a number of runs that grows with the sum of the
/// values and not with their product. The hosts are values of the engine `vm` alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    engines: Vec<SmokeEngine>,
    cgroup: Vec<CgroupNamespace>,
    /// `None` for what the first engine has.
    storage: Option<Vec<SmokeStorage>>,
    iptables: Backends,
    mode: Vec<SmokeMode>,
    hosts: Vec<SmokeHost>,
    include: Vec<PartialCell>,
    exclude: Vec<PartialCell>,
    /// Axes named on the command line: cells that the recipe includes keep to their values.
    bound: Vec<Axis>,
    /// The cells named on the command line, and no other.
    named: Vec<Cell>,
}

impl Choice {
    /// The matrix of a recipe.
    pub fn of_recipe(smoke: &Smoke) -> Self {
        Self {
            engines: smoke.engines.clone(),
            cgroup: smoke.cgroup.clone(),
            storage: smoke.storage.clone(),
            iptables: smoke
                .iptables
                .clone()
                .map_or(Backends::All, Backends::Given),
            mode: smoke.mode.clone(),
            hosts: smoke.hosts.clone(),
            include: smoke.include.clone(),
            exclude: smoke.exclude.clone(),
            bound: Vec::new(),
            named: Vec::new(),
        }
    }

    /// The matrix of an image without a recipe: one cell, on the first engine.
    pub fn of_image() -> Self {
        Self {
            engines: vec![SmokeEngine::ALL[0]],
            cgroup: vec![CgroupNamespace::ALL[0]],
            storage: Some(vec![SmokeStorage::ALL[0]]),
            iptables: Backends::Own,
            mode: vec![SmokeMode::ALL[0]],
            hosts: vec![MACHINE],
            include: Vec::new(),
            exclude: Vec::new(),
            bound: Vec::new(),
            named: Vec::new(),
        }
    }

    /// Replaces the values of an axis.
    ///
    /// # Errors
    /// A sentence that says which value the axis does not have.
    pub fn set(&mut self, axis: Axis, values: &[&str]) -> Result<(), String> {
        match axis {
            Axis::Engine => self.engines = parsed(values)?,
            Axis::Cgroup => self.cgroup = parsed(values)?,
            Axis::Storage => self.storage = Some(parsed(values)?),
            Axis::Iptables => self.iptables = Backends::Given(parsed(values)?),
            Axis::Mode => self.mode = parsed(values)?,
            Axis::Host => self.hosts = parsed(values)?,
        }
        self.bound.push(axis);
        Ok(())
    }

    /// Replaces the whole matrix by these cells.
    pub fn only(&mut self, cells: Vec<Cell>) {
        self.named = cells;
    }

    /// The engines that cells can be on, and the hosts of these, whichever backend the image
    /// promises; each once.
    pub fn engines(&self) -> Vec<(SmokeEngine, SmokeHost)> {
        let backends = IptablesBackend::ALL.iter();
        let cells = backends.flat_map(|own| self.cells(*own));
        let mut engines = Vec::new();
        for cell in cells {
            let engine = (cell.engine, cell.host);
            if !engines.contains(&engine) {
                engines.push(engine);
            }
        }
        engines
    }

    /// The cells for an image that promises the iptables backend `own`, each once, the cell of
    /// defaults first.
    pub fn cells(&self, own: IptablesBackend) -> Vec<Cell> {
        if !self.named.is_empty() {
            return unique(self.named.iter().copied());
        }
        let backends = self.backends(own);
        let storages = self.storages();
        let (Some(&engine), Some(&cgroup), Some(&storage), Some(&iptables), Some(&mode)) = (
            self.engines.first(),
            self.cgroup.first(),
            storages.first(),
            backends.first(),
            self.mode.first(),
        ) else {
            return Vec::new();
        };
        let base = Cell {
            engine,
            cgroup: self.cgroups(engine, cgroup)[0],
            storage,
            iptables,
            mode,
            host: self.host(engine),
        };
        let hosts = self.hosts.iter().filter(|_| engine == SmokeEngine::Vm);
        let varied = [base]
            .into_iter()
            .chain(
                self.varied(engine)
                    .iter()
                    .map(|&cgroup| Cell { cgroup, ..base }),
            )
            .chain(storages.iter().map(|&storage| Cell { storage, ..base }))
            .chain(backends.iter().map(|&iptables| Cell { iptables, ..base }))
            .chain(self.mode.iter().map(|&mode| Cell { mode, ..base }))
            .chain(hosts.map(|&host| Cell { host, ..base }))
            .chain(self.engines.iter().flat_map(|&engine| {
                let cgroups = self.cgroups(engine, cgroup).into_iter();
                cgroups.map(move |cgroup| Cell {
                    engine,
                    cgroup,
                    host: self.host(engine),
                    ..base
                })
            }))
            .filter(|cell| (cell.host == SmokeHost::Here) == (cell.engine != SmokeEngine::Vm))
            .filter(|cell| !self.exclude.iter().any(|partial| cell.has(partial)));
        let included = self
            .include
            .iter()
            .map(|partial| {
                let engine = partial.engine.unwrap_or(base.engine);
                let host = self.host(engine);
                Cell { host, ..base }.with(partial)
            })
            .filter(|cell| self.admits(cell, &backends));
        unique(varied.chain(included))
    }

    /// The namespaces that are varied on the first engine: on one that lets nobody choose only
    /// those that are asked for by name, to be told why not.
    fn varied(&self, engine: SmokeEngine) -> &[CgroupNamespace] {
        match namespaces(engine) {
            Some(_) if !self.bound.contains(&Axis::Cgroup) => &[],
            _ => &self.cgroup,
        }
    }

    /// The namespaces of an engine's cells of defaults: the usual one, or all that an engine gives
    /// which lets nobody choose, since only one of them can run on a host.
    fn cgroups(&self, engine: SmokeEngine, usual: CgroupNamespace) -> Vec<CgroupNamespace> {
        let Some(given) = namespaces(engine) else {
            return vec![usual];
        };
        let admitted = |cgroup: &CgroupNamespace| {
            !self.bound.contains(&Axis::Cgroup) || self.cgroup.contains(cgroup)
        };
        let kept: Vec<_> = given.iter().copied().filter(admitted).collect();
        if kept.is_empty() { vec![usual] } else { kept }
    }

    /// What the data directory can lie on: on machines also what they share with their host.
    fn storages(&self) -> Vec<SmokeStorage> {
        match (&self.storage, self.engines.first()) {
            (Some(given), _) => given.clone(),
            (None, Some(SmokeEngine::Vm)) => SmokeStorage::ALL.to_vec(),
            (None, _) => SmokeStorage::COMMON.to_vec(),
        }
    }

    /// The host that an engine is on unless a cell says otherwise.
    fn host(&self, engine: SmokeEngine) -> SmokeHost {
        if engine != SmokeEngine::Vm {
            return SmokeHost::Here;
        }
        let mut machines = self.hosts.iter().filter(|host| **host != SmokeHost::Here);
        machines.next().copied().unwrap_or(MACHINE)
    }

    fn backends(&self, own: IptablesBackend) -> Vec<IptablesBackend> {
        match &self.iptables {
            Backends::Given(given) => given.clone(),
            Backends::Own => vec![own],
            Backends::All => {
                let mut all = vec![own];
                for backend in [IptablesBackend::Legacy, IptablesBackend::Nft] {
                    if backend != own {
                        all.push(backend);
                    }
                }
                all
            }
        }
    }

    /// Whether a cell keeps to the values named on the command line.
    fn admits(&self, cell: &Cell, backends: &[IptablesBackend]) -> bool {
        self.bound.iter().all(|axis| match axis {
            Axis::Engine => self.engines.contains(&cell.engine),
            Axis::Cgroup => self.cgroup.contains(&cell.cgroup),
            Axis::Storage => self.storages().contains(&cell.storage),
            Axis::Iptables => backends.contains(&cell.iptables),
            Axis::Mode => self.mode.contains(&cell.mode),
            Axis::Host => cell.engine != SmokeEngine::Vm || self.hosts.contains(&cell.host),
        })
    }
}

fn parsed<T: FromStr<Err = String>>(values: &[&str]) -> Result<Vec<T>, String> {
    values.iter().map(|value| value.parse()).collect()
}

fn unique(cells: impl Iterator<Item = Cell>) -> Vec<Cell> {
    let mut kept = Vec::new();
    for cell in cells {
        if !kept.contains(&cell) {
            kept.push(cell);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Smoke {
        Smoke {
            engines: vec![SmokeEngine::Docker, SmokeEngine::Podman],
            cgroup: vec![CgroupNamespace::Private, CgroupNamespace::Host],
            storage: None,
            iptables: None,
            mode: SmokeMode::ALL.to_vec(),
            hosts: vec![SmokeHost::BookwormV2, SmokeHost::TrixieV2],
            include: Vec::new(),
            exclude: Vec::new(),
        }
    }

    fn names(choice: &Choice) -> Vec<String> {
        let cells = choice.cells(IptablesBackend::Legacy);
        cells.iter().map(Cell::to_string).collect()
    }

    #[test]
    fn the_default_has_each_value_once_and_the_cell_of_defaults_on_each_engine() {
        assert_eq!(
            names(&Choice::of_recipe(&whole())),
            [
                "docker.private.volume.legacy.daemon",
                "docker.host.volume.legacy.daemon",
                "docker.private.tmpfs.legacy.daemon",
                "docker.private.loop.legacy.daemon",
                "docker.private.volume.nft.daemon",
                "docker.private.volume.legacy.command",
                "podman.private.volume.legacy.daemon",
            ]
        );
    }

    #[test]
    fn the_images_own_backend_is_the_default_one() {
        let backends = |choice: &Choice, own| {
            let cells = choice.cells(own);
            let words = cells.iter().map(|cell| cell.iptables.word());
            let mut words: Vec<&str> = words.collect();
            words.dedup();
            words
        };
        let choice = Choice::of_recipe(&whole());
        let of = |own| backends(&choice, own);
        assert_eq!(of(IptablesBackend::Nft), ["nft", "legacy", "nft"]);
        assert_eq!(of(IptablesBackend::Auto), ["auto", "legacy", "nft", "auto"]);
        let image = Choice::of_image();
        assert_eq!(backends(&image, IptablesBackend::Auto), ["auto"]);
    }

    #[test]
    fn an_image_without_a_recipe_has_one_cell_and_more_where_asked() {
        let mut choice = Choice::of_image();
        assert_eq!(names(&choice), ["docker.private.volume.legacy.daemon"]);
        choice.set(Axis::Engine, &["podman"]).expect("an engine");
        choice
            .set(Axis::Storage, &["loop", "tmpfs"])
            .expect("storages");
        assert_eq!(
            names(&choice),
            [
                "podman.private.loop.legacy.daemon",
                "podman.private.tmpfs.legacy.daemon"
            ]
        );
        assert_eq!(choice.engines(), [(SmokeEngine::Podman, SmokeHost::Here)]);
    }

    #[test]
    fn a_machine_has_its_own_storages_and_hosts_and_others_have_none_of_them() {
        let mut choice = Choice::of_recipe(&whole());
        choice.set(Axis::Engine, &["vm"]).expect("an engine");
        assert_eq!(
            names(&choice),
            [
                "vm.private.volume.legacy.daemon.bookworm-v2",
                "vm.host.volume.legacy.daemon.bookworm-v2",
                "vm.private.tmpfs.legacy.daemon.bookworm-v2",
                "vm.private.loop.legacy.daemon.bookworm-v2",
                "vm.private.virtiofs.legacy.daemon.bookworm-v2",
                "vm.private.virtiofs-memory.legacy.daemon.bookworm-v2",
                "vm.private.virtiofs-loop.legacy.daemon.bookworm-v2",
                "vm.private.virtiofs-refused.legacy.daemon.bookworm-v2",
                "vm.private.volume.nft.daemon.bookworm-v2",
                "vm.private.volume.legacy.command.bookworm-v2",
                "vm.private.volume.legacy.daemon.trixie-v2",
            ]
        );
        let hosts = [SmokeHost::BookwormV2, SmokeHost::TrixieV2];
        assert_eq!(choice.engines(), hosts.map(|host| (SmokeEngine::Vm, host)));

        choice.set(Axis::Host, &["here"]).expect("a host");
        choice.set(Axis::Storage, &["tmpfs"]).expect("a storage");
        choice
            .set(Axis::Engine, &["docker", "vm"])
            .expect("engines");
        let cells = names(&choice);
        assert_eq!(cells[0], "docker.private.tmpfs.legacy.daemon");
        assert_eq!(
            cells.last().map(String::as_str),
            Some("vm.private.tmpfs.legacy.daemon.bookworm-v2")
        );
    }

    #[test]
    fn an_engine_that_chooses_the_namespace_has_a_cell_for_each_that_it_can_give() {
        let mut choice = Choice::of_image();
        let engines = ["docker", "podman-kube", "kubernetes"];
        choice.set(Axis::Engine, &engines).expect("engines");
        assert_eq!(
            names(&choice),
            [
                "docker.private.volume.legacy.daemon",
                "podman-kube.private.volume.legacy.daemon",
                "podman-kube.host.volume.legacy.daemon",
                "kubernetes.host.volume.legacy.daemon",
            ]
        );
        choice.set(Axis::Engine, &["kubernetes"]).expect("engine");
        assert_eq!(names(&choice), ["kubernetes.host.volume.legacy.daemon"]);
        // What is asked for by name is there, and is said to be unproven.
        choice.set(Axis::Cgroup, &["private"]).expect("a namespace");
        assert_eq!(names(&choice), ["kubernetes.private.volume.legacy.daemon"]);
    }

    #[test]
    fn what_is_excluded_goes_and_what_is_included_comes_back() {
        let storage = |storage| PartialCell {
            storage: Some(storage),
            ..PartialCell::default()
        };
        let smoke = Smoke {
            exclude: vec![
                storage(SmokeStorage::Loop),
                PartialCell {
                    engine: Some(SmokeEngine::Podman),
                    ..storage(SmokeStorage::Volume)
                },
            ],
            include: vec![
                PartialCell {
                    engine: Some(SmokeEngine::Podman),
                    ..storage(SmokeStorage::Loop)
                },
                // There already: it is not run twice.
                storage(SmokeStorage::Tmpfs),
            ],
            ..whole()
        };
        let mut choice = Choice::of_recipe(&smoke);
        let cells = names(&choice);
        assert_eq!(cells.len(), 6, "{cells:?}");
        let of_podman = |cells: &[String]| -> Vec<String> {
            let of = cells.iter().filter(|cell| cell.starts_with("podman"));
            of.cloned().collect()
        };
        assert_eq!(of_podman(&cells), ["podman.private.loop.legacy.daemon"]);
        assert!(!cells.contains(&"docker.private.loop.legacy.daemon".to_owned()));

        choice.set(Axis::Engine, &["docker"]).expect("an engine");
        assert_eq!(of_podman(&names(&choice)), [""; 0]);
    }

    #[test]
    fn cells_that_are_named_are_the_only_ones() {
        let mut choice = Choice::of_recipe(&whole());
        let cell: Cell = "podman.host.tmpfs.nft.command".parse().expect("a cell");
        choice.only(vec![cell, cell]);
        assert_eq!(names(&choice), ["podman.host.tmpfs.nft.command"]);
        assert_eq!(choice.engines(), [(SmokeEngine::Podman, SmokeHost::Here)]);
    }

    #[test]
    fn a_value_the_axis_does_not_have_is_refused_with_the_nearest() {
        let mut choice = Choice::of_image();
        let error = choice.set(Axis::Mode, &["deamon"]).expect_err("no mode");
        assert!(error.contains("did you mean `daemon`?"), "{error}");
    }
}
