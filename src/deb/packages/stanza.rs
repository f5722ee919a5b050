//! From the fields of a stanza to the package they describe.

use deb822_fast::borrowed::BorrowedParagraph;

use super::{Control, MultiArch, PackageRecord, Priority, StanzaProblem};
use crate::deb::relation::is_package_name;

/// The fields of a stanza that matter here, gathered in one pass; the others are left alone.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) version: Option<&'a str>,
    pub(super) architecture: Option<&'a str>,
    multi_arch: Option<&'a str>,
    essential: Option<&'a str>,
    important: Option<&'a str>,
    protected: Option<&'a str>,
    priority: Option<&'a str>,
    section: Option<&'a str>,
    source: Option<&'a str>,
    installed_size: Option<&'a str>,
    filename: Option<&'a str>,
    size: Option<&'a str>,
    sha256: Option<&'a str>,
    relations: [Option<Box<str>>; RELATIONS.len()],
}

/// The relationship fields, in the order of [`Fields::relations`].
const RELATIONS: [&str; 9] = [
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Enhances",
    "Conflicts",
    "Breaks",
    "Replaces",
    "Provides",
];

impl<'a> Fields<'a> {
    pub(super) fn collect(stanza: &BorrowedParagraph<'a>) -> Result<Self, StanzaProblem> {
        let mut fields = Self::default();
        for field in stanza.iter() {
            let repeated = || StanzaProblem::Repeated(field.name().to_owned());
            if let Some(slot) = fields.simple(field.name()) {
                let value = field.lines().first().copied().unwrap_or_default().trim();
                if slot.replace(value).is_some() {
                    return Err(repeated());
                }
            } else if let Some(at) = RELATIONS
                .iter()
                .position(|name| name.eq_ignore_ascii_case(field.name()))
            {
                // These may be folded over several lines (Policy 5.1).
                let value = match field.as_single_line() {
                    Some(line) => line.trim().into(),
                    None => field.lines().join(" ").trim().into(),
                };
                if fields.relations[at].replace(value).is_some() {
                    return Err(repeated());
                }
            }
        }
        Ok(fields)
    }

    /// The slot of a single-line field; field names are case-insensitive (Policy 5.1).
    fn simple(&mut self, name: &str) -> Option<&mut Option<&'a str>> {
        let slots: [(&str, &mut Option<&'a str>); 14] = [
            ("Package", &mut self.name),
            ("Version", &mut self.version),
            ("Architecture", &mut self.architecture),
            ("Multi-Arch", &mut self.multi_arch),
            ("Essential", &mut self.essential),
            ("Important", &mut self.important),
            ("Protected", &mut self.protected),
            ("Priority", &mut self.priority),
            ("Section", &mut self.section),
            ("Source", &mut self.source),
            ("Installed-Size", &mut self.installed_size),
            ("Filename", &mut self.filename),
            ("Size", &mut self.size),
            ("SHA256", &mut self.sha256),
        ];
        slots
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, slot)| slot)
    }

    pub(super) fn record(&mut self) -> Result<PackageRecord, StanzaProblem> {
        let filename = self.filename.ok_or(StanzaProblem::Missing("Filename"))?;
        let size = self.size.ok_or(StanzaProblem::Missing("Size"))?;
        let sha256 = self.sha256.ok_or(StanzaProblem::Missing("SHA256"))?;
        Ok(PackageRecord {
            filename: plain_path(filename)
                .ok_or_else(|| StanzaProblem::Filename(filename.to_owned()))?
                .into(),
            size: number("Size", size)?,
            sha256: sha256.parse()?,
            control: self.control()?,
        })
    }

    pub(super) fn control(&mut self) -> Result<Control, StanzaProblem> {
        let name = self.name.ok_or(StanzaProblem::Missing("Package"))?;
        let version = self.version.ok_or(StanzaProblem::Missing("Version"))?;
        let architecture = self
            .architecture
            .ok_or(StanzaProblem::Missing("Architecture"))?;
        if !is_package_name(name) {
            return Err(StanzaProblem::Name);
        }
        let (source_name, source_version) = match self.source.map(|s| (s, s.split_once('('))) {
            None => (None, None),
            Some((source, None)) => (Some(source), None),
            Some((_, Some((source, version)))) => {
                let version = version.trim_end().trim_end_matches(')').trim();
                (Some(source.trim_end()), Some(version.parse()?))
            }
        };
        let [
            depends,
            pre_depends,
            recommends,
            suggests,
            enhances,
            conflicts,
            breaks,
            replaces,
            provides,
        ] = self
            .relations
            .each_mut()
            .map(|field| field.take().unwrap_or_default());
        Ok(Control {
            name: name.into(),
            version: version.parse()?,
            architecture: architecture.into(),
            multi_arch: multi_arch(self.multi_arch)?,
            essential: yes("Essential", self.essential)?,
            protected: yes("Important", self.important)? | yes("Protected", self.protected)?,
            priority: priority(self.priority),
            section: self.section.unwrap_or_default().into(),
            source_name: source_name.map(Into::into),
            source_version,
            depends,
            pre_depends,
            recommends,
            suggests,
            enhances,
            conflicts,
            breaks,
            replaces,
            provides,
            installed_size: self
                .installed_size
                .map(|size| number("Installed-Size", size))
                .transpose()?,
        })
    }
}

fn number(field: &'static str, value: &str) -> Result<u64, StanzaProblem> {
    value.parse().map_err(|_| StanzaProblem::Value {
        field,
        value: value.to_owned(),
    })
}

fn yes(field: &'static str, value: Option<&str>) -> Result<bool, StanzaProblem> {
    match value {
        None | Some("no") => Ok(false),
        Some("yes") => Ok(true),
        Some(value) => Err(StanzaProblem::Value {
            field,
            value: value.to_owned(),
        }),
    }
}

fn multi_arch(value: Option<&str>) -> Result<MultiArch, StanzaProblem> {
    match value {
        None | Some("no") => Ok(MultiArch::No),
        Some("same") => Ok(MultiArch::Same),
        Some("foreign") => Ok(MultiArch::Foreign),
        Some("allowed") => Ok(MultiArch::Allowed),
        Some(value) => Err(StanzaProblem::Value {
            field: "Multi-Arch",
            value: value.to_owned(),
        }),
    }
}

fn priority(value: Option<&str>) -> Priority {
    match value {
        Some("required") => Priority::Required,
        Some("important") => Priority::Important,
        Some("standard") => Priority::Standard,
        Some("extra") => Priority::Extra,
        _ => Priority::Optional,
    }
}

/// The path without the leading `./` of flat repositories, if every component is a plain name
/// that no reader of paths or URLs takes for anything else.
pub(super) fn plain_path(path: &str) -> Option<&str> {
    let path = path.strip_prefix("./").unwrap_or(path);
    let plain = |component: &str| {
        !matches!(
            component.to_ascii_lowercase().replace("%2e", ".").as_str(),
            "" | "." | ".."
        )
    };
    let safe = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '\\' | '?' | '#');
    (path.chars().all(safe) && path.split('/').all(plain)).then_some(path)
}
