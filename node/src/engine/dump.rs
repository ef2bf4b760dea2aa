//! DUMP: what is long is encoded in steps, while its client waits and others go on.
//!
//! The value is that of the moment at which the command is executed: of a big one a copy is made first
//! (`waits.rs`), and what is encoded is the copy. Within an EXEC nothing waits, so there it is done at
//! once.

use super::parking::Parked;
use super::{Acted, Engine};
use crate::data::{Portrait, Value};
use crate::io::SessionId;
use crate::persistence::rdb::DumpWriter;
use crate::resp::{Args, Reply};

/// How much of a value a step encodes, in bytes.
const STEP_BYTES: usize = 64 * 1024;
/// Strings from here on are not packed: that would take too long for one call.
const LONG: usize = 64 * 1024;
/// How many steps are taken at once.
const AT_ONCE: usize = 2;

/// A value on its way out.
pub(super) struct Dump {
    session: SessionId,
    writer: DumpWriter,
    /// What is still to be encoded.
    portrait: Option<Portrait>,
}

impl Engine {
    /// DUMP.
    pub(super) fn dump(&mut self, id: SessionId, args: &Args<'_>, reply: &mut Reply) -> Acted {
        let db = self.sessions.at(id).db;
        let key = args.key(&self.data, 1);
        let mut writer = DumpWriter::new(self.config.rdbcompression);
        match self.data.get(db, &key) {
            None => {
                reply.null();
                return Acted::Replied;
            }
            Some(entry) => match entry.value() {
                Value::Str(string) if string.len() > LONG => writer.long_string(string),
                _ if entry.is_written_whole() => writer.whole(&entry),
                _ => {}
            },
        }
        let portrait = self.data.portray(db, &key);
        if let Some(portrait) = &portrait {
            writer.begin(portrait.kind(), portrait.len());
        }
        let mut dump = Dump {
            session: id,
            writer,
            portrait,
        };
        let steps = if self.in_exec() { usize::MAX } else { AT_ONCE };
        for _ in 0..steps {
            if self.step_dump(&mut dump) {
                reply.bulk(&dump.writer.finish());
                return Acted::Replied;
            }
        }
        self.dumps.push(dump);
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
                if let Some(portrait) = dump.portrait {
                    self.data.give_up_portrait(portrait);
                }
                continue;
            };
            let resp3 = session.resp3;
            if self.step_dump(&mut dump) {
                let mut reply = Reply::new();
                reply.set_resp3(resp3);
                reply.bulk(&dump.writer.finish());
                self.resume_with(dump.session, reply.bytes().to_vec());
            } else {
                self.dumps.push(dump);
            }
        }
        self.memory.dumps = self.dumps.iter().map(|dump| dump.writer.memory()).sum();
        !self.dumps.is_empty()
    }

    /// Returns whether nothing is left to do but the end.
    fn step_dump(&mut self, dump: &mut Dump) -> bool {
        let Some(portrait) = &mut dump.portrait else {
            return dump.writer.sum();
        };
        let writer = &mut dump.writer;
        let is_over =
            (self.data).step_portrait(portrait, STEP_BYTES, &mut |part| writer.part(part));
        if is_over {
            dump.portrait = None;
        }
        false
    }
}
