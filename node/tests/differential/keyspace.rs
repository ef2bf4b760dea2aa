//! All that a server holds, a line a key.

use crate::Request;
use crate::canonical;
use crate::connection::Connection;
use crate::differences;
use crate::pair::Differing;
use crate::value::Value;

/// How many databases are compared.
const DATABASES: usize = 16;
/// By how many milliseconds the times of expiry may differ.
const TOLERANCE_MS: i64 = 10_000;

/// The first key that the servers do not hold alike.
pub fn first_difference(ours: &mut Connection, theirs: &mut Connection) -> Option<Differing> {
    let (all_here, all_there) = (names_by_database(ours), names_by_database(theirs));
    for (database, (here, there)) in all_here.into_iter().zip(all_there).enumerate() {
        if here != there {
            let shown = |keys: &[Vec<u8>]| format!("database {database} has {}", names(keys));
            return Some((shown(&here), shown(&there)));
        }
        let held = |server| Held::of_all(server, database, &here);
        let (held_here, held_there) = (held(ours), held(theirs));
        for (key, (here, there)) in here.iter().zip(held_here.iter().zip(&held_there)) {
            if !here.is_like(there) {
                let shown = |held: &Held| {
                    format!(
                        "{} of {database}: {held:?}",
                        names(std::slice::from_ref(key))
                    )
                };
                return Some((shown(here), shown(there)));
            }
        }
    }
    None
}

fn names(keys: &[Vec<u8>]) -> String {
    let names: Vec<_> = keys
        .iter()
        .map(|key| String::from_utf8_lossy(key))
        .collect();
    names.join(" ")
}

fn request(words: &[&[u8]]) -> Request {
    words.iter().map(|word| word.to_vec()).collect()
}

fn select(database: usize) -> Request {
    request(&[b"SELECT", database.to_string().as_bytes()])
}

/// The keys of each database, in order.
fn names_by_database(server: &mut Connection) -> Vec<Vec<Vec<u8>>> {
    let ask = |database| [select(database), request(&[b"KEYS", b"*"])];
    let requests: Vec<Request> = (0..DATABASES).flat_map(ask).collect();
    let replies = server.ask_all(&requests).into_iter().skip(1).step_by(2);
    let names = replies.map(|reply| {
        let Value::List(_, values, _) = reply else {
            panic!("KEYS replies a list");
        };
        let mut names: Vec<Vec<u8>> = (values.into_iter())
            .filter_map(|value| match value {
                Value::Bulk(name) => Some(name),
                _ => None,
            })
            .collect();
        names.sort();
        names
    });
    names.collect()
}

/// What there is to know of a key.
#[derive(Debug)]
struct Held {
    kind: String,
    encoding: String,
    expires_at: i64,
    value: String,
}

impl Held {
    /// The keys of a database.
    fn of_all(server: &mut Connection, database: usize, keys: &[Vec<u8>]) -> Vec<Held> {
        server.ask(&select(database));
        let about = |key: &Vec<u8>| {
            [
                request(&[b"TYPE", key]),
                request(&[b"OBJECT", b"ENCODING", key]),
                request(&[b"PEXPIRETIME", key]),
            ]
        };
        let questions: Vec<Request> = keys.iter().flat_map(about).collect();
        let answers = server.ask_all(&questions).into_iter();
        let answers: Vec<String> = answers.map(|answer| answer.show(false)).collect();
        let values = |(key, about): (&Vec<u8>, &[String])| match about[0].as_str() {
            "+hash" => request(&[b"HGETALL", key]),
            "+set" => request(&[b"SMEMBERS", key]),
            "+list" => request(&[b"LRANGE", key, b"0", b"-1"]),
            "+zset" => request(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"]),
            // Messages, groups, consumers and what is pending with them.
            "+stream" => request(&[b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"]),
            _ => request(&[b"GET", key]),
        };
        let questions: Vec<Request> = keys.iter().zip(answers.chunks(3)).map(values).collect();
        let replies = server.ask_all(&questions).into_iter().zip(&questions);
        let held = replies
            .zip(answers.chunks(3))
            .map(|((value, question), about)| Held {
                kind: about[0].trim_start_matches('+').to_owned(),
                encoding: about[1].trim_matches('"').to_owned(),
                expires_at: canonical::integer(&about[2]).unwrap_or(-2),
                value: canonical::text(question, value),
            });
        held.collect()
    }

    fn is_like(&self, other: &Held) -> bool {
        let expires_alike = match (self.expires_at, other.expires_at) {
            (here @ 1.., there @ 1..) => (here - there).abs() <= TOLERANCE_MS,
            (here, there) => here == there,
        };
        expires_alike
            && self.kind == other.kind
            && self.value == other.value
            && differences::may_be_encoded(&self.kind, &self.encoding, &other.encoding)
    }
}
