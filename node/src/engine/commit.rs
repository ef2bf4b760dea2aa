//! The only writer of the replication stream.
//!
//! What expired during a command goes first, as DEL or HDEL, then what the command changed. The commands
//! of an EXEC stand between MULTI and EXEC; so do several that one command was rewritten as. After
//! the stream the keyspace's change log is drained: those who are interested in a key learn of it,
//! and those who wait for one are served, which is a commit for each.

use crate::data::Expired;
use crate::engine::Engine;
use crate::resp::{Args, encode_command};

/// What an EXEC in progress has done to the stream, and the memory that commit reuses.
#[derive(Debug, Default)]
pub(super) struct Commit {
    scratch: Vec<u8>,
    /// An EXEC is being executed, and whether its MULTI is in the stream.
    exec: Option<bool>,
    /// The database that the last write of the EXEC was for, where its end is written, too.
    db: usize,
}

/// What a command changed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change<'a> {
    /// Replicas repeat the request.
    Request(Args<'a>),
    /// Replicas run these instead.
    Commands(&'a [Vec<Vec<u8>>]),
}

impl Engine {
    /// Commits a change of a database, after what expired meanwhile.
    pub(super) fn commit(&mut self, db: usize, change: Change<'_>) {
        self.write_expired();
        self.stats.changes += 1;
        self.count_changes(1);
        self.write_change(db, change);
        self.drain_changes();
    }

    fn write_change(&mut self, db: usize, change: Change<'_>) {
        if self.is_replica {
            return;
        }
        if !self.replication.stream_active() {
            self.replication.count_change();
            return;
        }
        match change {
            Change::Request(args) => self.write(db, |out| encode_args(out, &args)),
            Change::Commands([command]) => self.write(db, |out| encode_command(out, command)),
            Change::Commands(commands) => self.write_group(db, commands),
        }
    }

    /// Commits the removal of keys and fields that have expired. Costs nothing when there are none.
    pub(super) fn commit_expired(&mut self) {
        if self.write_expired() {
            self.drain_changes();
        }
    }

    /// Writes the removal of keys and fields that have expired. Whether there are any.
    fn write_expired(&mut self) -> bool {
        let expired = self.data.take_expired();
        let command: &[u8] = match self.config.lazyfree_lazy_expire {
            true => b"UNLINK",
            false => b"DEL",
        };
        for Expired { db, key, fields } in &expired {
            if fields.is_empty() {
                self.commit_removal(*db, &[command, key]);
            } else {
                let mut argv: Vec<&[u8]> = vec![b"HDEL", key];
                argv.extend(fields.iter().map(Vec::as_slice));
                self.commit_removal(*db, &argv);
            }
        }
        !expired.is_empty()
    }

    /// Commits a removal that no client asked for, by the command that does it.
    pub(super) fn commit_removal(&mut self, db: usize, command: &[&[u8]]) {
        if self.is_replica {
            return;
        }
        if !self.replication.stream_active() {
            self.replication.count_change();
            return;
        }
        self.write(db, |out| encode_command(out, command));
    }

    /// From now on all changes belong to one EXEC.
    pub(super) fn begin_exec(&mut self) {
        self.commit.exec = Some(false);
    }

    /// The EXEC is over.
    pub(super) fn end_exec(&mut self) {
        if self.commit.exec.take() == Some(true) {
            let db = self.commit.db;
            self.append(db, |out| encode_command(out, &["EXEC"]));
        }
    }

    /// Whether an EXEC is being executed: nothing in it may wait.
    pub(super) fn in_exec(&self) -> bool {
        self.commit.exec.is_some()
    }

    /// Several commands that one command was rewritten as: all or none of them.
    fn write_group(&mut self, db: usize, commands: &[Vec<Vec<u8>>]) {
        let alone = self.commit.exec.is_none();
        if alone {
            self.begin_exec();
        }
        for command in commands {
            self.write(db, |out| encode_command(out, command));
        }
        if alone {
            self.end_exec();
        }
    }

    fn write(&mut self, db: usize, encode: impl FnOnce(&mut Vec<u8>)) {
        if self.commit.exec == Some(false) {
            self.commit.exec = Some(true);
            self.append(db, |out| encode_command(out, &["MULTI"]));
        }
        self.commit.db = db;
        self.append(db, encode);
    }

    fn append(&mut self, db: usize, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut scratch = std::mem::take(&mut self.commit.scratch);
        scratch.clear();
        encode(&mut scratch);
        self.replication.append(db, &scratch);
        scratch.shrink_to(1 << 20);
        self.commit.scratch = scratch;
    }
}

fn encode_args(out: &mut Vec<u8>, args: &Args<'_>) {
    let header = |out: &mut Vec<u8>, kind: u8, number: usize| {
        out.push(kind);
        crate::resp::number::push_integer(out, number as i64);
        out.extend_from_slice(b"\r\n");
    };
    header(out, b'*', args.len());
    for arg in args.iter() {
        header(out, b'$', arg.len());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
}
