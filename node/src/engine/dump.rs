//! DUMP: what is long is encoded in steps, while its client waits and others go on.
//!
//! The value is that of the moment at which the command is executed: of a big one a copy is made first
//! (`waits.rs`), and what is encoded is the copy. An EXEC is executed as a whole. The first part of its
//! reply goes out then; what begins with a long value follows once that is encoded.

use std::collections::VecDeque;

use super::parking::Parked;
use super::sessions::STREAM;
use super::{Acted, Engine};
use crate::config::Config;
use crate::data::{Key, Partition, Portrait, Value};
use crate::io::SessionId;
use crate::persistence::rdb::DumpWriter;
use crate::resp::{Args, Reply};

/// How much of a value a step encodes, in bytes.
const STEP_BYTES: usize = 64 * 1024;
/// Strings from here on are not packed: that would take too long for one call.
const LONG: usize = 64 * 1024;
/// How many steps are taken at once.
const AT_ONCE: usize = 2;

/// A value that is being encoded.
pub(super) struct Encoding {
    writer: DumpWriter,
    /// What is still to be encoded.
    portrait: Option<Portrait>,
}

/// A value that is being encoded, and what follows it in the reply.
pub(super) type Awaited = (Encoding, Reply);

/// A client that waits for values.
pub(super) struct Dump {
    session: SessionId,
    /// What is complete.
    done: Reply,
    awaited: VecDeque<Awaited>,
}

impl Dump {
    /// Encodes some more. Returns whether all is complete.
    fn step(&mut self, data: &mut Partition) -> bool {
        let Some((encoding, _)) = self.awaited.front_mut() else {
            return true;
        };
        if encoding.step(data)
            && let Some((encoding, behind)) = self.awaited.pop_front()
        {
            self.done.long_bulk(encoding.finish());
            self.done.append(behind);
        }
        self.awaited.is_empty()
    }

    /// In bytes.
    fn memory(&self) -> usize {
        let memory = |(encoding, behind): &Awaited| encoding.memory() + behind.len();
        self.done.len() + self.awaited.iter().map(memory).sum::<usize>()
    }
}

impl Encoding {
    /// Of the value that a key has now; none if there is no such key. It counts as used.
    pub(super) fn begin(
        data: &mut Partition,
        db: usize,
        key: &Key<'_>,
        config: &Config,
    ) -> Option<Encoding> {
        let mut writer = DumpWriter::new(config.rdbcompression);
        let entry = data.get(db, key)?;
        match entry.value() {
            Value::Str(string) if string.len() > LONG => writer.long_string(string),
            _ if entry.is_written_whole() => writer.whole(&entry),
            _ => {}
        }
        let portrait = data.portray(db, key);
        if let Some(portrait) = &portrait {
            writer.begin(portrait.head());
        }
        Some(Encoding { writer, portrait })
    }

    /// Encodes some more. Returns whether nothing is left to do but the end.
    pub(super) fn step(&mut self, data: &mut Partition) -> bool {
        let Some(portrait) = &mut self.portrait else {
            return self.writer.sum();
        };
        let writer = &mut self.writer;
        if data.step_portrait(portrait, STEP_BYTES, &mut |part| writer.part(part)) {
            self.portrait = None;
        }
        false
    }

    /// What the next step costs, in bytes that are encoded or as many that go into the checksum.
    pub(super) fn next_cost(&self) -> usize {
        match &self.portrait {
            Some(_) => STEP_BYTES,
            None => self.memory().min(2 * STEP_BYTES),
        }
    }

    /// What is encoded so far, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.writer.memory()
    }

    /// The payload.
    pub(super) fn finish(self) -> Vec<u8> {
        self.writer.finish()
    }

    /// It is not wanted.
    pub(super) fn give_up(self, data: &mut Partition) {
        if let Some(portrait) = self.portrait {
            data.give_up_portrait(portrait);
        }
    }
}

impl Engine {
    /// DUMP.
    pub(super) fn dump(&mut self, id: SessionId, args: &Args<'_>, reply: &mut Reply) -> Acted {
        let db = self.sessions.at(id).db;
        let key = args.key(&self.data, 1);
        let Some(mut encoding) = Encoding::begin(&mut self.data, db, &key, &self.config) else {
            reply.null();
            return Acted::Replied;
        };
        let steps = if id == STREAM { usize::MAX } else { AT_ONCE };
        for _ in 0..steps {
            if encoding.step(&mut self.data) {
                reply.bulk(&encoding.finish());
                return Acted::Replied;
            }
        }
        if self.in_exec() {
            self.dumped = Some(encoding);
            return Acted::Replied;
        }
        self.await_dumps(id, [(encoding, Reply::new())].into());
        Acted::Waiting
    }

    /// A session waits until these values are encoded.
    fn await_dumps(&mut self, id: SessionId, awaited: VecDeque<Awaited>) {
        self.dumps.push(Dump {
            session: id,
            done: Reply::new(),
            awaited,
        });
        self.park(id, Parked::Reply);
    }

    /// The end of an EXEC whose reply lacks these values.
    pub(super) fn reply_with(
        &mut self,
        id: SessionId,
        awaited: VecDeque<Awaited>,
        acted: Acted,
        reply: &mut Reply,
    ) -> Acted {
        if awaited.is_empty() {
            return acted;
        }
        if acted != Acted::Close {
            self.await_dumps(id, awaited);
            return Acted::Waiting;
        }
        // The connection ends with this reply.
        for (mut encoding, behind) in awaited {
            while !encoding.step(&mut self.data) {}
            reply.long_bulk(encoding.finish());
            reply.append(behind);
        }
        acted
    }

    /// Goes on with all that are not complete. Returns whether there is more to do.
    pub(super) fn step_dumps(&mut self) -> bool {
        if self.dumps.is_empty() {
            return false;
        }
        for mut dump in std::mem::take(&mut self.dumps) {
            let session = self.sessions.get(dump.session);
            if session.is_none_or(|session| session.killed) {
                for (encoding, _) in dump.awaited {
                    encoding.give_up(&mut self.data);
                }
            } else if dump.step(&mut self.data) {
                self.resume_with(dump.session, dump.done);
            } else {
                self.dumps.push(dump);
            }
        }
        self.memory.dumps = self.dumps.iter().map(Dump::memory).sum();
        !self.dumps.is_empty()
    }
}
