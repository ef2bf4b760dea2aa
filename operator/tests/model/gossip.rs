//! The model's cluster bus: exchange of headers and gossip, failure detection, elections.

use slotkeeper::model::PodIndex;
use slotkeeper_topology::NodeId;

use crate::cluster::ModelCluster;
use crate::node::{Manual, Mask, Node, TableEntry};

/// How long a forgotten id is not learnt again.
pub const BAN_MS: u64 = 60_000;

impl ModelCluster {
    pub fn gossip(&mut self) {
        for index in self.running() {
            let ids: Vec<NodeId> = self
                .node(index)
                .map(|node| node.table.keys().copied().collect())
                .unwrap_or_default();
            for id in ids {
                self.ping(index, id);
            }
        }
        for index in self.running() {
            self.suspect(index);
        }
    }

    fn ping(&mut self, from: PodIndex, id: NodeId) {
        if self.node(from).is_none_or(|node| node.withholding) {
            // A node that withholds itself only receives.
            return;
        }
        let Some(known) = self
            .node(from)
            .and_then(|node| node.table.get(&id))
            .cloned()
        else {
            return;
        };
        if known.no_addr {
            return;
        }
        let at = self
            .at_ip(known.ip)
            .filter(|index| self.reach(from, *index));
        match at {
            Some(to) if self.node(to).is_some_and(|node| node.id == id) => {
                self.deliver(from, to);
                if self.node(to).is_some_and(|node| !node.withholding) {
                    self.deliver(to, from);
                    self.ponged(from, id);
                    return;
                }
            }
            Some(_) => {
                if let Some(known) = self.node_mut(from).and_then(|node| node.table.get_mut(&id)) {
                    known.no_addr = true;
                    known.failed = true;
                }
            }
            None => {}
        }
        self.unanswered(from, id);
    }

    fn ponged(&mut self, at: PodIndex, id: NodeId) {
        let now = self.now;
        if let Some(known) = self.node_mut(at).and_then(|node| node.table.get_mut(&id)) {
            (known.ping_sent, known.pong) = (0, now);
            (known.suspected, known.failed) = (false, false);
        }
    }

    fn unanswered(&mut self, at: PodIndex, id: NodeId) {
        let (now, timeout) = (self.now, self.node_timeout);
        if let Some(known) = self.node_mut(at).and_then(|node| node.table.get_mut(&id)) {
            if known.ping_sent == 0 {
                known.ping_sent = now;
            }
            known.suspected |= now - known.ping_sent > timeout;
        }
    }

    /// One packet: the header of the sender, and its gossip about others.
    fn deliver(&mut self, from: PodIndex, to: PodIndex) {
        let (now, Some(sender)) = (self.now, self.node(from).cloned()) else {
            return;
        };
        let Some(receiver) = self.node_mut(to) else {
            return;
        };
        if !receiver.table.contains_key(&sender.id) {
            return;
        }
        receiver.read_header(&sender, now);
        receiver.read_gossip(&sender, now);
        let slots = if sender.master.is_none() {
            sender.slots
        } else {
            0
        };
        let better = receiver.learn_claim(sender.id, slots, sender.epoch, now);
        let updates: Vec<(NodeId, Mask, u64)> = (better.into_iter())
            .filter_map(|id| {
                receiver
                    .claim_of(id)
                    .map(|(slots, epoch)| (id, slots, epoch))
            })
            .collect();
        for (id, slots, epoch) in updates {
            let Some(sender) = self.node_mut(from) else {
                return;
            };
            if sender.table.contains_key(&id) {
                if let Some(known) = sender.table.get_mut(&id) {
                    known.epoch = known.epoch.max(epoch);
                    known.master = None;
                }
                sender.learn_claim(id, slots, epoch, now);
            }
        }
    }

    /// Agreement on a failure: the majority of the masters with slots, according to each node's own
    /// table.
    fn suspect(&mut self, index: PodIndex) {
        let Some(node) = self.node(index) else { return };
        let owners = node.owners();
        let suspects: Vec<NodeId> = node
            .table
            .iter()
            .filter(|(_, k)| k.suspected && !k.failed)
            .map(|(id, _)| *id)
            .collect();
        for id in suspects {
            let agree = owners.iter().filter(|owner| {
                let at = if **owner == node.id {
                    Some(index)
                } else {
                    self.peer(index, **owner)
                };
                let known = at
                    .and_then(|at| self.node(at))
                    .and_then(|n| n.table.get(&id));
                known.is_some_and(|known| known.suspected || known.failed)
            });
            if 2 * agree.count() > owners.len() {
                self.broadcast_failure(index, id);
                return;
            }
        }
    }

    pub fn broadcast_failure(&mut self, from: PodIndex, id: NodeId) {
        for to in self
            .running()
            .into_iter()
            .filter(|to| self.reach(from, *to))
            .collect::<Vec<_>>()
        {
            if let Some(known) = self.node_mut(to).and_then(|node| node.table.get_mut(&id)) {
                known.failed = true;
            }
        }
    }

    pub fn elect(&mut self) {
        for index in self.running() {
            if self.wants_election(index) {
                self.run_election(index);
            }
        }
    }

    fn wants_election(&mut self, index: PodIndex) -> bool {
        let (now, timeout) = (self.now, self.node_timeout);
        let delay = self.random.between(500, 1_500);
        let Some(node) = self.node_mut(index) else {
            return false;
        };
        let Some(master) = node.master else {
            return false;
        };
        if let Some((_, until)) = node.manual {
            if until > now {
                return true;
            }
            node.manual = None;
        }
        let failed = node
            .table
            .get(&master)
            .is_some_and(|known| known.failed && known.slots != 0);
        let fresh = now.saturating_sub(node.link.down_since) < timeout * 10;
        if !failed || !node.data.complete || node.link.syncing.is_some() || !fresh || node.link.up {
            node.election_at = None;
            return false;
        }
        *node.election_at.get_or_insert(now + delay) <= now
    }

    /// Asks every reachable master with slots; each votes once per master within two node timeouts.
    fn run_election(&mut self, index: PodIndex) {
        let (now, timeout) = (self.now, self.node_timeout);
        let Some(node) = self.node(index) else { return };
        let Some(master) = node.master else { return };
        let manual = node.manual.map(|(manual, _)| manual);
        let owners = node.owners();
        if manual == Some(Manual::Plain) {
            let Some(at) = self.peer(index, master).filter(|_| node.link.up) else {
                return;
            };
            let Some(data) = self.node(at).map(|n| n.data.clone()) else {
                return;
            };
            if let Some(node) = self.node_mut(index) {
                node.data = data;
            }
        }
        let voters: Vec<PodIndex> = (owners.iter())
            .filter_map(|owner| self.peer(index, *owner))
            .filter(|at| {
                let Some(voter) = self.node(*at) else {
                    return false;
                };
                let failed = voter.table.get(&master).is_some_and(|known| known.failed);
                let free = voter
                    .votes
                    .get(&master)
                    .is_none_or(|at| now - at > 2 * timeout);
                let id = self.node(index).map(|n| n.id);
                let known = id.is_some_and(|id| voter.table.contains_key(&id));
                known && free && voter.slots != 0 && (failed || manual.is_some())
            })
            .collect();
        let epoch = 1 + voters
            .iter()
            .filter_map(|at| self.node(*at))
            .map(|n| n.current_epoch)
            .chain(self.node(index).map(|n| n.current_epoch))
            .max()
            .unwrap_or(0);
        for at in &voters {
            if let Some(voter) = self.node_mut(*at) {
                voter.votes.insert(master, now);
                voter.current_epoch = epoch;
            }
        }
        let replid = self.fresh();
        let Some(node) = self.node_mut(index) else {
            return;
        };
        node.current_epoch = epoch;
        if 2 * voters.len() > owners.len() {
            node.promote(epoch, replid);
        } else {
            node.manual = None;
            node.election_at = Some(now + 4 * timeout);
        }
    }

    /// Nodes that withhold themselves decide by the answers of their replicas.
    pub fn resolve_withholding(&mut self) {
        if !self.self_resolving {
            return;
        }
        for index in self.running() {
            let Some(node) = self.node(index).filter(|node| node.withholding) else {
                continue;
            };
            let followers: Vec<NodeId> = (node.table.iter())
                .filter(|(_, known)| known.master == Some(node.id))
                .map(|(id, _)| *id)
                .collect();
            let id = node.id;
            let mine = node.data.clone();
            let mut all = true;
            let mut newer = false;
            for follower in followers {
                let at = self.peer(index, follower);
                match at
                    .and_then(|at| self.node(at))
                    .filter(|n| n.link.syncing.is_none())
                {
                    None => all = false,
                    Some(n) if n.data.key_count() == 0 => {}
                    Some(n) if n.data.replid == mine.replid && n.data.offset <= mine.offset => {}
                    Some(n) if n.data.replid == mine.replid || n.data.replid2 == mine.replid => {
                        newer = true;
                    }
                    Some(_) => all = false,
                }
            }
            if newer {
                self.broadcast_failure(index, id);
            } else if all && let Some(node) = self.node_mut(index) {
                node.withholding = false;
            }
        }
    }
}

impl Node {
    fn claim_of(&self, id: NodeId) -> Option<(Mask, u64)> {
        if id == self.id {
            return Some((self.slots, self.epoch));
        }
        self.table.get(&id).map(|known| (known.slots, known.epoch))
    }

    fn read_header(&mut self, sender: &Node, now: u64) {
        let Some(known) = self.table.get_mut(&sender.id) else {
            return;
        };
        known.ip = sender.ip;
        known.no_addr = false;
        known.pod = sender.pod;
        known.master = sender.master;
        known.epoch = known.epoch.max(sender.epoch);
        if sender.master.is_some() {
            known.slots = 0;
        } else {
            known.epoch = sender.epoch;
        }
        self.current_epoch = self.current_epoch.max(sender.current_epoch);
        let both = self.master.is_none() && sender.master.is_none();
        if both && self.epoch == sender.epoch && self.epoch != 0 && self.id < sender.id {
            self.current_epoch += 1;
            self.epoch = self.current_epoch;
        }
        // If their master became a replica, replicas attach to its master.
        if self.master == Some(sender.id)
            && let Some(next) = sender.master.filter(|next| *next != self.id)
            && self.table.contains_key(&next)
        {
            self.follow(next, now);
        }
    }

    fn read_gossip(&mut self, sender: &Node, now: u64) {
        for (id, theirs) in &sender.table {
            if *id == self.id {
                continue;
            }
            let banned = self.banned.get(id).is_some_and(|until| *until > now);
            match self.table.get_mut(id) {
                Some(mine) => {
                    let ill = mine.suspected || mine.failed || mine.no_addr || mine.pong == 0;
                    let well =
                        !theirs.suspected && !theirs.failed && !theirs.no_addr && theirs.pong > 0;
                    if ill && well && mine.ip != theirs.ip {
                        mine.ip = theirs.ip;
                        mine.no_addr = false;
                        mine.ping_sent = 0;
                    }
                }
                None if !banned && !theirs.no_addr => {
                    let known = TableEntry {
                        slots: 0,
                        ping_sent: 0,
                        pong: 0,
                        suspected: false,
                        failed: false,
                        ..theirs.clone()
                    };
                    self.table.insert(*id, known);
                }
                None => {}
            }
        }
    }
}
