//! Who moves the slot, as `redis-cli --cluster reshard` does it.

use slotkeeper_node::resp::{ReplyParser, ReplyValue, encode_command};
use slotkeeper_topology::Slot;

use super::keys::{Op, name};
use super::{KEYS, Key, REPLY_MAX};
use crate::net::NodeIx;
use crate::simulation::Simulation;

/// So many keys in one MIGRATE.
const AT_ONCE: &str = "10";
/// How long MIGRATE may take at least and at most, in milliseconds.
const TIMEOUT_MS: (u64, u64) = (50, 1000);
/// When this has passed, nothing of a MIGRATE that has failed is on its way any longer, in microseconds.
const SETTLE_US: u64 = 10_000;

pub struct Mover {
    slot: Slot,
    source: NodeIx,
    target: NodeIx,
    /// The connection on which a MIGRATE is answered, and the keys that it names.
    waits: Option<(usize, ReplyParser, Vec<usize>)>,
    /// One has failed: keys may be at both.
    replaces: bool,
}

impl Mover {
    /// Opens the slot.
    pub fn begin(sim: &mut Simulation, slot: Slot, source: NodeIx, target: NodeIx) -> Mover {
        let ids = [source, target].map(|ix| sim.id_of(ix).to_string());
        let slot_text = slot.to_string();
        let set = ["CLUSTER", "SETSLOT", &slot_text];
        sim.must(target, &[&set[..], &["IMPORTING", &ids[0]]].concat());
        sim.must(source, &[&set[..], &["MIGRATING", &ids[1]]].concat());
        Mover {
            slot,
            source,
            target,
            waits: None,
            replaces: false,
        }
    }

    /// Goes on. Whether all keys are moved.
    ///
    /// # Errors
    /// What a MIGRATE says that it should not.
    pub fn is_done(
        &mut self,
        sim: &mut Simulation,
        keys: &mut [Key],
        asked: impl Fn(usize) -> Option<Op>,
    ) -> Result<bool, String> {
        let Some((conn, parser, moving)) = &mut self.waits else {
            return Ok(self.send(sim, keys, asked));
        };
        parser.feed(&sim.take_inbox(*conn));
        let Ok(Some(reply)) = parser.next() else {
            return Ok(false);
        };
        sim.disconnect(*conn);
        if let ReplyValue::Error(text) = &reply {
            let text = String::from_utf8_lossy(text).into_owned();
            let known = ["IOERR", "BUSYKEY", "CLUSTERDOWN"];
            if !known.iter().any(|code| text.contains(code)) {
                return Err(format!("MIGRATE: {text}"));
            }
            self.replaces = true;
            moving.iter().for_each(|key| keys[*key].was_left());
            sim.run_for(SETTLE_US);
        }
        self.waits = None;
        Ok(false)
    }

    /// Sends a MIGRATE of some keys. Whether there are none.
    fn send(
        &mut self,
        sim: &mut Simulation,
        keys: &mut [Key],
        asked: impl Fn(usize) -> Option<Op>,
    ) -> bool {
        let slot = self.slot.to_string();
        let found = sim.call(self.source, &["CLUSTER", "GETKEYSINSLOT", &slot, AT_ONCE]);
        let Some(ReplyValue::Array(found)) = found else {
            return false;
        };
        let names: Vec<&[u8]> = found.iter().filter_map(ReplyValue::text).collect();
        let moving: Vec<usize> = (0..KEYS)
            .filter(|key| names.contains(&name(*key).as_bytes()))
            .collect();
        if moving.is_empty() {
            return true;
        }
        let Some(conn) = sim.connect(self.source) else {
            return false;
        };
        let (least, most) = TIMEOUT_MS;
        let timeout = (least + sim.rng.below(most - least)).to_string();
        let ip = sim.hosts[self.target].ip.to_string();
        let mut words = vec!["MIGRATE", &ip, "6379", "", "0", &timeout];
        if self.replaces {
            words.push("REPLACE");
        }
        words.push("KEYS");
        let names: Vec<String> = moving.iter().map(|key| name(*key)).collect();
        words.extend(names.iter().map(String::as_str));
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &words);
        moving.iter().for_each(|key| keys[*key].moves(asked(*key)));
        sim.client_send(conn, &bytes);
        self.waits = Some((conn, ReplyParser::new(REPLY_MAX), moving));
        false
    }

    /// Gives the slot to its new owner.
    pub fn end(&self, sim: &mut Simulation) {
        let id = sim.id_of(self.target).to_string();
        let slot = self.slot.to_string();
        for ix in [self.target, self.source] {
            sim.must(ix, &["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
        }
    }
}
