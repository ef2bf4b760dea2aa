//! DEBUG: what tests and tools use of it.

mod digest;
mod inspect;
mod populate;

use std::time::Duration;

use self::digest::Digest;
use crate::config::memory_value;
use crate::engine::actions::is_local;
use crate::engine::requests::Call;
use crate::engine::{Acted, Engine};
use crate::glob;
use crate::io::{Level, Output};
use crate::replication::ReplId;
use crate::resp::Reply;

/// The longest DEBUG SLEEP, in seconds.
const SLEEP_MAX_S: f64 = 1e9;
/// How long it waits from one beat to the next while nothing arrives.
const BEAT: Duration = Duration::from_millis(5);
/// The longest text of DEBUG STRINGMATCH-LEN.
const MATCHED_MAX: usize = 512 << 20;

/// From this length on an element of a big list is not packed with others; as in Redis, the
/// threshold is below 4 GB.
const OWN_BLOCK_FROM: u64 = slotkeeper_tree::INLINE_MAX as u64 + 1;
const OWN_BLOCK_MAX: u64 = (4 << 30) - 1;

impl Engine {
    /// DEBUG, if enable-debug-command lets this client use it.
    pub(super) fn debug(
        &mut self,
        args: &[Vec<u8>],
        call: &mut Call<'_>,
        reply: &mut Reply,
    ) -> Acted {
        let is_local = is_local(self.sessions.at(call.id));
        if !self.config.enable_debug_command.admits(is_local) {
            reply.error(
                "ERR DEBUG command not allowed. If the enable-debug-command option is set to \
                 \"local\", you can run it from a local connection, otherwise you need to set \
                 this option in the configuration file, and then restart the server.",
            );
            return Acted::Replied;
        }
        let words: Vec<String> = (args.iter())
            .map(|arg| String::from_utf8_lossy(arg).to_ascii_lowercase())
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["help"] => help(reply),
            ["reload", options @ ..] => {
                return self.debug_reload(options, call.id, call.now, reply);
            }
            ["digest"] => self.debug_digest(call, reply),
            ["digest-value", ..] => self.debug_digest_values(&args[1..], call, reply),
            ["object", _] => self.debug_object(&args[1], call, reply),
            ["listpack", _] => self.debug_listpack(&args[1], call, reply),
            ["htstats-key", _] | ["htstats-key", _, "full"] => {
                self.debug_tree(&args[1], call, reply);
            }
            ["populate", _] | ["populate", _, _] | ["populate", _, _, _] => {
                self.debug_populate(args, call, reply);
            }
            ["sleep", seconds] => match seconds.parse() {
                Ok(seconds) if (0.0..=SLEEP_MAX_S).contains(&seconds) => {
                    self.debug_sleep(Duration::from_secs_f64(seconds), call);
                    reply.ok();
                }
                _ => reply.error("ERR value is not a valid float"),
            },
            _ => self.debug_switch(&words, args, reply),
        }
        Acted::Replied
    }

    /// The subcommands that look at no key.
    fn debug_switch(&mut self, words: &[&str], args: &[Vec<u8>], reply: &mut Reply) {
        match words {
            ["set-active-expire", "0" | "1"] => {
                self.active_expiry = words != ["set-active-expire", "0"];
                reply.ok();
            }
            ["log", ..] => {
                let text = String::from_utf8_lossy(&args[1..].join(&b' ')).into_owned();
                self.log(Level::Warning, format!("DEBUG LOG: {text}"));
                reply.ok();
            }
            ["error", _] => reply.error(&String::from_utf8_lossy(&args[1])),
            ["segfault" | "panic" | "oom"] => {
                self.log(Level::Warning, "DEBUG ends the process");
                self.out(Output::Exit(139));
            }
            ["change-repl-id"] if self.is_replica => {
                reply.error("ERR DEBUG CHANGE-REPL-ID is for masters");
            }
            ["change-repl-id"] => {
                self.log(
                    Level::Notice,
                    "Changing replication IDs after receiving change-repl-id",
                );
                let id = ReplId::from_bits(self.random.bytes());
                self.replication.stream.start_anew(id);
                self.drop_all_replicas("DEBUG CHANGE-REPL-ID gives the history another id");
                reply.ok();
            }
            ["stringmatch-len", len, _] => match len.parse() {
                Ok(len) if len <= MATCHED_MAX => {
                    let text = vec![0; len];
                    reply.integer(i64::from(glob::matches(&args[2], &text, false)));
                }
                _ => reply.error("ERR value is not an integer or out of range"),
            },
            ["quicklist-packed-threshold", size] => match memory_value(size.as_bytes()) {
                Some(0 | OWN_BLOCK_FROM) => reply.ok(),
                Some(2..=OWN_BLOCK_MAX) => reply.error(
                    "ERR The threshold is fixed: an element of 256 bytes or more has a block of its \
                     own in a big list",
                ),
                _ => reply.error(
                    "ERR argument must be a memory value bigger than 1 and smaller than 4gb",
                ),
            },
            ["drop-cluster-packet-filter", kind] => match (kind.parse(), &mut self.cluster) {
                (Err(_), _) => reply.error("ERR value is not an integer or out of range"),
                (Ok(_), None) => reply.error("ERR This instance has cluster support disabled"),
                (Ok(kind), Some(cluster)) => {
                    cluster.drop_messages_of(kind);
                    reply.ok();
                }
            },
            _ => {
                let name = args.first().map(|arg| String::from_utf8_lossy(arg));
                let name = name.unwrap_or_default();
                reply.error(&format!(
                    "ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG \
                     HELP."
                ));
            }
        }
    }

    /// Does nothing for that time, as a long computation would: the others are served meanwhile.
    /// CLIENT KILL and SHUTDOWN NOSAVE end it.
    fn debug_sleep(&mut self, long: Duration, call: &mut Call<'_>) {
        let until_us = (call.now.mono_us).saturating_add(long.as_micros() as u64);
        let (_, mut meanwhile) = self.apart(call.id, call.now);
        while !meanwhile.is_called_off()
            && let Some(now) = call.heartbeat.beat(&mut meanwhile, BEAT)
            && now.mono_us < until_us
        {}
        let after = meanwhile.end();
        self.after_meanwhile(after);
    }

    fn debug_digest(&mut self, call: &mut Call<'_>, reply: &mut Reply) {
        let (data, mut meanwhile) = self.apart(call.id, call.now);
        let digest = Digest::of_all(data, || {
            call.heartbeat.beat(&mut meanwhile, Duration::ZERO);
            !meanwhile.is_called_off()
        });
        let after = meanwhile.end();
        self.after_meanwhile(after);
        // Who has called it off reads no reply.
        reply.simple(&digest.unwrap_or_default().hex());
    }

    /// A digest for each key; zeros where there is none.
    fn debug_digest_values(&mut self, names: &[Vec<u8>], call: &Call<'_>, reply: &mut Reply) {
        let db = self.sessions.at(call.id).db;
        reply.array(names.len());
        for name in names {
            let key = self.data.key(name);
            let digest = self
                .data
                .peek(db, &key)
                .map(|entry| Digest::of_value(&entry));
            reply.simple(&digest.unwrap_or_default().hex());
        }
    }
}

fn help(reply: &mut Reply) {
    let lines = [
        "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CHANGE-REPL-ID",
        "    Gives the replication history another id: replicas get a full sync next time.",
        "DIGEST",
        "    A digest of all keys; the same as redis-server's of the same data set.",
        "DIGEST-VALUE <key> [<key> ...]",
        "    A digest of each value.",
        "DROP-CLUSTER-PACKET-FILTER <packet-type>",
        "    Passes over messages of that type on the cluster bus; -1: none, -2: all.",
        "ERROR <string>",
        "    Replies with the error.",
        "HTSTATS-KEY <key> [full]",
        "    Shows the tree of a big value.",
        "LISTPACK <key>",
        "    Writes to the log how a small value is held.",
        "LOG <message>",
        "    Writes the message to the log.",
        "OBJECT <key>",
        "    Shows how a key is kept.",
        "POPULATE <count> [<prefix>] [<size>]",
        "    Makes count strings named prefix:number where there is no key yet.",
        "QUICKLIST-PACKED-THRESHOLD <size>",
        "    From this size on an element of a big list has a block of its own. It is always 256; 0",
        "    stands for that.",
        "RELOAD [MERGE] [NOFLUSH] [NOSAVE]",
        "    Saves the data set and loads it again. NOSAVE: loads the file as it is; NOFLUSH: keeps",
        "    the keys that are there; MERGE: those in the file take their place.",
        "SEGFAULT",
        "    Ends the process.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Stops expired keys from being removed without being accessed, or not.",
        "SLEEP <seconds>",
        "    Keeps the node busy; other clients get -BUSY after busy-reply-threshold.",
        "STRINGMATCH-LEN <len> <pattern>",
        "    Matches a pattern with so many zero bytes.",
        "HELP",
        "    Prints this help.",
    ];
    reply.array(lines.len());
    for line in lines {
        reply.simple(line);
    }
}
