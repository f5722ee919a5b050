//! Gates: what has to be proven of an image, by statements of those who are trusted, before a tag
//! leads to it.
//!
//! Only statements whose signatures hold are judged here. One good statement opens a gate, and one
//! bad statement about the same digest keeps it shut: a failure is not outvoted by trying again.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::attest::{Said, predicate};
use crate::digest::Digest;
use crate::registry::Repository;

/// What has to be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// That the image keeps its promises on a real engine. An engine runs one platform: one that is
    /// proven is enough, and the others are named.
    Smoke,
    /// That what is in the image is what may be in it, of every platform.
    Audit,
}

/// Every gate by its word.
const GATES: [(&str, Gate); 2] = [("smoke", Gate::Smoke), ("audit", Gate::Audit)];

/// A word that names no gate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no gate `{0}` (smoke, audit)")]
pub struct UnknownGate(String);

/// The image in question.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where it is.
    pub repository: Repository,
    /// The digest of the whole.
    pub whole: Digest,
    /// Its platforms, each with the digest of its manifest; of an image without an index the whole
    /// is the one platform.
    pub platforms: Vec<(String, Digest)>,
}

/// Why a gate is shut, for one digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    gate: Gate,
    /// The platform, or nothing for the whole.
    platform: Option<String>,
    digest: Digest,
    /// The result that a trusted key has signed; nothing where none has.
    result: Option<String>,
}

/// Gates that are shut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Unmet {
    repository: Repository,
    whole: Digest,
    lacks: Vec<Lack>,
}

impl Gate {
    /// Its word, which is also the verb that proves it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Audit => "audit",
        }
    }

    /// How a statement of its says whose results it has: a name in the predicate's configuration.
    fn configuration(self) -> String {
        format!("dindimg {} report", self.word())
    }

    /// Whether a statement is about this gate.
    fn is_of(self, said: &Said) -> bool {
        let names = said.predicate["configuration"].as_array();
        let own = self.configuration();
        said.kind == predicate::TEST
            && names.is_some_and(|all| all.iter().any(|one| one["name"] == own.as_str()))
    }

    /// Remarks on what the gate lets through, or everything that keeps it shut.
    fn judge(self, image: &Candidate, said: &[Said]) -> Result<Vec<String>, Vec<Lack>> {
        let about: Vec<&Said> = said.iter().filter(|one| self.is_of(one)).collect();
        let lack = |platform: Option<&str>, digest: Digest, result: Option<&str>| Lack {
            gate: self,
            platform: platform.map(str::to_owned),
            digest,
            result: result.map(str::to_owned),
        };
        let whole = (None, image.whole);
        let platforms = image.platforms.iter();
        let platforms = platforms.map(|(name, digest)| (Some(name.as_str()), *digest));
        let parts: Vec<(Option<&str>, Digest)> = platforms.collect();
        let others = parts.iter().filter(|(_, digest)| *digest != image.whole);
        let mut bad = Vec::new();
        for (name, digest) in [whole].iter().chain(others) {
            let failed = about
                .iter()
                .find(|one| one.subjects.contains(digest) && !one.has_passed());
            bad.extend(failed.map(|one| lack(*name, *digest, Some(one.result()))));
        }
        if !bad.is_empty() {
            return Err(bad);
        }
        let is_proven = |digest: &Digest| about.iter().any(|one| one.subjects.contains(digest));
        let (proven, open): (Vec<_>, Vec<_>) =
            parts.iter().partition(|(_, digest)| is_proven(digest));
        let names = |of: &[(Option<&str>, Digest)]| {
            let names = of.iter().filter_map(|(name, _)| *name);
            names.collect::<Vec<_>>().join(", ")
        };
        let is_whole = is_proven(&image.whole);
        match self {
            Self::Smoke if !is_whole && proven.is_empty() => {
                Err(vec![lack(None, image.whole, None)])
            }
            // An image of no platform that runs was not looked at by anybody.
            Self::Audit if !is_whole && parts.is_empty() => {
                Err(vec![lack(None, image.whole, None)])
            }
            Self::Audit if !is_whole && !open.is_empty() => {
                let open = open.into_iter();
                Err(open
                    .map(|(name, digest)| lack(name, digest, None))
                    .collect())
            }
            Self::Smoke if !open.is_empty() => {
                let what = match (proven.is_empty(), names(&proven)) {
                    (true, _) => "the index as a whole".to_owned(),
                    (false, names) => names,
                };
                let open = names(&open);
                Ok(vec![format!(
                    "smoke: proven is {what}; not by itself: {open}"
                )])
            }
            Self::Smoke | Self::Audit => Ok(Vec::new()),
        }
    }
}

/// Judges every gate: remarks on what is let through.
///
/// # Errors
/// With everything that is missing or has failed, of all gates.
pub fn judge(gates: &[Gate], image: &Candidate, said: &[Said]) -> Result<Vec<String>, Unmet> {
    let (mut remarks, mut lacks) = (Vec::new(), Vec::new());
    let gates: BTreeSet<&Gate> = gates.iter().collect();
    for gate in gates {
        match gate.judge(image, said) {
            Ok(more) => remarks.extend(more),
            Err(more) => lacks.extend(more),
        }
    }
    if lacks.is_empty() {
        return Ok(remarks);
    }
    Err(Unmet {
        repository: image.repository.clone(),
        whole: image.whole,
        lacks,
    })
}

impl FromStr for Gate {
    type Err = UnknownGate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = GATES.iter().find(|(word, _)| *word == text);
        found
            .map(|(_, gate)| *gate)
            .ok_or_else(|| UnknownGate(text.to_owned()))
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            repository,
            whole,
            lacks,
        } = self;
        write!(
            f,
            "{repository}@{whole} is not proven as it has to be, and no tag has moved:"
        )?;
        for lack in lacks {
            let gate = lack.gate.word();
            let digest = lack.digest;
            let name = lack.platform.as_deref().unwrap_or("the image");
            match &lack.result {
                Some(result) => write!(
                    f,
                    "\n  {gate}: {name}, {digest}: a trusted key has signed the result {result}; publish another image, this one stays as it is"
                )?,
                None => write!(
                    f,
                    "\n  {gate}: {name}, {digest}: no trusted key has signed that it passed"
                )?,
            }
        }
        let mut gates: Vec<Gate> = lacks
            .iter()
            .filter(|lack| lack.result.is_none())
            .map(|lack| lack.gate)
            .collect();
        gates.dedup();
        for gate in gates {
            let (gate, image) = (gate.word(), format!("{repository}@{whole}"));
            write!(
                f,
                "\nrun `dindimg {gate} {image} --report {gate}.intoto.json`, then `dindimg sign {image} --key KEY --statement {gate}.intoto.json`"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GATE: [Gate; 2] = [Gate::Smoke, Gate::Audit];

    fn digest(of: &str) -> Digest {
        Digest::of(of)
    }

    fn index() -> Candidate {
        let platform = |name: &str| (name.to_owned(), digest(name));
        Candidate {
            repository: "r.example/x".parse().expect("a repository"),
            whole: digest("index"),
            platforms: vec![platform("linux/amd64"), platform("linux/arm64")],
        }
    }

    fn said(gate: Gate, result: &str, subjects: &[&str]) -> Said {
        Said {
            kind: predicate::TEST.to_owned(),
            subjects: subjects.iter().map(|one| digest(one)).collect(),
            predicate: json!({
                "result": result,
                "configuration": [{ "name": "other" }, { "name": gate.configuration() }],
            }),
        }
    }

    fn refused(gates: &[Gate], said: &[Said]) -> String {
        judge(gates, &index(), said)
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn an_image_without_a_platform_that_runs_passes_no_gate_by_itself() {
        let empty = Candidate {
            platforms: Vec::new(),
            ..index()
        };
        for gate in GATE {
            assert!(judge(&[gate], &empty, &[]).is_err());
            let whole = said(gate, "PASSED", &["index"]);
            assert!(judge(&[gate], &empty, &[whole]).is_ok());
        }
    }

    #[test]
    fn what_nobody_proved_is_named_with_what_proves_it() {
        let error = refused(&GATE, &[]);
        let smoke = format!("smoke: the image, {}: no trusted key", digest("index"));
        assert!(error.contains(&smoke), "{error}");
        for platform in ["linux/amd64", "linux/arm64"] {
            let audit = format!("audit: {platform}, {}: no trusted key", digest(platform));
            assert!(error.contains(&audit), "{error}");
        }
        for verb in ["smoke", "audit"] {
            let how = format!("dindimg {verb} r.example/x@{} --report", digest("index"));
            assert!(error.contains(&how), "{error}");
        }
    }

    #[test]
    fn the_index_stands_for_its_platforms_and_a_platform_for_itself() {
        for gate in GATE {
            for result in ["PASSED", "WARNED"] {
                let all = said(gate, result, &["index"]);
                assert!(judge(&[gate], &index(), &[all]).is_ok(), "{gate:?}");
                let each = said(gate, result, &["linux/amd64", "linux/arm64"]);
                let remarks = judge(&[gate], &index(), &[each]).expect("each platform");
                assert!(remarks.is_empty(), "{remarks:?}");
            }
        }
        let one = said(Gate::Audit, "PASSED", &["linux/amd64"]);
        let error = refused(&[Gate::Audit], std::slice::from_ref(&one));
        assert!(error.contains("linux/arm64, "), "{error}");
        assert!(!error.contains("linux/amd64, "), "{error}");
        let other = said(Gate::Audit, "PASSED", &["linux/arm64"]);
        assert!(judge(&[Gate::Audit], &index(), &[one, other]).is_ok());
    }

    #[test]
    fn a_smoke_of_one_platform_is_enough_and_says_which_were_not_proven() {
        let one = said(Gate::Smoke, "PASSED", &["linux/arm64"]);
        let remarks = judge(&[Gate::Smoke], &index(), &[one]).expect("proven");
        let wanted = "smoke: proven is linux/arm64; not by itself: linux/amd64";
        assert_eq!(remarks, [wanted]);
        let whole = said(Gate::Smoke, "PASSED", &["index"]);
        let remarks = judge(&[Gate::Smoke], &index(), &[whole]).expect("proven");
        let wanted =
            "smoke: proven is the index as a whole; not by itself: linux/amd64, linux/arm64";
        assert_eq!(remarks, [wanted]);
    }

    #[test]
    fn one_failure_is_not_outvoted() {
        let good = said(Gate::Smoke, "PASSED", &["index", "linux/amd64"]);
        for (subject, result) in [
            ("linux/arm64", "FAILED"),
            ("index", "FAILED"),
            ("index", "no"),
        ] {
            let bad = said(Gate::Smoke, result, &[subject]);
            let error = refused(&[Gate::Smoke], &[good.clone(), bad]);
            let wanted = format!("has signed the result {result}");
            assert!(error.contains(&wanted), "{error}");
            assert!(!error.contains("dindimg sign"), "{error}");
        }
        // Of another image it is no matter.
        let foreign = said(Gate::Smoke, "FAILED", &["another"]);
        assert!(judge(&[Gate::Smoke], &index(), &[good, foreign]).is_ok());
    }

    #[test]
    fn a_statement_of_another_gate_or_kind_opens_nothing() {
        let audit = said(Gate::Audit, "PASSED", &["index"]);
        assert!(judge(&[Gate::Smoke], &index(), &[audit]).is_err());
        let mut other = said(Gate::Smoke, "PASSED", &["index"]);
        other.kind = predicate::PROVENANCE.to_owned();
        assert!(judge(&[Gate::Smoke], &index(), &[other]).is_err());
        let mut nameless = said(Gate::Smoke, "PASSED", &["index"]);
        nameless.predicate = json!({ "result": "PASSED" });
        assert!(judge(&[Gate::Smoke], &index(), &[nameless]).is_err());
        // Nor does one about another image.
        let foreign = said(Gate::Smoke, "PASSED", &["another"]);
        assert!(judge(&[Gate::Smoke], &index(), &[foreign]).is_err());
    }

    #[test]
    fn an_image_without_an_index_is_its_own_platform() {
        let mut image = index();
        image.platforms = vec![("linux/amd64".to_owned(), image.whole)];
        for gate in GATE {
            let error = judge(&[gate, gate], &image, &[])
                .expect_err("refused")
                .to_string();
            assert_eq!(error.matches("no trusted key").count(), 1, "{error}");
            let good = said(gate, "WARNED", &["index"]);
            let remarks = judge(&[gate], &image, &[good]).expect("proven");
            assert!(remarks.is_empty(), "{remarks:?}");
            let bad = said(gate, "FAILED", &["index"]);
            let error = judge(&[gate], &image, &[bad])
                .expect_err("refused")
                .to_string();
            assert_eq!(error.matches("FAILED").count(), 1, "{error}");
        }
    }

    #[test]
    fn gates_have_words() {
        assert_eq!("audit".parse(), Ok(Gate::Audit));
        let error = "lint".parse::<Gate>().expect_err("unknown").to_string();
        assert!(error.contains("smoke, audit"), "{error}");
    }
}
