//! DEBUG: the few subcommands that tests and tools use.

use std::time::Duration;

use crate::engine::actions::is_local;
use crate::engine::requests::Call;
use crate::engine::{Acted, Engine};
use crate::io::{Level, Output, SessionId};
use crate::resp::Reply;
use crate::time::Now;

/// The longest DEBUG SLEEP, in seconds.
const SLEEP_MAX_S: f64 = 1e9;
/// How long it waits from one beat to the next while nothing arrives.
const BEAT: Duration = Duration::from_millis(5);

impl Engine {
    /// DEBUG, if enable-debug-command lets this client use it.
    pub(super) fn debug(
        &mut self,
        args: &[Vec<u8>],
        call: &mut Call<'_>,
        reply: &mut Reply,
    ) -> Acted {
        let (id, now) = (call.id, call.now);
        if !self
            .config
            .enable_debug_command
            .admits(is_local(self.sessions.at(id)))
        {
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
            ["set-active-expire", "0" | "1"] => {
                self.active_expiry = words != ["set-active-expire", "0"];
                reply.ok();
            }
            ["log", ..] => {
                let text = String::from_utf8_lossy(&args[1..].join(&b' ')).into_owned();
                self.log(Level::Warning, format!("DEBUG LOG: {text}"));
                reply.ok();
            }
            ["error", ..] if args.len() == 2 => {
                reply.error(&String::from_utf8_lossy(&args[1]));
            }
            ["object", _] => self.debug_object(&args[1], id, now, reply),
            ["sleep", seconds] => match seconds.parse() {
                Ok(seconds) if (0.0..=SLEEP_MAX_S).contains(&seconds) => {
                    self.debug_sleep(Duration::from_secs_f64(seconds), call);
                    reply.ok();
                }
                _ => reply.error("ERR value is not a valid float"),
            },
            ["segfault" | "panic" | "oom"] => {
                self.log(Level::Warning, "DEBUG ends the process");
                self.out(Output::Exit(139));
            }
            _ => {
                let name = args.first().map(|arg| String::from_utf8_lossy(arg));
                let name = name.unwrap_or_default();
                reply.error(&format!(
                    "ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG \
                     HELP."
                ));
            }
        }
        Acted::Replied
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

    fn debug_object(&mut self, name: &[u8], id: SessionId, now: Now, reply: &mut Reply) {
        let key = self.data.key(name);
        match self.data.peek(self.sessions.at(id).db, &key) {
            None => reply.error("ERR no such key"),
            Some(entry) => reply.simple(&format!(
                "Value at:0x0 refcount:1 encoding:{} serializedlength:{} lru:0 \
                 lru_seconds_idle:{}",
                entry.encoding(),
                entry.value_len(),
                entry.idle_secs(now),
            )),
        }
    }
}

fn help(reply: &mut Reply) {
    let lines = [
        "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "ERROR <string>",
        "    Replies with the error.",
        "LOG <message>",
        "    Writes the message to the log.",
        "OBJECT <key>",
        "    Shows how a key is kept.",
        "SEGFAULT",
        "    Ends the process.",
        "SET-ACTIVE-EXPIRE <0|1>",
        "    Stops expired keys from being removed without being accessed, or not.",
        "SLEEP <seconds>",
        "    Keeps the node busy; other clients get -BUSY after busy-reply-threshold.",
        "HELP",
        "    Prints this help.",
    ];
    reply.array(lines.len());
    for line in lines {
        reply.simple(line);
    }
}
