//! Objects as an API server returns them, and changes of single leaves.

use serde_json::{Map, Value, json};

/// Lists in which a webhook or another manager may own elements.
const SHARED: [&str; 6] = [
    "containers",
    "env",
    "imagePullSecrets",
    "ownerReferences",
    "volumeMounts",
    "volumes",
];

/// The object with additional fields and elements, without empty ones, and with quantities in
/// another form.
pub fn defaulted(value: &Value, seed: u64) -> Value {
    let mut dice = seed;
    decorate("", value, &mut dice)
}

/// The JSON pointers of all strings, numbers and booleans.
pub fn leaves(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}

/// Another value of the same kind.
pub fn change(value: &mut Value) {
    *value = match &*value {
        Value::Bool(yes) => json!(!yes),
        Value::Number(number) => json!(number.as_i64().unwrap_or_default() + 1),
        other => json!(format!("{}x", other.as_str().unwrap_or_default())),
    };
}

fn decorate(field: &str, value: &Value, dice: &mut u64) -> Value {
    match value {
        Value::Object(map) => Value::Object(decorate_map(field, map, dice)),
        Value::Array(list) => {
            let elements = list.iter().map(|element| decorate("", element, dice));
            let mut elements: Vec<Value> = elements.collect();
            if SHARED.contains(&field) && roll(dice) {
                let added = json!({"name": "added", "uid": "added", "mountPath": "/added"});
                let at = if roll(dice) { 0 } else { elements.len() };
                elements.insert(at, added);
            }
            Value::Array(elements)
        }
        leaf => leaf.clone(),
    }
}

fn decorate_map(field: &str, map: &Map<String, Value>, dice: &mut u64) -> Map<String, Value> {
    let mut decorated = Map::new();
    for (name, value) in map {
        let empty = matches!(value, Value::Object(map) if map.is_empty());
        let value = match value.as_str() {
            Some(amount) if matches!(field, "limits" | "requests") => rewrite(amount, dice),
            _ => decorate(name, value, dice),
        };
        if !empty || roll(dice) {
            decorated.insert(name.clone(), value);
        }
    }
    if roll(dice) {
        decorated.insert("added".to_owned(), json!("by a server"));
    }
    decorated
}

/// The same amount, as the server might write it.
fn rewrite(amount: &str, dice: &mut u64) -> Value {
    let amount = match amount {
        "1000m" if roll(dice) => "1",
        "1.5Gi" if roll(dice) => "1536Mi",
        "2Gi" if roll(dice) => "2147483648",
        same => same,
    };
    json!(amount)
}

fn walk(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(value, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                walk(value, &format!("{at}/{index}"), found);
            }
        }
        _ => found.push(at.to_owned()),
    }
}

/// A random boolean from a minimal generator.
fn roll(dice: &mut u64) -> bool {
    *dice = dice
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *dice >> 63 == 1
}
