//! Our node and redis-server, side by side.

use crate::canonical::{self, Kind, integer, kind, name};
use crate::connection::Connection;
use crate::process::Server;
use crate::value::Value;
use crate::{Request, differences, drawn, keyspace};

/// So many requests are sent before their replies are read.
const TOGETHER: usize = 64;

/// Two replies that should be the same: ours and theirs.
pub type Differing = (String, String);

/// What differs.
pub enum Difference {
    /// The replies to a request of the list.
    Reply { at: usize, replies: Differing },
    /// A key, after all requests or after a reload.
    Keys { when: &'static str, keys: Differing },
}

/// What a run sets before its requests: directives that both servers have.
pub type Settings = &'static [(&'static str, &'static str)];

/// How a list of requests is played.
#[derive(Clone, Copy)]
pub struct Conditions {
    /// 2 or 3.
    pub protocol: u8,
    pub settings: Settings,
}

/// The two servers.
pub struct Pair {
    node: Server,
    redis: Server,
}

impl Pair {
    /// Starts both.
    pub fn start() -> Pair {
        let options = ["--enable-debug-command", "yes", "--databases", "16"];
        Pair {
            node: Server::node(&options),
            redis: Server::redis(&options),
        }
    }

    /// A connection to redis-server.
    pub fn redis(&self) -> Connection {
        Connection::open(self.redis.port, 2)
    }

    /// Plays requests on both, from nothing on, and says what differs first.
    pub fn play(&self, requests: &[Request], conditions: Conditions) -> Option<Difference> {
        let mut both = Both {
            ours: Connection::open(self.node.port, conditions.protocol),
            theirs: Connection::open(self.redis.port, conditions.protocol),
            queued: None,
        };
        for request in [&["FLUSHALL"][..], &["CONFIG", "RESETSTAT"]] {
            drop(both.ask(request));
        }
        for (directive, value) in conditions.settings {
            let set = ["CONFIG", "SET", directive, value];
            let (ours, theirs) = both.ask(&set);
            assert_eq!(ours.show(false), "+OK", "{set:?}");
            assert_eq!(theirs.show(false), "+OK", "{set:?}");
        }
        let mut at = 0;
        while at < requests.len() {
            let together = both.together(&requests[at..]);
            for request in &requests[at..at + together] {
                both.send(request);
            }
            for request in &requests[at..at + together.max(1)] {
                let replies = match together {
                    0 => both.play(request),
                    _ => both.compare(request),
                };
                let meant =
                    |(ours, theirs): &Differing| differences::is_known(request, ours, theirs);
                if let Some(replies) = replies.filter(|replies| !meant(replies)) {
                    return Some(Difference::Reply { at, replies });
                }
                at += 1;
            }
        }
        drop(both);
        self.compare_keys()
    }

    /// Compares all keys, then again after each server has loaded what it saved, and after each has
    /// loaded what the other one saved.
    fn compare_keys(&self) -> Option<Difference> {
        let mut ours = Connection::open(self.node.port, 2);
        let mut theirs = Connection::open(self.redis.port, 2);
        let compare = |ours: &mut Connection, theirs: &mut Connection, when| {
            let digest = ["DEBUG", "DIGEST"];
            let digests = |ours: &mut Connection, theirs: &mut Connection| {
                let (ours, theirs) = (ours.text(&digest), theirs.text(&digest));
                (ours != theirs).then_some((ours, theirs))
            };
            let keys = keyspace::first_difference(ours, theirs);
            let keys = keys.or_else(|| digests(ours, theirs))?;
            Some(Difference::Keys { when, keys })
        };
        let found = compare(&mut ours, &mut theirs, "after the last request");
        if found.is_some() {
            return found;
        }
        for server in [&mut ours, &mut theirs] {
            assert_eq!(server.text(&["DEBUG", "RELOAD"]), "+OK");
        }
        let found = compare(&mut ours, &mut theirs, "after a reload");
        if found.is_some() {
            return found;
        }
        let (here, there) = (
            self.node.dir().join("dump.rdb"),
            self.redis.dir().join("dump.rdb"),
        );
        let swapped = here.with_extension("swapped");
        std::fs::rename(&here, &swapped)
            .and_then(|()| std::fs::rename(&there, &here))
            .and_then(|()| std::fs::rename(&swapped, &there))
            .expect("both have saved");
        for server in [&mut ours, &mut theirs] {
            assert_eq!(server.text(&["DEBUG", "RELOAD", "NOSAVE"]), "+OK");
        }
        compare(&mut ours, &mut theirs, "each with what the other one saved")
    }
}

/// A connection to each.
pub struct Both {
    pub ours: Connection,
    pub theirs: Connection,
    /// Between MULTI and EXEC: the requests that wait.
    queued: Option<Vec<Request>>,
}

impl Both {
    /// Asks both the same.
    pub fn ask(&mut self, request: &[impl AsRef<[u8]>]) -> (Value, Value) {
        self.send(request);
        (self.ours.reply(), self.theirs.reply())
    }

    fn send(&mut self, request: &[impl AsRef<[u8]>]) {
        self.ours.send(request);
        self.theirs.send(request);
    }

    /// How many of these requests can be sent before the first reply is read: those that need no
    /// further questions.
    fn together(&self, requests: &[Request]) -> usize {
        let simple = |request: &&Request| !matches!(kind(request), Kind::Drawn | Kind::Scan);
        requests.iter().take(TOGETHER).take_while(simple).count()
    }

    /// Plays a request that needs further questions, and says how the replies differ. In a
    /// transaction it is left out.
    fn play(&mut self, request: &Request) -> Option<Differing> {
        match (kind(request), &self.queued) {
            (_, Some(_)) => None,
            (Kind::Drawn, None) => drawn::play(self, request),
            (_, None) => self.scan(request),
        }
    }

    /// Reads the replies to a request, and says how they differ.
    fn compare(&mut self, request: &Request) -> Option<Differing> {
        let (ours, theirs) = (self.ours.reply(), self.theirs.reply());
        let (ours, theirs) = match (name(request).as_str(), self.queued.take(), ours, theirs) {
            ("exec", Some(queued), Value::List(_, ours, _), Value::List(_, theirs, _))
                if (ours.len(), theirs.len()) == (queued.len(), queued.len()) =>
            {
                return first_differing(&queued, ours, theirs);
            }
            (_, queued, ours, theirs) => {
                self.queued = queued;
                (ours, theirs)
            }
        };
        self.note_transaction(request, &theirs);
        differing(request, ours, theirs)
    }

    fn note_transaction(&mut self, request: &Request, reply: &Value) {
        let reply = reply.show(false);
        match name(request).as_str() {
            "multi" if reply == "+OK" => self.queued = Some(Vec::new()),
            "exec" => self.queued = None,
            "discard" if reply == "+OK" => self.queued = None,
            _ if reply == "+QUEUED" => {
                let queued = self.queued.as_mut();
                queued.expect("MULTI was answered").push(request.clone());
            }
            _ => {}
        }
    }

    /// Compares whole scans.
    fn scan(&mut self, request: &Request) -> Option<Differing> {
        let at = if name(request) == "scan" { 1 } else { 2 };
        let begins = request.get(at).is_some_and(|cursor| cursor == b"0");
        let (ours, theirs) = (
            whole_scan(&mut self.ours, request, at),
            whole_scan(&mut self.theirs, request, at),
        );
        (begins && ours != theirs).then_some((ours, theirs))
    }
}

/// All that a scan finds, once each and in order; or how the first reply refuses it.
fn whole_scan(server: &mut Connection, request: &Request, at: usize) -> String {
    let width = if name(request).starts_with(['h', 'z']) {
        2
    } else {
        1
    };
    let (mut next, mut found) = (request.clone(), Vec::new());
    loop {
        let (cursor, elements) = match server.ask(&next) {
            Value::List(_, mut parts, _) if parts.len() == 2 => (parts.remove(0), parts.remove(0)),
            refused => return refused.show(false),
        };
        if let Value::List(_, values, _) = elements {
            found.extend(values.chunks(width).map(|part| {
                let texts = part
                    .iter()
                    .map(|value| canonical::text(request, value.clone()));
                texts.collect::<Vec<_>>().join(" ")
            }));
        }
        match cursor {
            Value::Bulk(cursor) if cursor != b"0" => next[at] = cursor,
            _ => break,
        }
    }
    found.sort();
    found.dedup();
    found.join(" ")
}

/// How the replies to the requests of a transaction differ first.
fn first_differing(queued: &[Request], ours: Vec<Value>, theirs: Vec<Value>) -> Option<Differing> {
    let replies = ours.into_iter().zip(theirs).zip(queued);
    let mut differing = replies.filter_map(|((ours, theirs), request)| {
        let differing = differing(request, ours, theirs)?;
        let known = differences::is_known(request, &differing.0, &differing.1);
        (!known).then_some(differing)
    });
    differing.next()
}

/// How two replies differ.
fn differing(request: &Request, ours: Value, theirs: Value) -> Option<Differing> {
    let (ours, theirs) = (
        canonical::text(request, ours),
        canonical::text(request, theirs),
    );
    let agree = match kind(request) {
        Kind::Time(tolerance) => match (integer(&ours), integer(&theirs)) {
            (Some(ours), Some(theirs)) if ours >= 0 && theirs >= 0 => {
                ours.abs_diff(theirs) <= tolerance.unsigned_abs()
            }
            _ => ours == theirs,
        },
        Kind::Encoding => differences::may_be_encoded_here_and_there(&ours, &theirs),
        _ => ours == theirs,
    };
    (!agree).then_some((ours, theirs))
}
