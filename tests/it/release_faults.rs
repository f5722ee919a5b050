//! Releases to registries that fail, limit and forget: no tag moves early, and running it again
//! ends in a whole release, whatever was in the way.

use std::time::Duration;

use crate::cutting_proxy::CuttingProxy;
use crate::fake_registry::{FakeRegistry, Faults, Tokens};
use crate::release::Site;

/// The tags of the recipe's default image.
const TAGS: [&str; 2] = ["bookworm", "latest"];
const MANIFEST: &str = "PUT /v2/ci/image/manifests/";

struct Trial {
    registry: FakeRegistry,
    site: Site,
}

impl Trial {
    fn new(faults: Faults) -> Self {
        let registry = FakeRegistry::start(faults);
        let mut site = Site::new();
        site.repository = format!("{}/ci/image", registry.address());
        Self { registry, site }
    }

    fn release(&self) -> crate::product::Run {
        self.site
            .release(&["--variant=default", "--platform=linux/amd64"])
    }

    /// The requests that moved a tag of the recipe, by their positions.
    fn tags_put(&self) -> Vec<usize> {
        let put = |tag: &&str| self.registry.positions(&format!("{MANIFEST}{tag}"));
        TAGS.iter().flat_map(put).collect()
    }

    /// Everything is there and signed, and running it again sends nothing.
    fn is_whole(&self) {
        self.site.verify("latest", "key.pub", &[]).good();
        let before = self.registry.log().len();
        self.release().good();
        let log = self.registry.log();
        let sent: Vec<&String> = log[before..]
            .iter()
            .filter(|line| !line.starts_with("GET") && !line.starts_with("HEAD"))
            .collect();
        assert!(sent.is_empty(), "{sent:?}");
    }
}

#[test]
fn a_release_survives_what_passes() {
    let faults = [
        Faults {
            throttle: Some((MANIFEST, Duration::from_secs(1))),
            ..Faults::default()
        },
        Faults {
            fail: Some((MANIFEST, 503, 2)),
            ..Faults::default()
        },
        Faults {
            fail: Some(("POST /v2/ci/image/blobs/uploads/", 502, 2)),
            ..Faults::default()
        },
        Faults {
            tokens: Some(Tokens {
                end_after: Some(25),
                ..Tokens::default()
            }),
            ..Faults::default()
        },
        Faults {
            no_digest: true,
            ..Faults::default()
        },
    ];
    for fault in faults {
        let trial = Trial::new(fault);
        let run = trial.release();
        assert_eq!(
            run.code,
            Some(0),
            "{}\n{:#?}",
            run.stderr,
            trial.registry.log()
        );
        let tags = trial.tags_put();
        let documents = trial.registry.positions(&format!("{MANIFEST}sha256"));
        assert!(
            documents.last() < tags.first(),
            "{:?}",
            trial.registry.log()
        );
        assert_eq!(trial.registry.open_sessions(), 0);
        assert!(trial.registry.hits() > 0, "the fault has come to pass");
        trial.is_whole();
    }
}

#[test]
fn no_fault_of_what_is_attached_moves_a_tag_and_the_next_run_finishes() {
    // Manifests of the image are sent first, then what is attached: each place is one to fail at.
    let refused: [&'static str; 4] = [
        "PUT /v2/ci/image/manifests/sha256:",
        // The tags by which attachments and signatures are found.
        "PUT /v2/ci/image/manifests/sha256-",
        "PUT /v2/ci/image/blobs/",
        "PUT /v2/ci/image/manifests/latest",
    ];
    for start in refused {
        let trial = Trial::new(Faults {
            fail: Some((start, 400, usize::MAX)),
            ..Faults::default()
        });
        let said = trial.release().failed(5);
        assert!(said.contains("the fake says so"), "{said}");
        if !start.ends_with("latest") {
            assert_eq!(trial.tags_put(), [] as [usize; 0], "{start}");
        }
        trial.registry.heal();
        trial.release().good();
        trial.is_whole();
    }
}

#[test]
fn an_attachment_that_is_not_what_was_sent_is_not_believed() {
    let lie = dindimg::digest::Digest::of("other");
    let trial = Trial::new(Faults {
        lie: Some(("PUT /v2/ci/image/manifests/sha256-", lie)),
        ..Faults::default()
    });
    trial.release().failed(4);
    assert_eq!(trial.tags_put(), [] as [usize; 0]);
    trial.registry.heal();
    trial.release().good();
    trial.is_whole();
}

#[test]
fn a_connection_that_is_cut_in_the_middle_leaves_no_tag_and_the_next_run_finishes() {
    let mut site = Site::new();
    let direct = site.repository.clone();
    // Not the packages' layers but what comes after them is cut at these.
    for allowance in [20_000, 400_000] {
        let proxy = CuttingProxy::start(site.registry.address(), allowance);
        let name = format!("ci/cut{allowance}");
        site.repository = format!("{}/{name}", proxy.address());
        let one = ["--variant=default", "--platform=linux/amd64"];
        site.release(&one).failed(5);
        proxy.heal();
        let tags = format!("http://{}/v2/{name}/tags/list", proxy.address());
        let list = text_at(&tags);
        for tag in TAGS {
            assert!(!list.contains(&format!("\"{tag}\"")), "{list}");
        }
        site.release(&one).good();
        site.verify("latest", "key.pub", &[]).good();
    }
    site.repository = direct;
}

/// The body of an answer, whatever its status.
fn text_at(address: &str) -> String {
    let output = std::process::Command::new("curl")
        .args(["--silent", "--show-error", address])
        .output()
        .expect("curl runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
