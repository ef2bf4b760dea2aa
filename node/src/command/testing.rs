//! A node's keys and one session, for the tests of commands.

use std::net::{Ipv4Addr, SocketAddr};

use super::{Effect, Exec, NodeView, Refused, resolve};
use crate::config::Config;
use crate::data::{Layout, Partition};
use crate::io::{Peer, SessionId};
use crate::request::Action;
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
            session: Session::new(SessionId(1), peer, true),
            now: Now {
                unix_us: START_MS * 1000,
                mono_us: 5_000_000,
            },
            is_replica: false,
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
            random: 7,
        };
        let mut exec = Exec {
            node: &node,
            data: &mut self.data,
            session: &mut self.session,
            now: self.now,
        };
        let effect = (command.spec.run)(&mut exec, &args, &mut reply);
        if effect.is_err() {
            assert!(reply.is_empty(), "{line}: a refusal writes no reply");
        }
        let text = String::from_utf8_lossy(reply.bytes()).into_owned();
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

    /// What the command asks of the engine.
    pub(super) fn ask(&mut self, line: &str) -> Action {
        match self.try_run(line) {
            Ok((reply, Effect::Ask(action))) => {
                assert_eq!(reply, "", "{line}: who asks writes no reply");
                *action
            }
            other => panic!("{line}: {other:?}"),
        }
    }
}
