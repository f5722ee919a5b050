//! Reports of many machines, joined.

use super::{SCHEMA, SmokeReport, Verdict};

/// Why reports cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A file is no report.
    #[error("{name} is not a smoke report: {source}")]
    Json {
        /// The file.
        name: String,
        /// Where the JSON is wrong.
        source: serde_json::Error,
    },
    /// A report is of another version of this program.
    #[error(
        "{name} has schema {schema}, this program joins {SCHEMA}; make it anew with one version"
    )]
    Schema {
        /// The file.
        name: String,
        /// The schema it has.
        schema: u64,
    },
    /// The reports are about different images.
    #[error("the reports are of different images, which prove nothing together: {}", list(.images))]
    Images {
        /// File, image and digest of each report.
        images: Vec<(String, String, String)>,
    },
    /// There is nothing to join.
    #[error("no report is named")]
    Nothing,
}

fn list(images: &[(String, String, String)]) -> String {
    let one =
        |(name, image, digest): &(String, String, String)| format!("{name}: {image} {digest}");
    images.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl SmokeReport {
    /// Reads the JSON form.
    ///
    /// # Errors
    /// [`MergeError::Json`] and [`MergeError::Schema`], without the name of a file.
    pub fn parse(text: &str) -> Result<Self, MergeError> {
        Self::parse_named("it", text)
    }

    fn parse_named(name: &str, text: &str) -> Result<Self, MergeError> {
        let json = |source| MergeError::Json {
            name: name.to_owned(),
            source,
        };
        // The version first: another one may have other fields.
        let value: serde_json::Value = serde_json::from_str(text).map_err(json)?;
        match value["schema"].as_u64() {
            Some(schema) if schema != u64::from(SCHEMA) => Err(MergeError::Schema {
                name: name.to_owned(),
                schema,
            }),
            _ => serde_json::from_value(value).map_err(json),
        }
    }

    /// Joins reports, each a name and its JSON text, into the report of their cells in the order
    /// they are given. What was proven anywhere replaces what is unproven elsewhere; a cell that
    /// ran on several machines is there for each of them.
    ///
    /// # Errors
    /// See [`MergeError`].
    pub fn merge(texts: &[(String, String)]) -> Result<Self, MergeError> {
        let reports = texts
            .iter()
            .map(|(name, text)| Self::parse_named(name, text))
            .collect::<Result<Vec<_>, _>>()?;
        let first = reports.first().ok_or(MergeError::Nothing)?;
        if reports.iter().any(|report| report.digest != first.digest) {
            let named = texts.iter().zip(&reports);
            return Err(MergeError::Images {
                images: named
                    .map(|((name, _), report)| {
                        (name.clone(), report.image.clone(), report.digest.clone())
                    })
                    .collect(),
            });
        }
        let mut merged = Self {
            cells: Vec::new(),
            ..first.clone()
        };
        for cell in reports.into_iter().flat_map(|report| report.cells) {
            let unproven = cell.verdict == Verdict::Unproven;
            let same = merged.cells.iter().position(|known| known.is_of(&cell));
            match same {
                Some(at) if merged.cells[at].verdict == Verdict::Unproven => {
                    if !unproven {
                        merged.cells[at] = cell;
                    }
                }
                Some(_) if unproven || merged.cells.contains(&cell) => {}
                _ => merged.cells.push(cell),
            }
        }
        Ok(merged)
    }
}

#[cfg(test)]
mod tests {
    use super::super::CellResult;
    use super::super::tests::{ran, report, unproven};
    use super::*;

    const DOCKER: &str = "docker.private.volume.legacy.daemon";
    const PODMAN: &str = "podman.private.volume.legacy.daemon";

    fn of(cells: Vec<CellResult>) -> SmokeReport {
        SmokeReport { cells, ..report() }
    }

    fn merge(reports: &[SmokeReport]) -> Result<SmokeReport, MergeError> {
        let texts = reports.iter().enumerate();
        let texts: Vec<_> = texts
            .map(|(at, report)| (format!("{at}.json"), report.json()))
            .collect();
        SmokeReport::merge(&texts)
    }

    fn cells(report: &SmokeReport) -> Vec<(&str, &str)> {
        let cells = report.cells.iter();
        cells
            .map(|cell| (cell.name.as_str(), cell.verdict.word()))
            .collect()
    }

    #[test]
    fn what_one_machine_proved_stands_for_what_another_could_not() {
        let one = of(vec![ran(DOCKER, vec![]), unproven(PODMAN)]);
        let other = of(vec![unproven(DOCKER), ran(PODMAN, vec![])]);
        for order in [[one.clone(), other.clone()], [other, one]] {
            let merged = merge(&order).expect("one image");
            assert_eq!(cells(&merged), [(DOCKER, "passed"), (PODMAN, "passed")]);
        }
    }

    #[test]
    fn a_cell_of_two_machines_is_there_twice_and_one_report_given_twice_is_not() {
        let here = of(vec![ran(DOCKER, vec![])]);
        let mut there = here.clone();
        there.cells[0].verdict = Verdict::Failed;
        let merged = merge(&[here.clone(), there.clone(), here]).expect("one image");
        assert_eq!(cells(&merged), [(DOCKER, "passed"), (DOCKER, "failed")]);
        assert!(!merged.passed());
    }

    #[test]
    fn reports_of_different_images_are_refused_and_named() {
        let other = SmokeReport {
            digest: "sha256:ff".to_owned(),
            ..report()
        };
        let error = merge(&[report(), other])
            .expect_err("two images")
            .to_string();
        for part in ["0.json", "sha256:00", "1.json", "sha256:ff"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_is_no_report_of_this_version_is_refused_by_its_name() {
        let merge = |text: &str| {
            let text = ("x.json".to_owned(), text.to_owned());
            SmokeReport::merge(&[text])
                .expect_err("no report")
                .to_string()
        };
        let older = r#"{"schema":1,"image":"x","engine":{}}"#;
        assert!(merge(older).starts_with("x.json has schema 1, this program joins 3"));
        assert!(merge("{}").starts_with("x.json is not a smoke report: missing field"));
        assert!(matches!(SmokeReport::merge(&[]), Err(MergeError::Nothing)));
    }
}
