//! Volumes as Compose files and `docker run` write them.

use super::amount;
use super::field::Place;
use super::model::{Mount, Source};
use super::pod::folder;

/// A volume in the short form: `SOURCE:TARGET:OPTIONS`.
pub fn short(text: &str, place: &Place) -> Option<Mount> {
    let masked = masked(text);
    let parts: Vec<&str> = masked.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => (None, target, ""),
        [source, target] => (Some(source), target, ""),
        [source, target, options, ..] => (Some(source), target, options),
        [] => return None,
    };
    if !target.starts_with('/') || target.contains('$') {
        return None;
    }
    let source = match source {
        None => Source::Own(String::new()),
        Some(path) if path.starts_with(['.', '/', '~', '$', '\\']) => Source::Host(folder(path)),
        Some(name) => Source::Named(name.to_owned()),
    };
    Some(Mount {
        path: folder(target),
        source,
        part: None,
        read_only: options.split(',').any(|option| option == "ro"),
        place: place.clone(),
    })
}

/// A file system in memory: `TARGET:OPTIONS`.
pub fn tmpfs(text: &str, place: &Place) -> Option<Mount> {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    let size = options
        .split(',')
        .find_map(|option| amount::compose(option.strip_prefix("size=")?));
    target.starts_with('/').then(|| Mount {
        path: folder(target),
        source: Source::Tmpfs(size),
        part: None,
        read_only: false,
        place: place.clone(),
    })
}

/// A text in which each variable is one dollar: their defaults have colons.
fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        masked.push_str(&rest[..start]);
        masked.push('$');
        rest = match rest[start..].find('}') {
            Some(end) => &rest[start + end + 1..],
            None => "",
        };
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_has_up_to_three_parts() {
        let place = Place {
            document: 0,
            line: 1,
            path: String::new(),
        };
        for (text, path, source, read_only) in [
            (
                "/var/lib/docker",
                "/var/lib/docker",
                Source::Own(String::new()),
                false,
            ),
            (
                "data:/var/lib/docker/",
                "/var/lib/docker",
                Source::Named("data".into()),
                false,
            ),
            ("./x:/x:ro,z", "/x", Source::Host("./x".into()), true),
            ("${A:-/b:c}/d:/e", "/e", Source::Host("$/d".into()), false),
        ] {
            let mount = short(text, &place).expect(text);
            assert_eq!((mount.path.as_str(), mount.read_only), (path, read_only));
            assert_eq!(mount.source, source);
        }
        assert!(short("a:$B", &place).is_none() && short("", &place).is_none());
        let mount = tmpfs("/x:rw,size=1g", &place).expect("a tmpfs");
        assert_eq!(mount.source, Source::Tmpfs(Some(1024f64.powi(3))));
    }
}
