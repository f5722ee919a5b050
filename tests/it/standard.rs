//! The standard image of a suite, as a recipe.

/// What the standard userland adds to the profile of the daemon, in every suite.
pub const STANDARD: &str = "adduser apt bash bsdutils curl debconf debian-archive-keyring debianutils diffutils dpkg findutils git gzip init-system-helpers less libc-bin login ncurses-base ncurses-bin openssh-client passwd perl-base sysvinit-utils tar tzdata";

/// The recipe of the standard image of `suite` for this machine.
pub fn recipe(suite: &str) -> String {
    format!("schema = 1\nprofile = \"dind\"\n[debian]\nsuite = \"{suite}\"\n")
}
