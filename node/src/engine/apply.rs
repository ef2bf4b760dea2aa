//! Our master's stream, executed.

use crate::command::resolve;
use crate::data::ExpiryPolicy;
use crate::engine::Engine;
use crate::engine::meanwhile::NoHeartbeat;
use crate::engine::requests::Call;
use crate::engine::sessions::STREAM;
use crate::resp::{Args, BATCH_MAX, Batch, Decoder, Limits, Reply};
use crate::spec::Flag;
use crate::time::Now;

impl Engine {
    /// Executes commands of our master's stream. Returns how many bytes are done with: whole
    /// commands, and whole transactions. The rest is to be offered again, with what has arrived
    /// behind it; also once a walk that holds a command's key lets it go.
    ///
    /// # Errors
    /// When the stream cannot be followed (a protocol error, an unknown command): the text says
    /// why, and the link must not be used any longer.
    pub(super) fn apply_stream(&mut self, input: &[u8], now: Now) -> Result<usize, String> {
        let mut batch = std::mem::take(&mut self.batch);
        self.sessions.at_mut(STREAM).multi = None;
        let result = self.apply_batches(input, now, &mut batch);
        self.sessions.at_mut(STREAM).multi = None;
        self.batch = batch;
        result
    }

    fn apply_batches(
        &mut self,
        input: &[u8],
        now: Now,
        batch: &mut Batch,
    ) -> Result<usize, String> {
        let limits = Limits {
            // What the master accepted is not refused here.
            bulk_max: usize::MAX,
            request_max: usize::MAX,
            authenticated: true,
        };
        let mut reply = Reply::new();
        let (mut read, mut done) = (0, 0);
        let db = self.sessions.at(STREAM).db;
        self.stamp = self.stopwatch.nanos();
        loop {
            let rest = &input[read..];
            // The rest of an unfinished transaction is read again: nothing may be kept of it.
            Decoder::new().decode(rest, &limits, batch);
            self.data.set_expiry_policy(ExpiryPolicy::Keep);
            self.data.begin(now, true);
            for request in 0..batch.len() {
                let args = batch.args(rest, request);
                if !self.apply(&args, now, &mut reply)? {
                    return Ok(done);
                }
                if self.sessions.at(STREAM).multi.is_none() {
                    done = read + batch.end(request);
                }
            }
            if let Some(error) = batch.error() {
                return Err(error.to_string());
            }
            read += batch.tail();
            let session = self.sessions.at_mut(STREAM);
            if session.multi.is_none() {
                done = read;
            }
            if batch.len() < BATCH_MAX {
                if session.multi.is_some() {
                    session.db = db;
                }
                return Ok(done);
            }
        }
    }

    /// Executes one command of the stream; false when it must wait for the walk.
    fn apply(&mut self, args: &Args<'_>, now: Now, reply: &mut Reply) -> Result<bool, String> {
        let command = resolve(args).map_err(|refused| without_arguments(&refused.0))?;
        if self.data.may_hold() || self.is_prepared(STREAM, command) {
            self.replication.following.held = self.walk_wait(STREAM, command, args, now);
            if self.replication.following.held.is_some() {
                return Ok(false);
            }
        }
        reply.clear();
        if self.sessions.at(STREAM).multi.is_some() && !self.command_ids.is_immediate(command.id) {
            return match self.queue(STREAM, args, reply) {
                true => Ok(true),
                false => Err("a transaction is too long".to_owned()),
            };
        }
        if command.flags().has(Flag::Write) && self.snapshots_fail() {
            self.say_disk_is_ignored(now);
        }
        // An error is noted where it is counted, those within an EXEC too, and then passed over: the
        // same commands would only come again.
        let mut call = Call {
            id: STREAM,
            now,
            at: 0,
            heartbeat: &mut NoHeartbeat,
        };
        self.run(&mut call, command, args, reply);
        Ok(true)
    }
}

/// The refusal of a command, for the log: data do not belong there.
fn without_arguments(refused: &str) -> String {
    let command = refused.split(", with args").next().unwrap_or(refused);
    command.to_owned()
}
