//! The documents of a manifest file, read as kubectl reads them, so a file that works here works
//! there.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The objects of a file, in order: those of every document, and those in a list of objects.
///
/// # Errors
/// What is wrong with the text, and where.
pub(super) fn objects(text: &str) -> Result<Vec<Value>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut objects = Vec::new();
    for (index, document) in serde_norway::Deserializer::from_str(text).enumerate() {
        let document = Any { text }.deserialize(document);
        let document = document.map_err(|error| format!("not YAML: {}", told(&error, text)))?;
        let place = format!("document {}", index + 1);
        match document {
            Value::Null => {}
            document => add(document, &place, &mut objects)?,
        }
    }
    Ok(objects)
}

fn add(object: Value, place: &str, objects: &mut Vec<Value>) -> Result<(), String> {
    let Value::Object(mut fields) = object else {
        return Err(format!("{place} is not an object: it has no kind"));
    };
    let Some(kind) = fields.get("kind").and_then(Value::as_str) else {
        return Err(format!("{place}: kind is required"));
    };
    let (is_list, is_only_list) = (kind.ends_with("List"), kind == "List");
    match fields.remove("items") {
        Some(Value::Array(items)) if is_list => {
            for (index, item) in items.into_iter().enumerate() {
                add(item, &format!("{place}: items[{index}]"), objects)?;
            }
        }
        _ if is_only_list => return Err(format!("{place}: items must be a list")),
        items => {
            fields.extend(items.map(|items| ("items".to_owned(), items)));
            objects.push(Value::Object(fields));
        }
    }
    Ok(())
}

/// The error, with a hint for a frequent mistake.
fn told(error: &serde_norway::Error, text: &str) -> String {
    let line = error.location().map(|place| place.line());
    let line = line.and_then(|line| text.lines().nth(line.checked_sub(1)?));
    let indent = line.map(|line| line.split(|c: char| !c.is_whitespace()).next());
    if indent.flatten().is_some_and(|indent| indent.contains('\t')) {
        return format!("{error} (there is a tab: YAML is indented with spaces)");
    }
    error.to_string()
}

/// Words that are booleans to kubectl, which reads YAML 1.1, when they are not quoted.
fn boolean(word: &str) -> Option<bool> {
    match word {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Any value of a text.
#[derive(Clone, Copy)]
struct Any<'t> {
    text: &'t str,
}

impl Any<'_> {
    /// Whether a word that is part of the text is quoted there.
    fn is_quoted(self, word: &str) -> bool {
        let start = (word.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize);
        let before = start.and_then(|start| start.checked_sub(1));
        let before = before.and_then(|at| self.text.as_bytes().get(at));
        matches!(before, Some(b'"' | b'\''))
    }
}

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value without a tag")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    /// An empty document.
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value);
        number.map(Value::Number).ok_or_else(|| {
            E::custom(format!(
                "{value} is not a number: put it in quotes if it is text"
            ))
        })
    }

    fn visit_borrowed_str<E>(self, word: &'de str) -> Result<Value, E> {
        match boolean(word) {
            Some(value) if !self.is_quoted(word) => Ok(Value::Bool(value)),
            _ => Ok(Value::from(word)),
        }
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let (mut fields, mut merged) = (Map::new(), Vec::new());
        while let Some(key) = entries.next_key_seed(Key)? {
            let value = entries.next_value_seed(self)?;
            if key == "<<" {
                merged.push(value);
            } else if fields.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key} is there twice")));
            } else {
                fields.insert(key, value);
            }
        }
        for value in merged {
            merge(value, &mut fields).map_err(A::Error::custom)?;
        }
        Ok(Value::Object(fields))
    }
}

/// `<<: *anchor`: the map's own fields win.
fn merge(value: Value, fields: &mut Map<String, Value>) -> Result<(), &'static str> {
    match value {
        Value::Object(more) => {
            for (key, value) in more {
                fields.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::Array(all) => all.into_iter().try_for_each(|value| merge(value, fields)),
        _ => Err("only a map can be merged by <<"),
    }
}

/// The name of a field, as written.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<String, E> {
        Ok(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(text: &str) -> Value {
        let objects = objects(&format!("kind: X\n{text}")).unwrap();
        let mut object = objects.into_iter().next().unwrap();
        object.as_object_mut().unwrap().remove("kind");
        object
    }

    fn wrong(text: &str) -> String {
        objects(text).unwrap_err()
    }

    #[test]
    fn words_are_what_kubectl_makes_of_them() {
        let text = "a: yes\nb: 'yes'\nc: \"no\"\nd: off\ne: true\nf: '1'\ng: 1\nh: ~\ni: [On, 'on', \
            {j: n}]\nk: yes and no\nl: |-\n  yes\nm: 0644\nn: -1.5\no: &w No\np: *w\nyes: 1\n";
        let wanted = json!({"a": true, "b": "yes", "c": "no", "d": false, "e": true, "f": "1",
            "g": 1, "h": null, "i": [true, "on", {"j": false}], "k": "yes and no", "l": "yes",
            "m": "0644", "n": -1.5, "o": false, "p": false, "yes": 1});
        assert_eq!(one(text), wanted);
    }

    #[test]
    fn files_come_in_many_forms() {
        let one_and_two = json!([{"kind": "X", "a": 1}, {"kind": "Z", "b": {"c": "d"}}]);
        for text in [
            "kind: X\na: 1\n---\nkind: Z\nb: {c: d}\n",
            "\u{feff}kind: X\na: 1\n---\nkind: Z\nb:\n  c: d\n",
            "\u{feff}---\r\nkind: X\r\na: 1\r\n---\r\n---\r\n# nothing\r\n---\r\nkind: Z\r\nb:\r\n  c: d\r\n",
            "---\n\n---\nkind: X\na: 1\n...\n---\nkind: Z\nb: {c: d}\n---\n",
            "apiVersion: v1\nkind: List\nitems:\n- {kind: X, a: 1}\n- kind: List\n  items:\n  - {kind: Z, b: {c: d}}\n",
            "{\"kind\": \"List\", \"items\": [{\"kind\": \"X\", \"a\": 1},\n\t{\"kind\": \"Z\", \"b\": {\"c\": \"d\"}}]}",
            "kind: X\na: 1\n---\nkind: Z\nx: &x {c: d}\nb: {<<: *x}\n",
        ] {
            let mut found = objects(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
            for object in &mut found {
                object.as_object_mut().unwrap().remove("x");
            }
            assert_eq!(Value::Array(found), one_and_two, "{text:?}");
        }
        assert_eq!(objects("").unwrap(), [json!(null); 0]);
        let merged = "a: {<<: [{x: 1, y: 1}, {y: 2, z: 2}], z: 3}\n";
        assert_eq!(one(merged), json!({"a": {"x": 1, "y": 1, "z": 3}}));
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (text, words) in [
            ("kind: X\nspec:\n\tshards: 3\n", &["line 3", "a tab"][..]),
            (
                "kind: X\na: 1\nb:\n  c: 1\n  c: 2\n",
                &["the key c is there twice", "line"],
            ),
            ("kind: X\nkind: X\n", &["the key kind is there twice"]),
            ("- kind: X\n", &["document 1 is not an object"]),
            (
                "kind: X\n---\njust text\n",
                &["document 2 is not an object"],
            ),
            ("a: 1\n", &["document 1: kind is required"]),
            ("kind: List\n", &["document 1: items must be a list"]),
            (
                "kind: List\nitems: {}\n",
                &["document 1: items must be a list"],
            ),
            (
                "kind: List\nitems: [1]\n",
                &["document 1: items[0] is not an object"],
            ),
            ("kind: X\na: !mine 1\n", &["without a tag"]),
            ("kind: X\na: .nan\n", &["put it in quotes"]),
            ("kind: X\n? [a]\n: 1\n", &["the name of a field"]),
            ("kind: X\na: *nowhere\n", &["unknown anchor"]),
            ("kind: X\na: {<<: 1}\n", &["only a map can be merged"]),
        ] {
            let error = wrong(text);
            for word in words {
                assert!(error.contains(word), "{text:?}: {word:?} is not in {error}");
            }
        }
    }

    /// Aliases of aliases would take all memory.
    #[test]
    fn aliases_do_not_grow_without_bound() {
        let mut text = "kind: X\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let before = format!("*a{}, ", n - 1).repeat(9);
            text += &format!("a{n}: &a{n} [{before}]\n");
        }
        assert!(wrong(&text).contains("limit"), "{}", wrong(&text));
        let deep = "[".repeat(10_000);
        assert!(objects(&format!("kind: X\na: {deep}")).is_err());
    }
}
