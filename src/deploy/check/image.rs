//! References of images, and what their names tell.

/// An image's reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// As it is written.
    pub text: String,
    /// Everything before the tag and the digest.
    pub repository: String,
    /// The last part of the repository.
    pub name: String,
    /// The tag.
    pub tag: Option<String>,
    /// It has a digest.
    pub digest: bool,
    /// Something else decides a part of it.
    pub open: bool,
}

impl Reference {
    /// Reads a reference.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        let (rest, digest) = match text.split_once('@') {
            Some((rest, _)) => (rest, true),
            None => (text, false),
        };
        let from = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (end, tag) = match rest[from..].find(':') {
            Some(colon) => (from + colon, Some(rest[from + colon + 1..].to_owned())),
            None => (rest.len(), None),
        };
        Self {
            text: text.to_owned(),
            repository: rest[..end].to_owned(),
            name: rest[from..end].to_owned(),
            tag,
            digest,
            open: text.contains('$'),
        }
    }

    /// Whether the name or the tag has a word between its hyphens and dots.
    fn has(&self, word: &str) -> bool {
        let tag = self.tag.as_deref().unwrap_or_default();
        let between = ['-', '_', '.', ':'];
        let mut words = self.name.split(between).chain(tag.split(between));
        words.any(|one| one.eq_ignore_ascii_case(word))
    }

    /// Docker's own image, of whatever registry's copy.
    pub fn official(&self) -> bool {
        self.name == "docker"
    }

    /// An image that runs a daemon, by its name.
    pub fn daemon(&self) -> bool {
        self.has("dind") || self.machine() || self.name == "kind-cluster"
    }

    /// A machine with systemd, or a node of kind.
    pub fn machine(&self) -> bool {
        self.has("kicbase") || self.has("vmlc") || self.repository.ends_with("kindest/node")
    }

    /// A daemon of a user's.
    pub fn rootless(&self) -> bool {
        self.has("rootless")
    }

    /// An image that has a client and no daemon.
    pub fn client(&self) -> bool {
        self.has("cli") && !self.daemon()
    }

    /// Its tag is of one version, as far as one can see: it has a number that is not of a distribution.
    pub fn versioned(&self) -> bool {
        let tag = self.tag.as_deref().unwrap_or_default();
        tag != "latest" && tag.contains(|c: char| c.is_ascii_digit())
    }

    /// The first number of the tag.
    pub fn major(&self) -> Option<u32> {
        let tag = self.tag.as_deref()?;
        let end = tag.find(|c: char| !c.is_ascii_digit()).unwrap_or(tag.len());
        tag[..end].parse().ok()
    }

    /// Names by which GitLab's jobs reach a service of it that has no alias.
    pub fn gitlab_names(&self) -> Vec<String> {
        let name = &self.repository;
        vec![name.replace('/', "__"), name.replace('/', "-")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_an_image_is() {
        for (text, daemon, machine, official) in [
            ("docker:dind", true, false, true),
            ("docker:24.0.7-dind-alpine3.18", true, false, true),
            (
                "mirror.example.com:5000/library/docker:24-dind-rootless@sha256:00",
                true,
                false,
                true,
            ),
            ("registry.example.com/ci/dind:1", true, false, false),
            ("jieyu/dind-buster:v0.1.8", true, false, false),
            ("cruizba/ubuntu-dind", true, false, false),
            ("gcr.io/k8s-minikube/kicbase:v0.0.50", true, true, false),
            ("kindest/node:v1.35.0", true, true, false),
            ("ci/kind-cluster:1", true, false, false),
            ("ci/vmlc-trixie:1", true, true, false),
            ("docker:cli", false, false, true),
            ("docker", false, false, true),
            ("dindex/search:1", false, false, false),
            ("localhost:5000/app", false, false, false),
        ] {
            let image = Reference::new(text);
            let found = (image.daemon(), image.machine(), image.official());
            assert_eq!(found, (daemon, machine, official), "{text}");
        }
        let image = Reference::new("localhost:5000/a/app");
        assert_eq!(
            (image.repository.as_str(), image.tag),
            ("localhost:5000/a/app", None)
        );
        assert_eq!(Reference::new("docker:24-dind").major(), Some(24));
        assert!(!Reference::new("docker:dind").versioned());
    }
}
