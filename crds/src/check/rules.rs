//! The CEL rules of the schema (`x-kubernetes-validations`), evaluated as the API server does it.

use cel::{Context, Program};
use serde_json::Value;

use super::{Violation, bounds, join};

/// Evaluates every rule of the schema on the object; rules with `oldSelf` only where the old object
/// has the field as well.
pub fn check(schema: &Value, value: &Value, old: Option<&Value>) -> Vec<Violation> {
    let mut violations = Vec::new();
    walk(schema, value, old, "", &mut violations);
    violations
}

fn walk(
    schema: &Value,
    value: &Value,
    old: Option<&Value>,
    path: &str,
    violations: &mut Vec<Violation>,
) {
    if value.is_null() {
        return;
    }
    for rule in schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten()
    {
        if let Some(message) = refusal(rule, value, old) {
            let field = rule["fieldPath"].as_str().unwrap_or_default();
            violations.push(Violation {
                field: match field.strip_prefix('.') {
                    Some(field) => join(path, field),
                    None => path.to_owned(),
                },
                message,
            });
        }
    }
    for (name, property) in bounds::properties(schema) {
        if let Some(field) = value.get(name) {
            let old = old.and_then(|old| old.get(name));
            walk(property, field, old, &join(path, name), violations);
        }
    }
}

/// The message of a rule that does not hold.
fn refusal(rule: &Value, value: &Value, old: Option<&Value>) -> Option<String> {
    let text = rule["rule"].as_str().unwrap_or_default();
    if text.contains("oldSelf") && old.is_none() {
        return None;
    }
    match evaluate(text, value, old) {
        Ok(true) => None,
        Ok(false) => Some(match rule["message"].as_str() {
            Some(message) => message.to_owned(),
            None => format!("failed rule: {text}"),
        }),
        Err(error) => Some(format!("rule {text} cannot be evaluated: {error}")),
    }
}

/// Evaluates one rule.
pub fn evaluate(rule: &str, value: &Value, old: Option<&Value>) -> Result<bool, String> {
    let program = Program::compile(rule).map_err(|error| error.to_string())?;
    let mut context = Context::default();
    let variables = [("self", Some(value)), ("oldSelf", old)];
    for (name, value) in variables {
        if let Some(value) = value {
            context
                .add_variable(name, value)
                .map_err(|error| error.to_string())?;
        }
    }
    match program.execute(&context) {
        Ok(cel::Value::Bool(holds)) => Ok(holds),
        Ok(other) => Err(format!("its result is {other:?}, not true or false")),
        Err(error) => Err(error.to_string()),
    }
}
