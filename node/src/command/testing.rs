//! A node's keys and one session, for the tests of commands.

use std::net::{Ipv4Addr, SocketAddr};

use super::{Effect, Exec, NodeView, Refused, resolve};
use crate::config::Config;
use crate::data::{Event, HashLimits, Keys, Layout, Partition, Scope};
use crate::io::{Peer, SessionId};
use crate::request::{Action, Block};
use crate::resp::{Args, Reply};
use crate::session::Session;
use crate::time::Now;

/// The time at which tests begin: unix milliseconds.
pub(super) const START_MS: i64 = 1_700_000_000_000;

/// What a test runs its commands on.
pub(super) struct Bench {
    pub config: Config,
    pub data: Partition,
    pub session: Session,
    pub now: Now,
    pub is_replica: bool,
}

impl Bench {
    pub(super) fn new() -> Bench {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let peer = Peer {
            remote: address,
            local: address,
        };
        Bench {
            config: Config::default(),
            data: Partition::new(Layout::Databases(16), [1, 2]),
            session: Session::new(SessionId::new(1, 0), peer, true),
            now: Now {
                unix_us: START_MS * 1000,
                mono_us: 5_000_000,
            },
            is_replica: false,
        }
    }

    /// Runs commands one after the other, and compares what each answers.
    pub(super) fn replies(&mut self, cases: &[(&str, &str)]) {
        for (line, reply) in cases {
            assert_eq!(self.reply(line), *reply, "{line}");
        }
    }

    pub(super) fn advance_ms(&mut self, millis: u64) {
        self.now.mono_us += millis * 1000;
        self.now.unix_us += millis.cast_signed() * 1000;
    }

    /// Runs one command, words separated by spaces; `""` is an empty one.
    pub(super) fn try_run(&mut self, line: &str) -> Result<(String, Effect), Refused> {
        let words = line
            .split(' ')
            .map(|word| if word == "\"\"" { "" } else { word });
        let argv: Vec<Vec<u8>> = words.map(|word| word.as_bytes().to_vec()).collect();
        let args = Args::kept(&argv);
        let command = resolve(&args)?;
        let mut reply = Reply::new();
        reply.set_resp3(self.session.resp3);
        self.data.begin(self.now, !self.session.no_touch);
        let node = NodeView {
            config: &self.config,
            is_replica: self.is_replica,
            has_stream: true,
            random: 7,
        };
        let mut exec = Exec {
            node: &node,
            data: &mut self.data,
            session: &mut self.session,
            now: self.now,
        };
        let effect = (command.run)(&mut exec, &args, &mut reply);
        if effect.is_err() {
            assert!(reply.is_empty(), "{line}: a refusal writes no reply");
        }
        let text = String::from_utf8_lossy(&reply.bytes()).into_owned();
        Ok((text, effect?))
    }

    /// The reply, line breaks as `|` and without the last one; a refusal as an error.
    pub(super) fn reply(&mut self, line: &str) -> String {
        match self.try_run(line) {
            Ok((reply, _)) => reply.trim_end_matches("\r\n").replace("\r\n", "|"),
            Err(Refused(text)) => format!("-{text}"),
        }
    }

    /// What replicas get: commands as words, joined by `;`. Empty: nothing.
    pub(super) fn effect(&mut self, line: &str) -> String {
        match self.try_run(line) {
            Ok((_, Effect::None)) => String::new(),
            Ok((_, Effect::AsWritten)) => line.to_owned(),
            Ok((_, Effect::Rewritten(commands))) => {
                let words = |argv: &Vec<Vec<u8>>| {
                    let words: Vec<_> = argv.iter().map(|w| String::from_utf8_lossy(w)).collect();
                    words.join(" ")
                };
                commands.iter().map(words).collect::<Vec<_>>().join(";")
            }
            Ok((_, Effect::Ask(action))) => panic!("{line} asks for {action:?}"),
            Err(Refused(text)) => format!("-{text}"),
        }
    }

    /// Puts a hash of one field at a key.
    pub(super) fn plant_hash(&mut self, name: &str) {
        let limits = HashLimits {
            entries: 512,
            value: 64,
        };
        let key = self.data.key(name.as_bytes());
        let planted = self.data.change_hash(0, &key, limits, |hash| {
            (hash.set(b"field", b"value"), Some(Event::HSet))
        });
        assert_eq!(planted, Ok(true));
    }

    /// What the command tells of keys: event and key as words, joined by `;`.
    pub(super) fn events(&mut self, line: &str) -> String {
        let scopes: Vec<_> = (0..self.data.databases()).map(Scope::Database).collect();
        self.data.drain_changes();
        scopes.iter().for_each(|scope| self.data.follow(*scope));
        self.reply(line);
        let told = self.data.changes().map(|change| match change.keys {
            Keys::One(key) => {
                let name = change.event.name().unwrap_or("-");
                format!("{name} {}", String::from_utf8_lossy(key))
            }
            Keys::OfSlot | Keys::OfDatabase => "all".to_owned(),
        });
        let told: Vec<String> = told.collect();
        self.data.drain_changes();
        scopes.iter().for_each(|scope| self.data.unfollow(*scope));
        told.join(";")
    }

    /// What the command waits for.
    pub(super) fn block(&mut self, line: &str) -> Block {
        match self.ask(line) {
            Action::Block(block) => block,
            other => panic!("{line} asks for {other:?}"),
        }
    }

    /// What the command asks of the engine.
    pub(super) fn ask(&mut self, line: &str) -> Action {
        match self.try_run(line) {
            Ok((reply, Effect::Ask(action))) => {
                assert_eq!(reply, "", "{line}: a command that asks writes no reply");
                *action
            }
            other => panic!("{line}: {other:?}"),
        }
    }
}

/// What counts as a hit or a miss is what redis-server 7.0 counts: keys that are read, used or not.
#[test]
fn counts_hits_and_misses_as_redis_does() {
    let mut bench = Bench::new();
    for (line, hits, misses) in [
        ("set a 1", 0, 0),
        ("set t x ex 1000", 0, 0),
        ("exists a b", 1, 1),
        ("ttl a", 1, 0),
        ("pttl b", 0, 1),
        ("expiretime t", 1, 0),
        ("type a", 1, 0),
        ("get a", 1, 0),
        ("mget a b t", 2, 1),
        ("strlen b", 0, 1),
        ("getrange t 0 1", 1, 0),
        ("object encoding a", 1, 0),
        ("object refcount b", 0, 1),
        ("object freq a", 1, 0),
        ("touch a b", 1, 1),
        ("copy a c", 1, 0),
        ("copy b d", 0, 1),
        ("rename c c2", 0, 0),
        ("set a 2 get", 1, 0),
        ("set a 5 xx", 0, 0),
        ("getset new 3", 0, 1),
        ("getex a ex 100", 1, 0),
        ("getdel new", 1, 0),
        ("incr a", 0, 0),
        ("decrby n 2", 0, 0),
        ("incrbyfloat a 1", 0, 0),
        ("append a 1", 0, 0),
        ("setrange a 0 9", 0, 0),
        ("expire a 100", 0, 0),
        ("persist b", 0, 0),
        ("lcs a b", 1, 1),
        ("msetnx a 1 z 2", 0, 0),
        ("del b", 0, 0),
        ("keys *", 0, 0),
    ] {
        let before = bench.data.stats();
        bench.reply(line);
        let after = bench.data.stats();
        let counted = (after.hits - before.hits, after.misses - before.misses);
        assert_eq!(counted, (hits, misses), "{line}");
    }
}

/// Each event by the name that Redis's keyspace notifications have for it, in Redis's order.
#[test]
fn tells_what_happened_to_keys() {
    let mut bench = Bench::new();
    for (line, events) in [
        ("set a 1", "set a"),
        ("get a", ""),
        ("set a 1 ex 100", "set a;expire a"),
        ("set a 1 nx", ""),
        ("setnx n 1", "set n"),
        ("setex a 100 1", "set a;expire a"),
        ("getset a 1", "set a"),
        ("mset a 1 b 2", "set a;set b"),
        ("msetnx a 1 c 2", ""),
        ("append a 1", "append a"),
        ("append new 1", "append new"),
        ("setrange a 1 x", "setrange a"),
        ("setrange new2 1 x", "setrange new2"),
        ("incr b", "incrby b"),
        ("decrby b 2", "incrby b"),
        ("incrbyfloat b 1.5", "incrbyfloat b"),
        ("expire a 100", "expire a"),
        ("persist a", "persist a"),
        ("persist a", ""),
        ("getex a ex 100", "expire a"),
        ("getex a persist", "persist a"),
        ("getex a", ""),
        ("rename a c", "rename_from a;rename_to c"),
        ("rename c b", "rename_from c;rename_to b"),
        ("renamenx b n", ""),
        ("copy b d", "copy_to d"),
        ("copy b d", ""),
        ("copy b d replace", "copy_to d"),
        ("getdel d", "del d"),
        ("del n x new", "del n;del new"),
        ("expire b -1", "del b"),
        ("set t 1 px 5", "set t;expire t"),
    ] {
        assert_eq!(bench.events(line), events, "{line}");
    }
    bench.advance_ms(10);
    assert_eq!(bench.events("get t"), "expired t");
    bench.reply("set t 1 px 5");
    bench.advance_ms(10);
    assert_eq!(bench.events("set t 2"), "expired t;set t");
}
