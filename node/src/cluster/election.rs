//! Elections: when a replica stands for one, asks for votes, and wins.

use slotkeeper_topology::{Epoch, NodeId};

use super::bus::Header;
use super::send::Audience;
use super::store::Act;
use super::{Cluster, Facts, NodeRef};
use crate::io::Level;

/// The election that this replica runs, or ran last.
#[derive(Clone, Debug, Default)]
pub(super) struct Election {
    /// When votes are, or were, asked for (monotonic milliseconds).
    at: Option<i64>,
    rank: usize,
    requested: bool,
    epoch: Epoch,
    /// Who voted for us.
    votes: Vec<NodeId>,
    /// The last reason that was logged, so that each is logged once.
    told: Option<&'static str>,
}

impl Election {
    /// When something is due, for the timer.
    pub fn due(&self) -> Option<i64> {
        self.at.filter(|_| !self.requested)
    }
}

impl Cluster {
    /// Looks whether this replica should replace its master, and takes the next step.
    pub(super) fn drive_election(&mut self, facts: &Facts<'_>) {
        let manual = self.manual.ends.is_some() && self.manual.can_start;
        let Some(master) = self.electable_master(manual) else {
            self.election.told = None;
            return;
        };
        if !manual && let Err(why) = self.data_is_good(facts) {
            self.tell_once(why);
            return;
        }
        let now = self.now.mono_ms().cast_signed();
        let timeout = (self.config.cluster_node_timeout.cast_signed() * 2).max(2000);
        let age = self.election.at.map(|at| now - at);
        if age.is_none_or(|age| age > timeout * 2) {
            self.schedule_election(master);
            return;
        }
        if !self.election.requested && self.manual.ends.is_none() {
            self.adjust_rank(master);
        }
        let age = self.election.at.map_or(0, |at| now - at);
        if self.store.error().is_some() {
            self.tell_once("Currently unable to failover: nodes.conf cannot be stored.");
        } else if age < 0 {
            self.tell_once("Currently unable to failover: Waiting the delay before I can start a new failover.");
        } else if age > timeout {
            self.tell_once("Currently unable to failover: Failover attempt expired.");
        } else if !self.election.requested {
            self.propose(Act::AskForVotes);
        } else if self.election.votes.len() >= self.nodes.quorum() {
            self.propose(Act::Claim);
        } else {
            self.tell_once(
                "Currently unable to failover: Waiting for votes, but majority still not reached.",
            );
        }
    }

    /// Our master, if it is one that we may want to replace.
    fn electable_master(&self, manual: bool) -> Option<NodeRef> {
        let master = self
            .nodes
            .me()
            .master
            .filter(|_| self.nodes.me().is_replica())?;
        let wanted =
            manual || (self.nodes[master].failed() && !self.config.cluster_replica_no_failover);
        (wanted && self.nodes[master].slot_count > 0).then_some(master)
    }

    /// Whether the data set is whole and young enough to replace the master's.
    fn data_is_good(&self, facts: &Facts<'_>) -> Result<(), &'static str> {
        if self.unsynced {
            return Err("Currently unable to failover: I was never in sync with my master.");
        }
        if !facts.dataset_complete {
            return Err("Currently unable to failover: My data set is incomplete.");
        }
        let factor = u64::from(self.config.cluster_replica_validity_factor);
        if factor == 0 || facts.master_link_up {
            return Ok(());
        }
        // The time before the own start does not count: the data set was loaded whole.
        let since = facts
            .master_link_down_since
            .unwrap_or(facts.started)
            .max(facts.started);
        let timeout = self.config.cluster_node_timeout;
        let age = self
            .now
            .mono_ms()
            .saturating_sub(since)
            .saturating_sub(timeout);
        let limit = self.config.repl_ping_replica_period * 1000 + timeout * factor;
        if age > limit {
            return Err(
                "Currently unable to failover: Disconnected from master for longer than \
                        allowed. Please check the 'cluster-replica-validity-factor' configuration \
                        option.",
            );
        }
        Ok(())
    }

    fn schedule_election(&mut self, master: NodeRef) {
        let now = self.now.mono_ms().cast_signed();
        let rank = self.rank(master);
        let random = self.random.below(500).cast_signed();
        let manual = self.manual.ends.is_some();
        let delay = if manual {
            0
        } else {
            500 + random + rank.cast_signed() as i64 * 1000
        };
        self.election = Election {
            at: Some(now + delay),
            rank,
            ..Election::default()
        };
        let text = format!(
            "Start of election delayed for {delay} milliseconds (rank #{rank}, offset {}).",
            self.nodes.me().repl_offset
        );
        self.log(Level::Notice, text);
        // Tell the other replicas our offset, so that they know their rank.
        self.broadcast_pong(Audience::LocalReplicas);
        self.todo.failover = manual;
    }

    /// How many replicas of our master have more data than this one.
    fn rank(&self, master: NodeRef) -> usize {
        let mine = self.nodes.me().repl_offset;
        (self.nodes.iter())
            .filter(|&(r, n)| n.master == Some(master) && r != self.nodes.my_ref())
            .filter(|(_, n)| !n.flags.has(super::node::Flags::NO_FAILOVER) && n.repl_offset > mine)
            .count()
    }

    fn adjust_rank(&mut self, master: NodeRef) {
        let rank = self.rank(master);
        if rank <= self.election.rank {
            return;
        }
        let more = (rank - self.election.rank).cast_signed() as i64 * 1000;
        self.election.rank = rank;
        self.election.at = self.election.at.map(|at| at + more);
        let text = format!("Replica rank updated to #{rank}, added {more} milliseconds of delay.");
        self.log(Level::Notice, text);
    }

    /// Asks for votes in a new epoch, if it is still time for that.
    pub(super) fn ask_for_votes(&mut self) {
        let open = self.election.at.is_some() && !self.election.requested;
        let Some(master) = self.nodes.me().master.filter(|_| open) else {
            return;
        };
        self.current_epoch = self.current_epoch.next();
        self.election.epoch = self.current_epoch;
        self.election.requested = true;
        self.note_candidacy(master, self.my_id(), self.current_epoch);
        let text = format!(
            "Starting a failover election for epoch {}.",
            self.current_epoch
        );
        self.log(Level::Warning, text);
        self.request_votes();
        self.todo.save = true;
        self.todo.update_state = true;
    }

    /// A vote has arrived.
    pub(super) fn on_vote(&mut self, from: NodeRef, header: &Header<'_>) {
        let counts = self.nodes[from].votes() && header.current_epoch >= self.election.epoch;
        let id = self.nodes[from].id;
        if counts && self.election.requested && !self.election.votes.contains(&id) {
            self.election.votes.push(id);
            self.todo.failover = true;
        }
    }

    /// Takes the place of the master, if this replica is still the one that was elected.
    pub(super) fn claim(&mut self) {
        let elected = self.election.requested && self.election.votes.len() >= self.nodes.quorum();
        let master = self.nodes.me().master.filter(|_| elected);
        if let Some(master) = master {
            self.win(master);
        }
    }

    fn win(&mut self, master: NodeRef) {
        self.log(Level::Warning, "Failover election won: I'm the new master.");
        if self.nodes.me().config_epoch < self.election.epoch {
            self.take_epoch(self.election.epoch);
            let text = format!(
                "configEpoch set to {} after successful failover",
                self.election.epoch
            );
            self.log(Level::Warning, text);
        }
        self.replace_master(master);
    }

    /// Takes over all slots of the master, and tells everybody.
    pub(super) fn replace_master(&mut self, master: NodeRef) {
        self.become_master();
        let me = self.nodes.my_ref();
        for slot in self.nodes[master].slots.clone().iter() {
            self.slots.assign(&mut self.nodes, slot, Some(me));
        }
        self.election = Election::default();
        self.update_state();
        self.todo.save = true;
        // The PAUSED flag is for a master that hands over; not for the one that has taken over.
        self.end_manual_failover();
        self.broadcast_pong(Audience::All);
    }

    fn tell_once(&mut self, why: &'static str) {
        if self.election.told != Some(why) {
            self.election.told = Some(why);
            self.log(Level::Warning, why);
        }
    }
}
