//! Pushing to a registry on this machine.

use crate::docker_registry::{DockerRegistry, Setup};
use crate::run::{self, Sample};
use crate::table::Table;
use crate::workshop::{SUBJECTS, Workshop, platform};

/// An image that the registry has not, and one that it has. The build before the push finds
/// nothing changed; its time is in the figure.
pub fn push(workshop: &Workshop, table: &mut Table<'_>) {
    for subject in SUBJECTS {
        let label = subject.label;
        workshop.prepare(subject.recipe);
        let cache = workshop.packages_cached();
        let image = cache.path().join("image");
        run::timed(&mut workshop.build(subject, cache.path(), &image));
        let push = |registry: &DockerRegistry| {
            let mut push = workshop.dindimg(cache.path());
            push.args(["build", "--locked", "--offline", "--push"])
                .args(["--platform", platform()])
                .arg("--repository")
                .arg(format!("{}/ci/dind", registry.address()))
                .arg(workshop.recipe(subject.recipe))
                .args(subject.arguments);
            run::timed(&mut push)
        };
        let pairs: Vec<(Sample, Sample)> = (0..table.count(3))
            .map(|_| {
                let registry = DockerRegistry::start(Setup::default());
                (push(&registry), push(&registry))
            })
            .collect();
        let (first, again): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let command = format!("`build {label} --locked --push`, to Debian's docker-registry");
        table.runs(
            &format!("push-{label}-first"),
            &format!("{label}, built already, first push"),
            &first,
            &command,
        );
        table.runs(
            &format!("push-{label}-again"),
            &format!("{label}, the same pushed again"),
            &again,
            &command,
        );
    }
}
