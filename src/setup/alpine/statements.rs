//! Scripts that only add accounts and shells, which is most of them, understood line by line.

use super::super::context::{Setup, SetupError};
use super::super::rules::Rule;
use super::accounts::{Account, Files};

pub(super) const RULE: Rule = Rule {
    name: "accounts",
    replaces: "scripts of nothing but addgroup(8), adduser(8) and add-shell(8) calls, such as docker-engine.pre-install",
    covers: &[],
    apply,
};

/// The lists of shells that people may have.
const SHELLS: &str = "etc/shells";
/// The scripts that run when a package is installed, in their order.
const SCRIPTS: [&str; 3] = [".pre-install", ".post-install", ".trigger"];
/// Where the programs are, for scripts that say so.
const PREFIXES: [&str; 4] = ["/bin/busybox ", "busybox ", "/usr/sbin/", "/sbin/"];

/// One line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Statement {
    /// `addgroup -S [-g GID] NAME`
    Group { name: String, gid: Option<u32> },
    /// `adduser -S … NAME`
    User(Account),
    /// `addgroup USER GROUP`
    Join { user: String, group: String },
    /// `add-shell PATH…`
    Shells(Vec<String>),
}

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let mut statements = Vec::new();
    for package in setup.packages {
        for script in SCRIPTS {
            let text = package.control.text(script).unwrap_or_default();
            statements.extend(read(text).unwrap_or_default());
        }
    }
    if statements.is_empty() {
        return Ok(());
    }
    let mut files = Files::of(setup)?;
    let mut shells = setup.text(SHELLS)?.unwrap_or_default();
    for statement in statements {
        match statement {
            Statement::Group { name, gid } => {
                files.ensure_group(&name, gid);
            }
            Statement::User(account) => files.ensure_user(account),
            Statement::Join { user, group } => files.join(&user, &group),
            Statement::Shells(paths) => {
                for path in paths {
                    if !shells.lines().any(|line| line == path) {
                        shells.push_str(&path);
                        shells.push('\n');
                    }
                }
            }
        }
    }
    files.write(setup)?;
    if !shells.is_empty() {
        setup.write(SHELLS, 0o644, shells.as_str())?;
    }
    Ok(())
}

/// The statements of a script; none where it does anything else.
pub(super) fn read(script: &str) -> Option<Vec<Statement>> {
    let mut statements = Vec::new();
    for line in script.lines() {
        let line = line.trim();
        if line.is_empty()
            || line.starts_with('#')
            || matches!(line, "exit 0" | "set -e" | ":" | "true")
        {
            continue;
        }
        statements.push(statement(line)?);
    }
    Some(statements)
}

fn statement(line: &str) -> Option<Statement> {
    // What a call says and whether it fails is nothing to the result.
    let mut line = line;
    for end in [
        "|| :",
        "|| true",
        "2>/dev/null",
        "2> /dev/null",
        "1>/dev/null",
        ">/dev/null",
        "&>/dev/null",
    ] {
        line = line.strip_suffix(end).unwrap_or(line).trim_end();
    }
    for end in ["2>/dev/null", "2> /dev/null"] {
        line = line.strip_suffix(end).unwrap_or(line).trim_end();
    }
    let line = PREFIXES
        .iter()
        .find_map(|prefix| line.strip_prefix(prefix))
        .unwrap_or(line);
    let words = words(line)?;
    let (program, arguments) = words.split_first()?;
    match program.as_str() {
        "addgroup" => addgroup(arguments),
        "adduser" => adduser(arguments).map(Statement::User),
        "add-shell" => {
            let paths = !arguments.is_empty() && arguments.iter().all(|one| one.starts_with('/'));
            paths.then(|| Statement::Shells(arguments.to_vec()))
        }
        _ => None,
    }
}

/// The words of a line without anything that a shell would act on but quotation marks.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (_, '$' | '`' | '\\') => return None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, '|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '{' | '~') => {
                return None;
            }
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

fn addgroup(arguments: &[String]) -> Option<Statement> {
    let mut gid = None;
    let mut named = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "-S" => {}
            "-g" => gid = Some(rest.next()?.parse().ok()?),
            option if option.starts_with('-') => return None,
            name => named.push(name.to_owned()),
        }
    }
    match (&named[..], gid) {
        ([name], gid) => Some(Statement::Group {
            name: name.clone(),
            gid,
        }),
        ([user, group], None) => Some(Statement::Join {
            user: user.clone(),
            group: group.clone(),
        }),
        _ => None,
    }
}

fn adduser(arguments: &[String]) -> Option<Account> {
    let mut account = Account {
        home: "/dev/null".to_owned(),
        shell: "/sbin/nologin".to_owned(),
        ..Account::default()
    };
    let mut system = false;
    let mut names = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let letters = argument.strip_prefix('-');
        let Some(letters) = letters.filter(|letters| !letters.is_empty()) else {
            names.push(argument.clone());
            continue;
        };
        for letter in letters.chars() {
            match letter {
                'S' => system = true,
                // No password, no home directory made.
                'D' | 'H' => {}
                'h' => account.home = rest.next()?.clone(),
                's' => account.shell = rest.next()?.clone(),
                'g' => account.comment = rest.next()?.clone(),
                'G' => account.group = Some(rest.next()?.clone()),
                'u' => account.uid = Some(rest.next()?.parse().ok()?),
                _ => return None,
            }
        }
    }
    // People's accounts get a home directory with a skeleton, which packages do not ask for.
    match (&names[..], system) {
        ([name], true) => {
            account.name = name.clone();
            Some(account)
        }
        _ => None,
    }
}
