//! A transcript: what is sent, and what must come back.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use slotkeeper_node::resp::{encode_command, split_words};

use crate::server::Connection;
use crate::value::matches;

/// What kind of server a transcript needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Databases 0 to 15.
    Standalone,
    /// A cluster of one node that owns all slots.
    Cluster,
}

/// A transcript.
pub struct Script {
    name: String,
    mode: Mode,
    steps: Vec<Step>,
}

struct Step {
    line: usize,
    action: Action,
}

enum Action {
    /// Bytes for a connection.
    Send(String, Vec<u8>),
    /// The next reply of the connection that was sent to last.
    Expect(String),
    Sleep(Duration),
    /// The server closes the connection that was sent to last.
    Closed,
}

impl Script {
    /// Reads a file.
    pub fn read(path: &Path) -> Script {
        let text = std::fs::read_to_string(path).expect("a transcript can be read");
        let name = path.file_name().expect("it has a name").to_string_lossy();
        let mut script = Script {
            name: name.into_owned(),
            mode: Mode::Standalone,
            steps: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            if line == "mode cluster" {
                script.mode = Mode::Cluster;
            } else if !line.is_empty() && !line.starts_with("# ") && line != "#" {
                let action = parse(line).unwrap_or_else(|| {
                    panic!("{}:{}: {line:?} is nothing", script.name, index + 1)
                });
                script.steps.push(Step {
                    line: index + 1,
                    action,
                });
            }
        }
        script
    }

    /// What it needs.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Plays it against an emptied server. Gives a line for every reply that is not as it should
    /// be.
    pub fn run(&self, address: &str) -> String {
        let mut setup = Connection::open(address);
        setup.send(b"*1\r\n$8\r\nFLUSHALL\r\n");
        setup.reply(false);
        let mut connections: BTreeMap<String, Connection> = BTreeMap::new();
        let (mut current, mut failures) = (String::new(), String::new());
        for Step { line, action } in &self.steps {
            let found = match action {
                Action::Send(name, bytes) => {
                    let open = || Connection::open(address);
                    connections
                        .entry(name.clone())
                        .or_insert_with(open)
                        .send(bytes);
                    current.clone_from(name);
                    continue;
                }
                Action::Sleep(time) => {
                    std::thread::sleep(*time);
                    continue;
                }
                Action::Closed => {
                    let connection = connections.remove(&current);
                    let reply = connection.expect("something was sent").reply(false);
                    if reply == "(closed)" { continue } else { reply }
                }
                Action::Expect(pattern) => {
                    let (sorted, pattern) = match pattern.strip_prefix("sorted ") {
                        Some(pattern) => (true, pattern),
                        None => (false, pattern.as_str()),
                    };
                    let connection = connections.get_mut(&current);
                    let reply = connection.expect("something was sent").reply(sorted);
                    if matches(pattern, &reply) {
                        continue;
                    } else {
                        reply
                    }
                }
            };
            let wanted = match action {
                Action::Expect(pattern) => pattern,
                _ => "(closed)",
            };
            let _ = writeln!(
                failures,
                "{}:{line}: wanted {wanted}\n  found {found}",
                self.name
            );
            if found == "(closed)" {
                break; // Or no answer in time: what follows has no meaning.
            }
        }
        failures
    }
}

fn parse(line: &str) -> Option<Action> {
    if let Some(time) = line.strip_prefix("sleep ") {
        return Some(Action::Sleep(Duration::from_millis(time.parse().ok()?)));
    }
    if line == "(closed)" {
        return Some(Action::Closed);
    }
    // A request is `> words`, or `name> words` on a connection of its own, or `>> bytes` as they
    // are, with escapes.
    let name_length = line.bytes().take_while(u8::is_ascii_lowercase).count();
    let (name, rest) = line.split_at(name_length);
    if let Some(bytes) = rest.strip_prefix(">> ") {
        let words = split_words(format!("\"{bytes}\"").as_bytes())?;
        return Some(Action::Send(name.to_owned(), words.concat()));
    }
    if let Some(words) = rest.strip_prefix("> ") {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &split_words(words.as_bytes())?);
        return Some(Action::Send(name.to_owned(), bytes));
    }
    Some(Action::Expect(line.to_owned()))
}
