//! debconf's databases: templates as packages ship them, and the questions asked from them.
//!
//! What is read and written follows `Debconf::Template` (`load`) and `Debconf::Format::822`
//! (`write`) of the debconf package, so that the files are those of a real installation.

use std::collections::{BTreeMap, BTreeSet};

/// One template: field names in lower case, long texts under `extended_FIELD`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// `PACKAGE/NAME`.
    pub name: String,
    /// Every field but `template`.
    pub fields: BTreeMap<String, String>,
}

impl Template {
    /// The answer the package proposes.
    pub fn default_value(&self) -> Option<&str> {
        self.fields.get("default").map(String::as_str)
    }
}

/// Reads a `templates` control file (debconf-devel(7)). The error is the offending line.
pub fn parse(text: &str) -> Result<Vec<Template>, String> {
    text.split("\n\n")
        .map(|stanza| stanza.trim_matches('\n'))
        .filter(|stanza| !stanza.is_empty())
        .map(template)
        .collect()
}

fn template(stanza: &str) -> Result<Template, String> {
    let mut fields = BTreeMap::new();
    let mut current: Option<(String, String, String)> = None;
    for line in stanza.split('\n') {
        if let Some((name, value)) = field(line) {
            save(&mut fields, current.replace((name, value, String::new())));
        } else if let (Some((_, _, extended)), Some(rest)) = (
            &mut current,
            line.strip_prefix(|c: char| c.is_ascii_whitespace()),
        ) {
            extend(extended, rest);
        } else {
            return Err(line.to_owned());
        }
    }
    save(&mut fields, current);
    let name = fields.remove("template");
    let first = || stanza.lines().next().unwrap_or_default().to_owned();
    Ok(Template {
        name: name.ok_or_else(first)?,
        fields,
    })
}

/// `Name: value`, the name in lower case.
fn field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_@.".contains(c);
    if !name.chars().all(legal) {
        return None;
    }
    let value = value
        .strip_prefix(|c: char| c.is_ascii_whitespace())
        .unwrap_or(value);
    Some((name.to_ascii_lowercase(), without_end(value).to_owned()))
}

/// Adds a continuation line: words flow into a paragraph, ` .` parts paragraphs, and a line that is
/// indented further keeps its shape.
fn extend(extended: &mut String, rest: &str) {
    if rest == "." {
        extended.push_str("\n\n");
        return;
    }
    let flowing = !extended.is_empty() && !extended.ends_with(['\n', ' ']);
    let text = without_end(rest);
    if rest.starts_with(|c: char| c.is_ascii_whitespace()) {
        if flowing {
            extended.push('\n');
        }
        extended.push_str(text);
        extended.push('\n');
    } else {
        if flowing {
            extended.push(' ');
        }
        extended.push_str(text);
    }
}

fn save(fields: &mut BTreeMap<String, String>, read: Option<(String, String, String)>) {
    let Some((name, value, extended)) = read.filter(|(name, _, _)| !name.is_empty()) else {
        return;
    };
    let extended = extended.trim_end_matches('\n');
    if !extended.is_empty() {
        fields.insert(format!("extended_{name}"), extended.to_owned());
    }
    fields.insert(name, value);
}

/// Without the blanks at the end that Perl's `\s` matches in bytes; a no-break space stays.
fn without_end(text: &str) -> &str {
    text.trim_end_matches(|c: char| c.is_ascii_whitespace() || c == '\x0b')
}

/// A question, as `config.dat` remembers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The packages that may ask it, with their architecture where their scripts have one.
    pub owners: BTreeSet<String>,
    /// The answer, where there is one.
    pub value: Option<String>,
    /// Whether an administrator has seen it.
    pub seen: bool,
    /// What is put into its texts.
    pub variables: BTreeMap<String, String>,
}

/// Templates and questions by name.
#[derive(Clone, Debug, Default)]
pub struct Database {
    /// What can be asked.
    pub templates: BTreeMap<String, Template>,
    /// What is or was asked; here one question a template, of its name.
    pub questions: BTreeMap<String, Question>,
}

impl Database {
    /// Registers a template for `owner`, as loading it does: the last text stays, owners add up.
    pub fn register(&mut self, template: Template, owner: &str) {
        let question = self.questions.entry(template.name.clone()).or_default();
        question.owners.insert(owner.to_owned());
        self.templates.insert(template.name.clone(), template);
    }

    /// Forgets a question and its template.
    pub fn unregister(&mut self, name: &str) {
        self.questions.remove(name);
        self.templates.remove(name);
    }

    /// `/var/cache/debconf/config.dat`.
    pub fn config(&self) -> String {
        let mut text = String::new();
        for (name, question) in &self.questions {
            text.push_str(&format!("Name: {name}\nTemplate: {name}\n"));
            if let Some(value) = &question.value {
                text.push_str(&format!("Value: {}\n", escaped(value)));
            }
            let owners: Vec<&str> = question.owners.iter().map(String::as_str).collect();
            text.push_str(&format!("Owners: {}\n", owners.join(", ")));
            if question.seen {
                text.push_str("Flags: seen\n");
            }
            if !question.variables.is_empty() {
                text.push_str("Variables:\n");
            }
            for (variable, value) in &question.variables {
                text.push_str(&format!(" {variable} = {}\n", escaped(value)));
            }
            text.push('\n');
        }
        text
    }

    /// `/var/cache/debconf/templates.dat`: each template belongs to the question of its name.
    pub fn templates(&self) -> String {
        let mut text = String::new();
        for (name, template) in &self.templates {
            text.push_str(&format!("Name: {name}\n"));
            for (field, value) in &template.fields {
                let (first, rest) = field.split_at(field.len().min(1));
                let first = first.to_ascii_uppercase();
                text.push_str(&format!("{first}{rest}: {}\n", escaped(value)));
            }
            text.push_str(&format!("Owners: {name}\n\n"));
        }
        text
    }
}

fn escaped(value: &str) -> String {
    value.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Template: x/y\nType: select\nChoices: ${names}\nDefault: a \n\
        Description: Which one?\n Words that\n flow.\n .\n Second paragraph:\n  - kept\n  - as it is\n after\n\
        Description-de.UTF-8: Welcher?\n\n\nTemplate: x/title\nType: title\nDescription: X\n";

    #[test]
    fn templates_are_read_as_debconf_reads_them() {
        let templates = parse(TEXT).expect("readable");
        assert_eq!(templates.len(), 2);
        let fields = &templates[0].fields;
        assert_eq!(templates[0].default_value(), Some("a"));
        assert_eq!(fields["description-de.utf-8"], "Welcher?");
        assert_eq!(
            fields["extended_description"],
            "Words that flow.\n\nSecond paragraph:\n - kept\n - as it is\nafter"
        );
    }

    #[test]
    fn the_databases_have_sorted_fields_on_one_line_each() {
        let mut database = Database::default();
        for template in parse(TEXT).expect("readable") {
            database.register(template, "x");
        }
        let question = database.questions.get_mut("x/y").expect("registered");
        question.value = Some("a".to_owned());
        question.seen = true;
        question.owners.insert("x:amd64".to_owned());
        question
            .variables
            .insert("names".to_owned(), "a, b".to_owned());
        assert_eq!(
            database.config(),
            "Name: x/title\nTemplate: x/title\nOwners: x\n\n\
             Name: x/y\nTemplate: x/y\nValue: a\nOwners: x, x:amd64\nFlags: seen\nVariables:\n names = a, b\n\n"
        );
        assert!(
            database
                .templates()
                .ends_with("as it is\\nafter\nType: select\nOwners: x/y\n\n")
        );
        database.unregister("x/y");
        assert!(!database.templates().contains("x/y"));
    }

    #[test]
    fn a_stanza_without_a_name_or_with_a_stray_line_is_refused() {
        assert_eq!(parse("Type: text\n"), Err("Type: text".to_owned()));
        assert_eq!(parse("Template: a/b\nstray\n"), Err("stray".to_owned()));
    }
}
