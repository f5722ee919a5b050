//! Walking through containers.

use super::daemon::Daemon;
use super::error::{CheckError, Limit};
use super::model::{Container, Group, Manifest, Platform, is_local};

/// Most containers: rules look at pairs of them.
const CONTAINERS: usize = 2_000;

impl Manifest {
    /// Takes up a group.
    pub fn add(&mut self, group: Group) -> Result<(), CheckError> {
        let known: usize = self.groups.iter().map(|group| group.containers.len()).sum();
        Self::room(known + group.containers.len())?;
        Self::room(self.groups.len())?;
        self.groups.push(group);
        Ok(())
    }

    /// Whether so many containers can be checked.
    pub fn room(containers: usize) -> Result<(), CheckError> {
        match containers > CONTAINERS {
            true => Err(CheckError::TooLarge(Limit::Containers(CONTAINERS))),
            false => Ok(()),
        }
    }

    /// Every container that runs a daemon.
    pub fn daemons(&self) -> impl Iterator<Item = (&Group, &Container, &Daemon)> {
        self.groups.iter().flat_map(|group| group.daemons())
    }

    /// Every container.
    pub fn containers(&self) -> impl Iterator<Item = (&Group, &Container)> {
        let of = |group| -> Vec<(&Group, &Container)> {
            let group: &Group = group;
            group.containers.iter().map(|one| (group, one)).collect()
        };
        self.groups.iter().flat_map(of)
    }
}

impl Group {
    /// Its containers that run a daemon.
    pub fn daemons(&self) -> impl Iterator<Item = (&Self, &Container, &Daemon)> {
        let daemon = move |one| {
            let one: &Container = one;
            Some((self, one, one.daemon.as_ref()?))
        };
        self.containers.iter().filter_map(daemon)
    }

    /// The daemon that is reached from a container by the name of a host.
    pub fn reached(&self, from: &Container, host: &str) -> Option<(&Container, &Daemon)> {
        let local = is_local(host);
        let reached = |(_, one, _): &(&Self, &Container, &Daemon)| match local {
            true if self.platform == Platform::Kubernetes => true,
            true => {
                one.name == from.name
                    || from.joins.as_deref() == Some(&one.name)
                    || one.joins.as_deref() == Some(&from.name)
                    || one.names.iter().any(|name| name == "localhost")
            }
            false => one.names.iter().any(|name| name == host),
        };
        let mut found = self.daemons().filter(reached);
        // Of several in one pod nobody can say which one has the port.
        let (_, one, daemon) = found.next()?;
        found.next().is_none().then_some((one, daemon))
    }
}
