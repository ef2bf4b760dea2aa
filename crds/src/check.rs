//! Checks a manifest against the schema without an API server: the same bounds, the same rules,
//! the same messages.

mod bounds;
mod rules;

use std::fmt;
use std::sync::LazyLock;

use kube::CustomResourceExt;
use serde_json::Value;

use crate::RedisCluster;

/// What is wrong with one field of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, such as `spec.shards`; empty where the message names it.
    pub field: String,
    /// What it must be.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Reads a RedisCluster and checks it as the API server would; `old` is the object that it
/// replaces, for the rules that compare.
///
/// # Errors
/// Every field that is wrong. The rules are evaluated only if the shape is right, as on the API
/// server.
pub fn check(manifest: &Value, old: Option<&RedisCluster>) -> Result<RedisCluster, Vec<Violation>> {
    let schema = schema();
    let mut object = manifest.clone();
    let violations = bounds::check(schema, &object);
    if !violations.is_empty() {
        return Err(violations);
    }
    bounds::fill_defaults(schema, &mut object);
    let old = old.map(|old| serde_json::to_value(old).expect("every field serialises"));
    let violations = rules::check(schema, &object, old.as_ref());
    if !violations.is_empty() {
        return Err(violations);
    }
    serde_json::from_value(object).map_err(|error| {
        vec![Violation {
            field: "RedisCluster".to_owned(),
            message: error.to_string(),
        }]
    })
}

/// The schema of the whole object, as it stands in the CustomResourceDefinition.
pub(crate) fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let crd = serde_json::to_value(RedisCluster::crd()).expect("the definition serialises");
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
    });
    &SCHEMA
}

/// `spec` and `shards` make `spec.shards`.
fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

#[cfg(test)]
mod tests;
