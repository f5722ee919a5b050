//! Texts that apt reads: sources.list(5) in both forms, apt_preferences(5).

use crate::family::PackageSource;

/// Absolute paths of key files inside the image.
pub type Keys = Vec<String>;

/// Sources that differ in their suite only, which deb822 says in one stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stanza {
    /// Name of the repository: `debian` for the distribution's own.
    pub name: String,
    /// Base address.
    pub uri: String,
    /// Suites, in order.
    pub suites: Vec<String>,
    /// Components.
    pub components: Vec<String>,
    /// The certificates that may sign.
    pub certificates: Vec<Vec<u8>>,
    /// Whether the distribution's keyring package has them.
    pub distribution_keys: bool,
    /// Preference.
    pub priority: i32,
    /// Whether an expired Release file is refused.
    pub check_valid_until: bool,
}

/// Joins neighbours that differ in their suite only.
pub fn stanzas(sources: &[PackageSource]) -> Vec<Stanza> {
    let mut stanzas: Vec<Stanza> = Vec::new();
    for source in sources {
        if let Some(last) = stanzas.last_mut()
            && (&last.name, &last.uri) == (&source.name, &source.uri)
            && (&last.components, last.priority) == (&source.components, source.priority)
            && last.certificates == source.certificates
            && last.check_valid_until == source.check_valid_until
        {
            last.suites.push(source.suite.clone());
            continue;
        }
        stanzas.push(Stanza {
            name: source.name.clone(),
            uri: source.uri.clone(),
            suites: vec![source.suite.clone()],
            components: source.components.clone(),
            certificates: source.certificates.clone(),
            distribution_keys: source.distribution_keys,
            priority: source.priority,
            check_valid_until: source.check_valid_until,
        });
    }
    stanzas
}

impl Stanza {
    /// The stanza of a `.sources` file.
    pub fn deb822(&self, keys: &[String]) -> String {
        let mut text = format!(
            "Types: deb\nURIs: {}\nSuites: {}\nComponents: {}\nSigned-By: {}\n",
            self.uri,
            self.suites.join(" "),
            self.components.join(" "),
            keys.join(" ")
        );
        if !self.check_valid_until {
            text.push_str("Check-Valid-Until: no\n");
        }
        text
    }
}

/// The lines of a `sources.list`, one a suite.
pub fn one_line(stanza: &Stanza, keys: &[String]) -> String {
    let mut options = format!("signed-by={}", keys.join(","));
    if !stanza.check_valid_until {
        options.push_str(" check-valid-until=no");
    }
    stanza
        .suites
        .iter()
        .map(|suite| {
            format!(
                "deb [{options}] {} {suite} {}\n",
                stanza.uri,
                stanza.components.join(" ")
            )
        })
        .collect()
}

/// The preference of everything that comes from the stanza's host.
pub fn pin(stanza: &Stanza) -> String {
    let host = stanza
        .uri
        .split_once("://")
        .map_or(stanza.uri.as_str(), |(_, rest)| rest)
        .split(['/', ':'])
        .next()
        .unwrap_or_default();
    format!(
        "Package: *\nPin: origin \"{host}\"\nPin-Priority: {}\n",
        stanza.priority
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, suite: &str) -> PackageSource {
        PackageSource {
            name: name.to_owned(),
            uri: "http://m/debian".to_owned(),
            suite: suite.to_owned(),
            components: vec!["main".to_owned()],
            keys: Vec::new(),
            tag: None,
            certificates: Vec::new(),
            distribution_keys: true,
            priority: 500,
            check_valid_until: true,
        }
    }

    #[test]
    fn suites_of_one_repository_share_a_stanza() {
        let mut security = source("debian", "trixie-security");
        security.uri = "http://m/debian-security".to_owned();
        security.check_valid_until = false;
        let sources = [
            source("debian", "trixie"),
            source("debian", "trixie-updates"),
            security,
        ];
        let stanzas = stanzas(&sources);
        assert_eq!(stanzas.len(), 2);
        let keys = ["/k.gpg".to_owned()];
        assert_eq!(
            stanzas[0].deb822(&keys),
            "Types: deb\nURIs: http://m/debian\nSuites: trixie trixie-updates\nComponents: main\nSigned-By: /k.gpg\n"
        );
        assert!(
            stanzas[1]
                .deb822(&keys)
                .ends_with("Check-Valid-Until: no\n")
        );
        assert_eq!(
            one_line(&stanzas[1], &keys),
            "deb [signed-by=/k.gpg check-valid-until=no] http://m/debian-security trixie-security main\n"
        );
    }

    #[test]
    fn a_preference_names_the_host_without_port_and_path() {
        let mut source = source("x", "s");
        source.uri = "https://apt.example.com:8443/linux".to_owned();
        source.priority = 600;
        let pinned = pin(&stanzas(&[source])[0]);
        assert_eq!(
            pinned,
            "Package: *\nPin: origin \"apt.example.com\"\nPin-Priority: 600\n"
        );
    }
}
