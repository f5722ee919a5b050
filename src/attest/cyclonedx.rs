//! CycloneDX 1.6 in JSON (cyclonedx.org/docs/1.6/json).

use serde_json::{Value, json};

use super::bill::{Bill, Component, TOOL, VERSION};

/// The document: the same bytes for the same image.
pub fn cyclonedx(bill: &Bill<'_>) -> Vec<u8> {
    let image = bill.purl();
    let references: Vec<String> = bill.components.iter().map(reference).collect();
    let mut components = vec![json!({
        "type": "operating-system",
        "bom-ref": format!("os:{}", bill.distribution.0),
        "name": bill.distribution.0,
        "version": bill.distribution.1,
    })];
    components.extend(bill.components.iter().map(component));
    components.extend(bill.files.iter().map(|(path, file)| {
        json!({
            "type": "file",
            "bom-ref": format!("file:/{path}"),
            "name": format!("/{path}"),
            "hashes": [{ "alg": "SHA-256", "content": file.sha256.hex() }],
            "properties": [property("origin", file.origin.words())],
        })
    }));
    let mut dependencies = vec![json!({ "ref": image, "dependsOn": references })];
    for (component, reference) in bill.components.iter().zip(&references) {
        let needed = component.depends.iter().filter_map(|name| {
            let found = bill.components.iter().position(|one| one.name == *name)?;
            Some(references[found].as_str())
        });
        let needed: Vec<&str> = needed.collect();
        if !needed.is_empty() {
            dependencies.push(json!({ "ref": reference, "dependsOn": needed }));
        }
    }
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial(bill),
        "version": 1,
        "metadata": {
            "timestamp": bill.created.to_string(),
            "tools": { "components": [{ "type": "application", "name": TOOL, "version": VERSION }] },
            "component": {
                "type": "container",
                "bom-ref": image,
                "name": bill.name,
                "version": bill.version,
                "purl": image,
                "hashes": [{ "alg": "SHA-256", "content": bill.digest.hex() }],
                "properties": [property("platform", &bill.platform.to_string())],
            },
        },
        "components": components,
        "dependencies": dependencies,
    });
    document.to_string().into_bytes()
}

/// A UUID of the image's digest, marked as one that is made by a rule of one's own (RFC 9562, 5.8).
fn serial(bill: &Bill<'_>) -> String {
    let digits = bill.digest.hex();
    format!(
        "urn:uuid:{}-{}-8{}-a{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[12..15],
        &digits[15..18],
        &digits[18..30]
    )
}

/// What others refer to a component by.
fn reference(component: &Component) -> String {
    match &component.purl {
        Some(purl) => purl.clone(),
        None => format!("{}@{}", component.name, component.sha256),
    }
}

fn component(component: &Component) -> Value {
    let kind = match component.purl {
        Some(_) => "library",
        None => "application",
    };
    let mut value = json!({
        "type": kind,
        "bom-ref": reference(component),
        "name": component.name,
        "hashes": [{ "alg": "SHA-256", "content": component.sha256.hex() }],
        "properties": [property("origin", &component.origin)],
    });
    if !component.version.is_empty() {
        value["version"] = json!(component.version);
    }
    if let Some(purl) = &component.purl {
        value["purl"] = json!(purl);
    }
    if let Some(supplier) = &component.supplier {
        value["supplier"] = json!({ "name": supplier });
    }
    if let Some(url) = &component.url {
        value["externalReferences"] = json!([{ "type": "distribution", "url": url }]);
    }
    if let Some(expression) = &component.licences.expression {
        value["licenses"] = json!([{ "expression": expression }]);
    }
    value
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": format!("{TOOL}:{name}"), "value": value })
}
