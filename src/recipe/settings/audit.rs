//! `[audit]`: what the audit of an image is told to accept, and why.

use glob::Pattern;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::super::merge::{Merge, merge_fields};
use super::super::rules::AuditRule;
use super::super::values::PathPattern;

/// `[audit]`
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(in crate::recipe) struct RawAudit {
    /// Findings that are accepted.
    pub waive: RawWaivers,
}

merge_fields!(RawAudit { waive });

/// The waivers of one file, in its order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(in crate::recipe) struct RawWaivers(Vec<Waiver>);

impl JsonSchema for RawWaivers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RawWaivers".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let waiver = generator.subschema_for::<Waiver>();
        json_schema!({ "type": "array", "items": waiver })
    }
}

impl Merge for RawWaivers {
    /// Waivers add up; one of the same findings takes the earlier one's place.
    fn merge(mut self, over: Self) -> Self {
        let replaced = |one: &Waiver| {
            let same = |new: &Waiver| new.rules == one.rules && new.path == one.path;
            over.0.iter().any(same)
        };
        self.0.retain(|one| !replaced(one));
        self.0.extend(over.0);
        self
    }
}

/// `[[audit.waive]]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Waiver {
    /// The rules whose findings are accepted.
    #[schemars(extend("examples" = [["package-manager"]]))]
    pub rules: Vec<AuditRule>,
    /// Only those about these paths, with `*`, `?` and `[…]`, of which `*` matches `/` too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = ["/usr/bin/apt*"]))]
    pub path: Option<PathPattern>,
    /// Why; reports have it beside the finding.
    #[schemars(extend("examples" = ["jobs install their own tools"]))]
    pub reason: String,
}

impl Waiver {
    /// Whether it accepts a finding of `rule` about `place`: an absolute path, or a setting.
    pub fn accepts(&self, rule: AuditRule, place: &str) -> bool {
        let fits = |pattern: &PathPattern| {
            Pattern::new(pattern.as_str()).is_ok_and(|pattern| pattern.matches(place))
        };
        self.rules.contains(&rule) && self.path.as_ref().is_none_or(fits)
    }
}

impl RawAudit {
    pub(in crate::recipe) fn finish(self) -> Result<Vec<Waiver>, String> {
        for waiver in &self.waive.0 {
            let names: Vec<&str> = waiver.rules.iter().map(|rule| rule.word()).collect();
            if names.is_empty() {
                return Err(format!(
                    "[[audit.waive]] for `{}` names no rules; `dindimg audit --rules` lists them",
                    waiver.reason
                ));
            }
            if waiver.reason.trim().is_empty() {
                return Err(format!(
                    "[[audit.waive]] of {} has an empty `reason`; say why its findings are accepted",
                    names.join(", ")
                ));
            }
        }
        Ok(self.waive.0)
    }
}
