//! DUMP: what is long is encoded in steps, while its client waits and others go on.
//!
//! The value is that of the moment at which the command is executed: of a big one a copy is made first
//! (`waits.rs`), and what is encoded is the copy. Within an EXEC nothing waits, so there it is done at
//! once.

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

/// A DUMP whose client waits.
pub(super) struct Dump {
    session: SessionId,
    encoding: Encoding,
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
        let waits = !self.in_exec() && id != STREAM;
        let steps = if waits { AT_ONCE } else { usize::MAX };
        for _ in 0..steps {
            if encoding.step(&mut self.data) {
                reply.bulk(&encoding.finish());
                return Acted::Replied;
            }
        }
        self.dumps.push(Dump {
            session: id,
            encoding,
        });
        self.park(id, Parked::Reply);
        Acted::Waiting
    }

    /// Goes on with all that are not complete. Returns whether there is more to do.
    pub(super) fn step_dumps(&mut self) -> bool {
        if self.dumps.is_empty() {
            return false;
        }
        for mut dump in std::mem::take(&mut self.dumps) {
            let session = self.sessions.get(dump.session);
            let Some(session) = session.filter(|session| !session.killed) else {
                dump.encoding.give_up(&mut self.data);
                continue;
            };
            let resp3 = session.resp3;
            if dump.encoding.step(&mut self.data) {
                let mut reply = Reply::new();
                reply.set_resp3(resp3);
                reply.long_bulk(dump.encoding.finish());
                self.resume_with(dump.session, reply);
            } else {
                self.dumps.push(dump);
            }
        }
        let memory = |dump: &Dump| dump.encoding.memory();
        self.memory.dumps = self.dumps.iter().map(memory).sum();
        !self.dumps.is_empty()
    }
}
