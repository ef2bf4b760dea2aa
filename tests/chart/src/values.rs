//! `values.yaml` as a person reads it: every value with the comment above it.

use std::fs;

use serde_json::Value;

use crate::chart;

/// A value with a comment.
#[derive(Clone, Debug, PartialEq)]
pub struct Documented {
    /// Its name, such as `image.tag`.
    pub name: String,
    /// The comment above it.
    pub meaning: String,
    /// Its default.
    pub default: Value,
}

/// The text of the chart's `values.yaml`.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn text() -> String {
    fs::read_to_string(chart().join("values.yaml")).expect("the chart has values")
}

/// A file of the chart in YAML or JSON.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn file(path: &str) -> Value {
    let text = fs::read_to_string(chart().join(path)).expect(path);
    serde_norway::from_str(&text).expect(path)
}

/// The values that have a comment, in order. An empty line separates a comment from what follows.
///
/// # Panics When the text is not YAML.
#[must_use]
pub fn documented(text: &str) -> Vec<Documented> {
    let defaults: Value = serde_norway::from_str(text).expect("values are YAML");
    let mut all = Vec::new();
    let mut parents: Vec<(usize, &str)> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in text.lines() {
        let inside = line.trim_start();
        if let Some(words) = inside.strip_prefix('#') {
            comment.push(words.trim());
            continue;
        }
        let meaning = std::mem::take(&mut comment).join(" ");
        let Some((key, _)) = inside.split_once(':').filter(|_| !inside.starts_with('-')) else {
            continue;
        };
        let indent = line.len() - inside.len();
        parents.retain(|(parent, _)| *parent < indent);
        parents.push((indent, key));
        if !meaning.is_empty() {
            let path: Vec<&str> = parents.iter().map(|(_, key)| *key).collect();
            let default = defaults.pointer(&format!("/{}", path.join("/")));
            all.push(Documented {
                name: path.join("."),
                meaning,
                default: default.cloned().unwrap_or_default(),
            });
        }
    }
    all
}

/// The names of all values, down to those that hold no others.
#[must_use]
pub fn leaves(values: &Value) -> Vec<String> {
    let mut names = Vec::new();
    for (key, value) in values.as_object().into_iter().flatten() {
        let inside = leaves(value);
        if inside.is_empty() {
            names.push(key.clone());
        }
        names.extend(inside.iter().map(|name| format!("{key}.{name}")));
    }
    names
}

/// A value by its name; null if there is none.
#[must_use]
pub fn at<'a>(values: &'a Value, name: &str) -> &'a Value {
    name.split('.').fold(values, |value, key| &value[key])
}

/// The table of the README.
#[must_use]
pub fn table(values: &[Documented]) -> String {
    let mut table = "| Value | Default | Meaning |\n|---|---|---|\n".to_owned();
    for value in values {
        let Documented {
            name,
            meaning,
            default,
        } = value;
        table += &format!("| `{name}` | `{default}` | {meaning} |\n");
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_comment_belongs_to_the_value_below_it() {
        let text =
            "# Head.\n\n# One:\n# two.\na: 1\nb:\n  c:\n    # Deep.\n    d: {x: []}\n  e: x\n";
        let value = |name: &str, meaning: &str, default: Value| Documented {
            name: name.to_owned(),
            meaning: meaning.to_owned(),
            default,
        };
        let wanted = [
            value("a", "One: two.", json!(1)),
            value("b.c.d", "Deep.", json!({"x": []})),
        ];
        assert_eq!(documented(text), wanted);
    }
}
