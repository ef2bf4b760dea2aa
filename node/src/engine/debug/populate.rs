//! DEBUG POPULATE: many keys at once.

use std::time::Duration;

use crate::data::Expire;
use crate::engine::Engine;
use crate::engine::requests::Call;
use crate::replication::ReplId;
use crate::resp::Reply;

/// How many keys are made from one beat to the next.
const KEYS: u64 = 1000;
/// The longest value.
const SIZE_MAX: usize = 512 << 20;

/// What to make.
struct Wanted<'a> {
    count: u64,
    prefix: &'a [u8],
    /// 0: as long as it is.
    size: usize,
}

impl Wanted<'_> {
    fn key(&self, number: u64) -> Vec<u8> {
        [self.prefix, format!(":{number}").as_bytes()].concat()
    }

    /// `value:7`, cut or filled up with zero bytes to the size.
    fn value(&self, number: u64) -> Vec<u8> {
        let mut value = format!("value:{number}").into_bytes();
        if self.size > 0 {
            value.resize(self.size, 0);
        }
        value
    }
}

impl Engine {
    /// DEBUG POPULATE count [prefix] [size]: strings where no key is. In a cluster only those of the
    /// slots that this node serves. Replicas get them by a full sync.
    pub(super) fn debug_populate(
        &mut self,
        args: &[Vec<u8>],
        call: &mut Call<'_>,
        reply: &mut Reply,
    ) {
        let number =
            |at: usize| -> Option<u64> { std::str::from_utf8(args.get(at)?).ok()?.parse().ok() };
        let size = match args.get(3) {
            None => Some(0),
            Some(_) => number(3).and_then(|size| usize::try_from(size).ok()),
        };
        let (Some(count), Some(size)) = (number(1), size.filter(|size| *size <= SIZE_MAX)) else {
            reply.error("ERR value is out of range, must be positive");
            return;
        };
        let prefix = args.get(2).map_or(&b"key"[..], Vec::as_slice);
        let wanted = Wanted {
            count,
            prefix,
            size,
        };
        if self.is_replica || self.is_walking() {
            reply.error("ERR DEBUG POPULATE is for masters that neither save nor sync a replica");
            return;
        }
        self.populate(&wanted, call);
        self.count_changes(count);
        if self.replication.stream_active() {
            let id = ReplId::from_bits(self.random.bytes());
            self.replication.stream.start_anew(id);
            self.drop_all_replicas("DEBUG POPULATE has made many keys");
        }
        reply.ok();
    }

    fn populate(&mut self, wanted: &Wanted<'_>, call: &mut Call<'_>) {
        let db = self.sessions.at(call.id).db;
        let served = self
            .cluster
            .as_ref()
            .map(|cluster| cluster.my_slots().clone());
        let (data, mut meanwhile) = self.apart(call.id, call.now);
        for number in 0..wanted.count {
            let name = wanted.key(number);
            let key = data.key(&name);
            let is_ours = served.as_ref().is_none_or(|slots| slots.contains(key.slot));
            if is_ours && data.peek(db, &key).is_none() {
                data.set(db, &key, &wanted.value(number), Expire::Never);
            }
            if number % KEYS == 0 {
                data.drain_changes();
                let _ = call.heartbeat.beat(&mut meanwhile, Duration::ZERO);
                if meanwhile.is_called_off() {
                    break;
                }
            }
        }
        data.drain_changes();
        let after = meanwhile.end();
        self.after_meanwhile(after);
        self.commit_expired();
    }
}
