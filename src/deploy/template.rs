//! The templates, and how values get into them.

use std::sync::LazyLock;

use handlebars::Handlebars;
use serde::Serialize;

/// The templates by name. `spec` is what a pod is made of, wherever it stands.
const TEMPLATES: [(&str, &str); 3] = [
    ("spec", include_str!("spec.yaml.hbs")),
    ("pod", include_str!("pod.yaml.hbs")),
    ("job", include_str!("job.yaml.hbs")),
];

/// Every `{{value}}` is written as a JSON string, which is one of YAML's: no value can be anything
/// but the text that it is. Numbers and truth values, which have no text of a user's in them, stand
/// in triple braces.
static RENDERER: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    let mut renderer = Handlebars::new();
    renderer.set_strict_mode(true);
    renderer.register_escape_fn(|text| serde_json::Value::from(text).to_string());
    for (name, text) in TEMPLATES {
        renderer
            .register_template_string(name, text)
            .expect("a template of this program, which a test renders");
    }
    renderer
});

/// Renders the template called `name`.
pub(super) fn render(name: &str, data: &impl Serialize) -> String {
    RENDERER
        .render(name, data)
        .expect("the data has every field of the template, which a test renders")
}
