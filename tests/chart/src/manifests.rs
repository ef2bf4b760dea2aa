//! The rendered objects.

use serde::Deserialize;
use serde_json::Value;

/// One object of a rendered chart.
#[derive(Clone, Debug)]
pub struct Object {
    /// The template that it is from, such as `role.yaml`.
    pub template: String,
    /// The object as its author wrote it.
    pub text: String,
    /// The object.
    pub value: Value,
}

impl Object {
    /// Its `kind`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }
}

/// The objects of what helm rendered, in its order.
///
/// # Panics When it is not YAML.
#[must_use]
pub fn objects(manifest: &str) -> Vec<Object> {
    let documents = manifest.split("---\n# Source: slotkeeper/templates/");
    documents.skip(1).map(object).collect()
}

fn object(document: &str) -> Object {
    let (template, text) = document.split_once('\n').unwrap_or((document, ""));
    let document = serde_norway::Deserializer::from_str(text);
    let value = Value::deserialize(document)
        .unwrap_or_else(|error| panic!("{template}: {error} in\n{text}"));
    Object {
        template: template.to_owned(),
        text: text.to_owned(),
        value,
    }
}
