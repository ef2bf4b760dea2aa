//! The shape of an object: types, required and unknown fields, bounds, enumerations, defaults.

use serde_json::{Map, Value};

use super::{Violation, join};

/// Checks the shape.
pub fn check(schema: &Value, value: &Value) -> Vec<Violation> {
    let mut violations = Vec::new();
    walk(schema, value, "", &mut violations);
    violations
}

/// Puts the schema's defaults where a field is missing, as the API server does before the rules.
pub fn fill_defaults(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, property) in properties(schema) {
                match (fields.get_mut(name), property.get("default")) {
                    (Some(field), _) => fill_defaults(property, field),
                    (None, Some(default)) => {
                        fields.insert(name.clone(), default.clone());
                    }
                    (None, None) => {}
                }
            }
        }
        Value::Array(items) => {
            items
                .iter_mut()
                .for_each(|item| fill_defaults(&schema["items"], item));
        }
        _ => {}
    }
}

/// The fields that a schema names.
pub fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

fn walk(schema: &Value, value: &Value, path: &str, violations: &mut Vec<Violation>) {
    let mut refuse = |message: String| {
        violations.push(Violation {
            field: path.to_owned(),
            message,
        });
    };
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    if let Some(wanted) = type_mismatch(schema, value) {
        let hint = hint(wanted, value);
        return refuse(format!("must be {wanted}, not {}{hint}", kind(value)));
    }
    if let Some(message) = out_of_bounds(schema, value) {
        return refuse(message);
    }
    match value {
        Value::Object(fields) => walk_fields(schema, fields, path, violations),
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                walk(&schema["items"], item, &format!("{path}[{i}]"), violations);
            }
        }
        _ => {}
    }
}

fn walk_fields(
    schema: &Value,
    fields: &Map<String, Value>,
    path: &str,
    violations: &mut Vec<Violation>,
) {
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        if !fields.contains_key(name) {
            violations.push(Violation {
                field: join(path, name),
                message: "is required".to_owned(),
            });
        }
    }
    let open = schema.get("properties").is_none();
    for (name, field) in fields {
        let own = &schema["properties"][name];
        let known = if own.is_null() {
            &schema["additionalProperties"]
        } else {
            own
        };
        let implied = path.is_empty() && ["apiVersion", "kind", "metadata"].contains(&&**name);
        if known.is_object() {
            walk(known, field, &join(path, name), violations);
        } else if !open && !implied {
            violations.push(Violation {
                field: join(path, name),
                message: "is not a field of a RedisCluster".to_owned(),
            });
        }
    }
}

/// The type that the schema wants, if the value has another one.
fn type_mismatch(schema: &Value, value: &Value) -> Option<&'static str> {
    if schema["x-kubernetes-int-or-string"] == true {
        let fits = value.is_string() || value.is_i64() || value.is_u64();
        return (!fits).then_some("an integer or a string");
    }
    let (fits, wanted) = match schema["type"].as_str()? {
        "integer" => (value.is_i64() || value.is_u64(), "an integer"),
        "number" => (value.is_number(), "a number"),
        "string" => (value.is_string(), "a string"),
        "boolean" => (value.is_boolean(), "true or false"),
        "array" => (value.is_array(), "a list"),
        "object" => (value.is_object(), "a map"),
        _ => return None,
    };
    (!fits).then_some(wanted)
}

/// What to write when a value lacks quotes: to YAML, `yes` is a boolean, and nothing is null.
fn hint(wanted: &str, value: &Value) -> String {
    match value {
        Value::Bool(_) if wanted == "a string" => {
            ": put it in quotes, such as \"yes\" or \"no\"".to_owned()
        }
        Value::Number(number) if wanted == "a string" => {
            format!(": put it in quotes, \"{number}\"")
        }
        Value::Null if wanted == "a string" => {
            ": write \"\" for an empty one, or leave the field out".to_owned()
        }
        _ => String::new(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn out_of_bounds(schema: &Value, value: &Value) -> Option<String> {
    let bound = |name: &str| schema[name].as_f64();
    if let Some(number) = value.as_f64() {
        let (min, max) = (bound("minimum"), bound("maximum"));
        if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
            return Some(match (min, max) {
                (Some(min), Some(max)) => format!("must be from {min} to {max}, not {value}"),
                (Some(min), None) => format!("must be at least {min}, not {value}"),
                (_, max) => format!("must be at most {}, not {value}", max.unwrap_or_default()),
            });
        }
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        let words: Vec<String> = words
            .iter()
            .filter(|word| !word.is_null())
            .map(ToString::to_string)
            .collect();
        return Some(format!("must be one of {}, not {value}", words.join(", ")));
    }
    let (size, unit, least, most) = match value {
        Value::String(text) => (text.chars().count(), "characters", "minLength", "maxLength"),
        Value::Array(items) => (items.len(), "items", "minItems", "maxItems"),
        Value::Object(fields) => (fields.len(), "entries", "minProperties", "maxProperties"),
        _ => return None,
    };
    let size = size as f64;
    if let Some(least) = bound(least).filter(|least| size < *least) {
        return Some(format!("must have at least {least} {unit}, not {size}"));
    }
    let most = bound(most).filter(|most| size > *most)?;
    Some(format!("must have at most {most} {unit}, not {size}"))
}
