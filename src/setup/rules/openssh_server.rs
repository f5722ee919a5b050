//! The configuration of sshd, and what ucf(1) and runit remember of the package. No host key is
//! made: one in an image would be that of every container.

use md5::{Digest as _, Md5};

use super::super::context::{Setup, SetupError};
use super::Rule;

pub(super) const RULE: Rule = Rule {
    name: "openssh-server",
    replaces: "openssh-server.postinst (sshd_config by ucf; host keys are left to the first boot), ucf.postinst (state files)",
    covers: &["openssh-server", "ucf"],
    apply,
};

const TEMPLATE: &str = "usr/share/openssh/sshd_config";
const CONFIGURATION: &str = "etc/ssh/sshd_config";

fn apply(setup: &mut Setup<'_>) -> Result<(), SetupError> {
    let template = match setup.has("openssh-server") {
        true => setup.read(TEMPLATE)?,
        false => None,
    };
    if let Some(template) = &template {
        setup.write_new(CONFIGURATION, 0o644, template.clone())?;
        // From trixie on the script asks whether the helper is a program, which it is not.
        let package = setup.package("openssh-server");
        let script = package.and_then(|package| package.control.text("postinst"));
        let asks = script.is_some_and(|script| script.contains("[ -x /usr/lib/runit-helper"));
        if !asks && setup.exists("usr/lib/runit-helper/runit-helper") && setup.exists("etc/sv/ssh")
        {
            setup.link("etc/runit/runsvdir/default/ssh", "/etc/sv/ssh")?;
        }
    }
    if !setup.has("ucf") {
        return Ok(());
    }
    let (mut hashes, mut registry) = (String::new(), String::new());
    if let Some(template) = template {
        let digest = hex::encode(Md5::digest(&template));
        hashes = format!("{digest}  /{CONFIGURATION}\n");
        registry = format!("openssh-server \t /{CONFIGURATION}\n");
        let kept = format!("var/lib/ucf/cache/:{}", CONFIGURATION.replace('/', ":"));
        setup.write_new(&kept, 0o644, template)?;
    }
    setup.write_new("var/lib/ucf/hashfile", 0o644, hashes.as_str())?;
    setup.write_new("var/lib/ucf/registry", 0o644, registry.as_str())
}
