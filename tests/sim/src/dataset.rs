//! The data set of a node as a client reads it, whatever the types of its keys: what a master and its
//! replicas are compared by.

use std::collections::BTreeMap;

use slotkeeper_node::resp::ReplyValue;

use crate::net::NodeIx;
use crate::ops::words;
use crate::simulation::Simulation;

/// Every key with its value.
pub(crate) type Dataset = BTreeMap<String, Value>;

/// A value in a form in which equal values are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    kind: String,
    /// In order, where the type has one.
    elements: Vec<Vec<String>>,
    /// When it expires, in unix milliseconds.
    expires_ms: Option<i64>,
}

impl Simulation {
    /// Reads everything that a node holds.
    ///
    /// # Errors
    /// What it does not answer.
    pub(crate) fn dataset(&mut self, node: NodeIx) -> Result<Dataset, String> {
        let names = self.ask(node, &[words(&["KEYS", "*"])])?.remove(0);
        let ReplyValue::Array(names) = names else {
            return Err(format!("node {node} answers KEYS with {names:?}"));
        };
        let names: Vec<String> = names.iter().map(text).collect();
        let mut requests = vec![words(&["READONLY"])];
        requests.extend(names.iter().map(|name| words(&["TYPE", name])));
        let types: Vec<String> = self.ask(node, &requests)?[1..].iter().map(text).collect();
        requests.truncate(1);
        for (name, kind) in names.iter().zip(&types) {
            requests.push(words(&["PEXPIRETIME", name]));
            requests.push(read(kind, name)?);
        }
        let replies = self.ask(node, &requests)?;
        let mut dataset = Dataset::new();
        for ((name, kind), replies) in names.into_iter().zip(types).zip(replies[1..].chunks(2)) {
            // It has expired by the node's clock.
            if replies[1] == ReplyValue::Null {
                continue;
            }
            if let ReplyValue::Error(text) = &replies[1] {
                let text = String::from_utf8_lossy(text);
                return Err(format!("node {node} does not let {name} be read: {text}"));
            }
            let expires_ms = match replies[0] {
                ReplyValue::Integer(at @ 0..) => Some(at),
                _ => None,
            };
            let mut elements = elements(&kind, &replies[1]);
            if kind == "hash" {
                self.add_times(node, &name, &mut elements)?;
            }
            dataset.insert(
                name,
                Value {
                    kind,
                    elements,
                    expires_ms,
                },
            );
        }
        Ok(dataset)
    }

    /// Adds to each field of a hash when it expires.
    fn add_times(
        &mut self,
        node: NodeIx,
        name: &str,
        fields: &mut [Vec<String>],
    ) -> Result<(), String> {
        let count = fields.len().to_string();
        let mut request = words(&["HPEXPIRETIME", name, "FIELDS", &count]);
        request.extend(fields.iter().map(|field| field[0].clone()));
        let replies = self.ask(node, &[words(&["READONLY"]), request])?;
        if let ReplyValue::Array(times) = &replies[1] {
            for (field, at) in fields.iter_mut().zip(times) {
                field.push(text(at));
            }
        }
        Ok(())
    }

    /// How the data set of a replica differs from that of its master, while nobody writes. A key that
    /// expires may be gone at one of them already, by its own clock.
    ///
    /// # Errors
    /// Names the key and both values, or who does not answer.
    pub(crate) fn compare(&mut self, master: NodeIx, replica: NodeIx) -> Result<(), String> {
        let (theirs, ours) = (self.dataset(master)?, self.dataset(replica)?);
        for name in theirs.keys().chain(ours.keys()) {
            let (at_master, at_replica) = (theirs.get(name), ours.get(name));
            let expires = |value: Option<&Value>| value.is_some_and(|v| v.expires_ms.is_some());
            let one_is_gone = at_master.is_none() || at_replica.is_none();
            if one_is_gone && (expires(at_master) || expires(at_replica)) {
                continue;
            }
            if at_master != at_replica {
                return Err(format!(
                    "{name} is {} at master {master} and {} at replica {replica}",
                    shown(at_master, at_replica),
                    shown(at_replica, at_master)
                ));
            }
        }
        Ok(())
    }
}

/// The command that reads all of a value.
fn read(kind: &str, name: &str) -> Result<Vec<String>, String> {
    Ok(match kind {
        "string" => words(&["GET", name]),
        "hash" => words(&["HGETALL", name]),
        "set" => words(&["SMEMBERS", name]),
        "list" => words(&["LRANGE", name, "0", "-1"]),
        "zset" => words(&["ZRANGE", name, "0", "-1", "WITHSCORES"]),
        "stream" => words(&["XINFO", "STREAM", name, "FULL", "COUNT", "0"]),
        "none" => words(&["GET", name]),
        other => return Err(format!("{name} is a {other}, which nothing here reads")),
    })
}

/// The elements of a value: sorted, where their order is each node's own.
fn elements(kind: &str, reply: &ReplyValue) -> Vec<Vec<String>> {
    let ReplyValue::Array(values) = reply else {
        return vec![vec![text(reply)]];
    };
    if kind == "stream" {
        return parts_of_stream(values);
    }
    let values: Vec<String> = values.iter().map(text).collect();
    let size = if kind == "hash" { 2 } else { 1 };
    let mut elements: Vec<Vec<String>> = values.chunks(size).map(<[String]>::to_vec).collect();
    if matches!(kind, "hash" | "set") {
        elements.sort();
    }
    elements
}

/// Counters, messages and groups, each of them in a text. When a consumer was last seen is each node's
/// own, and so is how it keeps the messages.
fn parts_of_stream(fields: &[ReplyValue]) -> Vec<Vec<String>> {
    let mut parts = Vec::new();
    for field in fields.chunks(2) {
        let name = text(&field[0]);
        match field.get(1) {
            _ if name.starts_with("radix-tree-") => {}
            Some(ReplyValue::Array(all)) => {
                parts.extend(all.iter().map(|part| vec![name.clone(), shared_text(part)]));
            }
            value => parts.push(vec![name, value.map(shared_text).unwrap_or_default()]),
        }
    }
    parts
}

/// All of a reply but the times at which a consumer was last seen.
fn shared_text(reply: &ReplyValue) -> String {
    let ReplyValue::Array(values) = reply else {
        return text(reply);
    };
    let mut texts = Vec::new();
    let mut values = values.iter();
    while let Some(value) = values.next() {
        let name = text(value);
        if matches!(name.as_str(), "seen-time" | "active-time") {
            values.next();
        } else {
            texts.push(shared_text(value));
        }
    }
    format!("[{}]", texts.join(" "))
}

fn text(reply: &ReplyValue) -> String {
    match reply.text() {
        Some(text) => String::from_utf8_lossy(text).into_owned(),
        None => format!("{reply:?}"),
    }
}

/// A value beside another one: its first element that the other one does not have, in short.
fn shown(value: Option<&Value>, other: Option<&Value>) -> String {
    let Some(value) = value else {
        return "missing".to_owned();
    };
    let others = other.map_or(&[][..], |other| &other.elements);
    let own = value.elements.iter().find(|own| !others.contains(own));
    let own: String = format!("{own:?}").chars().take(80).collect();
    let (kind, count) = (&value.kind, value.elements.len());
    format!(
        "a {kind} of {count}, own: {own}, expires: {:?}",
        value.expires_ms
    )
}
