//! Repositories beside the distribution's own: directories of packages, and which package comes
//! from where.

use std::fs;

use crate::archive::{Deb, Package, Place, Suite, address};

/// A recipe's table for the directory `own`.
const OWN: &str = "[[debian.local]]\nname = \"own\"\npath = \"own\"";

/// The package `two`, which needs `one`, and has this in its file.
fn two(version: &str, content: &str) -> Deb {
    Deb::new("two", version)
        .field("Depends", "one")
        .file("usr/share/two", content.as_bytes())
}

fn with_directory() -> Place {
    let place = Place::new();
    place.publish(&place.suite("1.0"));
    fs::create_dir(place.at("own")).expect("directory");
    put(&place, "two_1.0_all.deb", &two("1.0", "first"));
    place.packages(OWN, "include = [\"two\"]");
    place
}

fn put(place: &Place, name: &str, deb: &Deb) {
    fs::write(place.at("own").join(name), deb.build()).expect("a package");
}

/// Where the lock takes a package from, and in which version.
fn locked(place: &Place, name: &str) -> (String, String) {
    let lock = place.lock();
    let package = lock.packages.iter().find(|package| package.name == name);
    let package = package.expect("locked");
    (package.repository.clone(), package.version.clone())
}

#[test]
fn a_directory_of_packages_is_a_repository_that_the_lock_pins_by_digest() {
    let place = with_directory();
    place.run(&["build", "t.toml"]).good();
    let lock = place.lock();
    let package = lock.packages.iter().find(|package| package.name == "two");
    let package = package.expect("locked");
    let bytes = fs::read(place.at("own/two_1.0_all.deb")).expect("the package");
    assert_eq!(package.repository, "own");
    assert_eq!(package.path, "two_1.0_all.deb");
    assert_eq!(package.sha256, dindimg::digest::Digest::of(&bytes));
    assert!(package.depends.contains("one"));
    assert_eq!(locked(&place, "one").0, "debian/test");
    let repository = lock.repository("own").expect("recorded");
    assert_eq!(
        (repository.kind.as_str(), &repository.snapshot),
        ("local", &None)
    );
    assert_ne!(lock.epoch, dindimg::epoch::Epoch::default());

    // The same directory elsewhere, in other hands and at another time, is the same.
    let text = fs::read(place.at("t.lock")).expect("lock");
    put(&place, "two_1.0_all.deb", &two("1.0", "first"));
    place.run(&["build", "t.toml", "--locked"]).good();
    place.run(&["lock", "t.toml", "--check"]).good();
    place.run(&["lock", "t.toml", "--update"]).good();
    assert_eq!(fs::read(place.at("t.lock")).expect("lock"), text);
}

#[test]
fn a_directory_that_has_changed_makes_the_lock_stale_by_its_name() {
    let place = with_directory();
    place.run(&["lock", "t.toml"]).good();
    let stale = |place: &Place| {
        for arguments in [
            ["build", "t.toml", "--locked"],
            ["lock", "t.toml", "--check"],
        ] {
            let said = place.run(&arguments).failed(6);
            assert!(
                said.contains("the packages in own have changed since it was made"),
                "{said}"
            );
        }
    };
    put(&place, "two_1.0_all.deb", &two("1.0", "other"));
    stale(&place);
    let said = place.run(&["lock", "t.toml"]).good().stderr;
    assert!(
        said.contains("two (all) 1.0 has other bytes under the same version"),
        "{said}"
    );
    place.run(&["build", "t.toml", "--locked"]).good();

    put(&place, "two_2.0_all.deb", &two("2.0", "second"));
    stale(&place);
    // As with any repository, locked versions are kept until they are told to move.
    place.run(&["build", "t.toml"]).good();
    assert_eq!(locked(&place, "two").1, "1.0");
    let said = place.run(&["lock", "t.toml", "--update"]).good().stderr;
    assert!(said.contains("two (all) 1.0 -> 2.0"), "{said}");

    fs::remove_file(place.at("own/two_2.0_all.deb")).expect("removed");
    place.run(&["build", "t.toml"]).good();
    assert_eq!(locked(&place, "two").1, "1.0");
}

#[test]
fn a_directory_is_named_with_what_is_wrong_in_it() {
    let place = with_directory();
    fs::write(place.at("own/bad.deb"), "text").expect("written");
    let said = place.run(&["lock", "t.toml"]).failed(4);
    assert!(said.contains("own/bad.deb: "), "{said}");
    fs::remove_file(place.at("own/bad.deb")).expect("removed");

    let nameless = Deb::new("x y", "1.0");
    put(&place, "nameless.deb", &nameless);
    let said = place.run(&["lock", "t.toml"]).failed(4);
    assert!(
        said.contains("own/nameless.deb: ") && said.contains("name is not valid"),
        "{said}"
    );
    fs::remove_file(place.at("own/nameless.deb")).expect("removed");

    fs::rename(place.at("own"), place.at("elsewhere")).expect("renamed");
    let said = place.run(&["lock", "t.toml"]).failed(2);
    assert!(
        said.contains("cannot read recipe") && said.contains("own"),
        "{said}"
    );
    fs::create_dir(place.at("own")).expect("directory");
    let said = place.run(&["lock", "t.toml"]).failed(2);
    assert!(said.contains("own holds no `*.deb` file"), "{said}");

    let outside = tempfile::tempdir().expect("temporary directory");
    fs::remove_dir(place.at("own")).expect("removed");
    std::os::unix::fs::symlink(outside.path(), place.at("own")).expect("link");
    let said = place.run(&["lock", "t.toml"]).failed(2);
    assert!(said.contains("leads out of"), "{said}");
}

#[test]
fn a_package_with_another_architecture_is_not_for_this_one() {
    let place = with_directory();
    fs::remove_file(place.at("own/two_1.0_all.deb")).expect("removed");
    put(
        &place,
        "two_1.0_arm64.deb",
        &two("1.0", "arm").field("Architecture", "arm64"),
    );
    let said = place.run(&["lock", "t.toml"]).failed(3);
    assert!(
        said.contains("there is no package `two` for amd64"),
        "{said}"
    );
    let text = fs::read_to_string(place.at("t.toml")).expect("recipe");
    fs::write(
        place.at("t.toml"),
        format!("{text}\n[image]\nplatforms = [\"linux/arm64\"]\n"),
    )
    .expect("recipe");
    place.run(&["build", "t.toml"]).good();
}

/// The distribution with `one` and `two` in version 1.0, and a further repository `extra` with
/// both in version 2.0; the recipe has these lines for them.
fn with_extra(extra: &str, packages: &str) -> Place {
    let place = Place::new();
    let both = |version: &str| ["one", "two"].map(|name| Package::built(&Deb::new(name, version)));
    place.publish(&Suite::named("test").packages(both("1.0")));
    let root = place.at("extra");
    Suite::named("own")
        .packages(both("2.0"))
        .publish(&root, &[&place.key]);
    recipe(&place, extra, packages);
    place
}

fn recipe(place: &Place, extra: &str, packages: &str) {
    let table = format!(
        "[[debian.repository]]\nname = \"extra\"\nmirrors = [\"{}\"]\nsuite = \"own\"\ncomponents = [\"main\"]\nkeys = [{}]\n{extra}\n",
        address(&place.at("extra")),
        place.key.pin(place.root()),
    );
    place.packages(&table, &format!("include = [\"one\", \"two\"]\n{packages}"));
}

fn both(place: &Place) -> [(String, String); 2] {
    ["one", "two"].map(|name| locked(place, name))
}

fn from(repository: &str, version: &str) -> (String, String) {
    (repository.to_owned(), version.to_owned())
}

#[test]
fn a_repository_gives_only_the_packages_that_the_recipe_lists_for_it() {
    let place = with_extra("", "");
    place.run(&["lock", "t.toml"]).good();
    assert_eq!(both(&place), [from("extra", "2.0"), from("extra", "2.0")]);

    recipe(&place, "packages = [\"two\"]", "");
    let said = place.run(&["build", "t.toml", "--locked"]).failed(6);
    assert!(said.contains("asks for something else"), "{said}");
    place.run(&["build", "t.toml"]).good();
    assert_eq!(
        both(&place),
        [from("debian/test", "1.0"), from("extra", "2.0")]
    );
    place.run(&["build", "t.toml", "--locked"]).good();
}

#[test]
fn a_pinned_package_comes_from_its_repository_whatever_others_have() {
    let place = with_extra("", "pin = { one = \"debian/test\" }");
    place.run(&["lock", "t.toml"]).good();
    assert_eq!(
        both(&place),
        [from("debian/test", "1.0"), from("extra", "2.0")]
    );

    // Preference of a repository does not count against a pin.
    recipe(&place, "priority = 100", "pin = { one = \"extra\" }");
    let said = place.run(&["build", "t.toml", "--locked"]).failed(6);
    assert!(said.contains("asks for something else"), "{said}");
    place.run(&["lock", "t.toml", "--update"]).good();
    assert_eq!(
        both(&place),
        [from("extra", "2.0"), from("debian/test", "1.0")]
    );

    recipe(&place, "", "pin = { one = \"extr\" }");
    let said = place.run(&["lock", "t.toml"]).failed(2);
    assert!(
        said.contains("`one` names repository `extr`")
            && said.contains("debian/test, extra")
            && said.contains("did you mean `extra`?"),
        "{said}"
    );
    recipe(&place, "packages = [\"two\"]", "pin = { one = \"extra\" }");
    let said = place.run(&["lock", "t.toml"]).failed(3);
    assert!(
        said.contains("one") && said.contains("from repository `extra`"),
        "{said}"
    );
}
