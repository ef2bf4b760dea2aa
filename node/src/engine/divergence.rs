//! Errors where none should be: what our master has executed fails here, so the data differ.

use crate::command::Command;
use crate::config::PropagationErrors;
use crate::engine::Engine;
use crate::io::{Level, Origin, Output};
use crate::session::SessionRole;
use crate::time::Now;

/// How long until the same is logged again, in milliseconds.
const SAY_AGAIN_MS: u64 = 10_000;
/// How much of an error's text is shown, in bytes.
const SHOWN: usize = 512;

/// When it was said last.
#[derive(Debug, Default)]
pub(super) struct Divergence {
    say_disk_at: u64,
}

impl Engine {
    /// A command of our master's stream, or of a replica of ours, was answered with an error. It is
    /// counted, logged in Redis's words, and, if `propagation-error-behavior`
    /// says so, the end of a replica.
    #[cold]
    pub(super) fn note_unexpected_error(
        &mut self,
        role: SessionRole,
        command: &'static Command,
        text: &[u8],
    ) {
        self.stats.unexpected_errors += 1;
        let (origin, from, to) = match role {
            SessionRole::Master => (Origin::Master, "replica", "master"),
            SessionRole::Replica | SessionRole::Normal => (Origin::Replicas, "master", "replica"),
        };
        let name = command.spec.name;
        let text = String::from_utf8_lossy(&text[..text.len().min(SHOWN)]);
        let line = format!(
            "== CRITICAL == This {from} is sending an error to its {to}: '{}' after processing \
             the command '{name}'",
            text.trim_end()
        );
        self.log_of(origin, Level::Warning, line);
        let ends = role == SessionRole::Master
            && self.config.replica_read_only
            && self.config.propagation_error_behavior != PropagationErrors::Ignore;
        if ends {
            let line = format!(
                "This {from} panicked sending an error to its {to} after processing the command \
                 '{name}'"
            );
            self.log(Level::Warning, line);
            self.out(Output::Exit(1));
        }
    }

    /// A replica whose snapshots fail goes on, as `replica-ignore-disk-write-errors yes` says.
    #[cold]
    pub(super) fn say_disk_is_ignored(&mut self, now: Now) {
        if now.mono_ms() >= self.divergence.say_disk_at {
            self.divergence.say_disk_at = now.mono_ms() + SAY_AGAIN_MS;
            let text = "Replica is applying a command even though it is unable to write to disk.";
            self.log(Level::Warning, text);
        }
    }
}
