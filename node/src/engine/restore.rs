//! RESTORE: what is long is decoded in steps, while its client waits and others go on.
//!
//! A request with a long payload is looked at once in every turn, before it is executed, and each time
//! some more of its payload becomes a value beside the keyspace, out of sight. When that is complete,
//! or is known to be damaged, the request is executed and puts the value at its key. So for the stream
//! and for everybody else it is done at once. After MULTI, a request waits for its value before it is
//! queued, since within the EXEC nothing waits.

use super::Engine;
use super::commit::Change;
use super::follow::Loader;
use super::requests::Call;
use crate::config::Limits;
use crate::data::{Partition, WalkWait};
use crate::io::SessionId;
use crate::persistence::rdb::{BadDump, DumpReader, dump_version};
use crate::request::Restore;
use crate::resp::{Args, Reply};
use crate::time::Now;

/// Payloads of so many bytes are decoded at once.
const AT_ONCE: usize = 32 * 1024;
/// A step is over after so many elements, each of which may have to find its place among many ...
const ITEMS: usize = 1000;
/// ... or after so many pieces of so many bytes.
const PIECES: usize = 16;
const PIECE: usize = 4096;

/// A value on its way in.
pub(super) struct Restoring {
    reader: DumpReader,
    loader: Loader,
    /// What became of it.
    outcome: Option<Result<(), BadDump>>,
}

/// Whose value it is: a session's, and which request of its transaction wants it; 0 without one.
pub(super) type Wanted = (SessionId, usize);

/// What the value is called beside the keyspace.
fn name_of((session, at): Wanted) -> [u8; 16] {
    let name = u128::from(session.number()) << 64 | at as u128;
    name.to_le_bytes()
}

impl Restoring {
    fn new(of: Wanted) -> Restoring {
        Restoring {
            reader: DumpReader::new(&name_of(of)),
            loader: Loader::default(),
            outcome: None,
        }
    }

    /// Decodes some more. Returns whether it is over.
    fn step(&mut self, data: &mut Partition, payload: &[u8], limits: Limits, now: Now) -> bool {
        let mut items = 0;
        for _ in 0..PIECES {
            if self.outcome.is_some() || items >= ITEMS {
                break;
            }
            let (was_summing, loader) = (self.reader.is_summing(payload), &mut self.loader);
            let stepped = self.reader.step(payload, PIECE, &mut |item| {
                items += 1;
                loader.put(data, item, false, limits, now)
            });
            match stepped {
                Ok(false) if was_summing => break,
                Ok(false) => {}
                Ok(true) => self.outcome = Some(Ok(())),
                Err(bad) => self.outcome = Some(Err(bad)),
            }
        }
        self.outcome.is_some()
    }
}

impl Engine {
    /// What RESTORE waits for before it is executed or queued: that it may write its key, and for its
    /// value.
    pub(super) fn restore_wait(
        &mut self,
        id: SessionId,
        db: usize,
        args: &Args<'_>,
        now: Now,
    ) -> Option<WalkWait> {
        let (key, payload) = (self.data.key(args.get(1)), args.get(3));
        if let Some(wait) = self.data.walk_wait(db, &key) {
            return Some(wait);
        }
        let replaces = || (4..args.len()).any(|at| args.is(at, "replace"));
        let is_refused = || self.data.reader().get(db, &key).is_some() && !replaces();
        let multi = self.sessions.at(id).multi.as_ref();
        let is_useless = multi.map_or_else(is_refused, |multi| multi.failed);
        if payload.len() <= AT_ONCE || is_useless {
            return None;
        }
        let of = (id, multi.map_or(0, |multi| multi.queue.len()));
        let known = self.restoring.remove(&of);
        let mut restoring = known.unwrap_or_else(|| Restoring::new(of));
        let limits = self.config.limits();
        let is_over = (self.data).aside(|data| restoring.step(data, payload, limits, now));
        self.restoring.insert(of, restoring);
        (!is_over).then_some(WalkWait::Step)
    }

    /// RESTORE, which its command has checked but for the payload.
    pub(super) fn restore(
        &mut self,
        wanted: Restore,
        call: &Call<'_>,
        args: &Args<'_>,
        reply: &mut Reply,
    ) {
        let (of, now) = ((call.id, call.at), call.now);
        let (name, payload, limits) = (name_of(of), args.get(3), self.config.limits());
        self.stats.restored += 1;
        let known = self.restoring.remove(&of);
        let mut restoring = known.unwrap_or_else(|| Restoring::new(of));
        let is_there = self.data.aside(|data| {
            while !restoring.step(data, payload, limits, now) {}
            data.peek(0, &data.key(&name)).is_some()
        });
        let refused = match restoring.outcome {
            Some(Err(BadDump::Footer)) => Some("ERR DUMP payload version or checksum are wrong"),
            Some(Ok(())) if is_there => None,
            // As in Redis, a collection without elements is none.
            _ => Some("ERR Bad data format"),
        };
        if let Some(refused) = refused {
            self.drop_restored(of);
            reply.error(refused);
            return;
        }
        self.put_restored(wanted, of, args, now);
        reply.ok();
    }

    /// Puts the value that a session has made at the key of its request.
    fn put_restored(&mut self, wanted: Restore, of: Wanted, args: &Args<'_>, now: Now) {
        let id = of.0;
        let db = self.sessions.at(id).db;
        let key = args.key(&self.data, 1);
        let expire_at = match wanted {
            Restore { ttl: 0, .. } => None,
            Restore { absolute: true, .. } => Some(wanted.ttl),
            _ => Some(wanted.ttl.saturating_add(now.unix_ms())),
        };
        // On a replica, only its master says when a key has expired.
        if !self.is_replica && expire_at.is_some_and(|at| at <= now.unix_ms()) {
            self.drop_restored(of);
            if wanted.replace && self.data.remove(db, &key) {
                self.wrote(
                    id,
                    Change::Commands(&[vec![b"DEL".to_vec(), key.bytes.to_vec()]]),
                );
            }
            return;
        }
        if let Some(version) = dump_version(args.get(3)) {
            self.replication.foreign_dumps.restored(version);
        }
        let used = (wanted.idle_secs, wanted.uses);
        (self.data).adopt(&name_of(of), (db, &key), expire_at, used);
        match expire_at {
            Some(at) if !wanted.absolute && self.replication.stream_active() => {
                let mut command: Vec<_> = args.from(0).map(<[u8]>::to_vec).collect();
                command[2] = at.to_string().into_bytes();
                command.push(b"ABSTTL".to_vec());
                self.wrote(id, Change::Commands(&[command]));
            }
            _ => self.wrote(id, Change::Request(*args)),
        }
    }

    /// A session does not want what it has made so far.
    pub(super) fn drop_restoring(&mut self, id: SessionId) {
        while let Some((&of, _)) = self.restoring.range((id, 0)..=(id, usize::MAX)).next() {
            self.drop_value(of);
        }
    }

    /// A request does not want its value.
    pub(super) fn drop_value(&mut self, of: Wanted) {
        if self.restoring.remove(&of).is_some() {
            self.drop_restored(of);
        }
    }

    fn drop_restored(&mut self, of: Wanted) {
        self.data.aside(|data| {
            data.remove(0, &data.key(&name_of(of)));
        });
    }
}
