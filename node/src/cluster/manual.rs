//! CLUSTER FAILOVER: the planned hand-over from a master to its replica.

use slotkeeper_topology::Epoch;

use super::{Cluster, ClusterEvent, Facts, NodeRef};
use crate::io::Level;
use crate::request::Failover;

/// How long a planned hand-over may take, in milliseconds.
const TIMEOUT_MS: i64 = 5000;
/// How long writes are paused at most, in those timeouts: until the new master is known.
const PAUSE_TIMEOUTS: i64 = 2;

/// A planned hand-over: CLUSTER FAILOVER.
#[derive(Clone, Debug, Default)]
pub(super) struct Manual {
    /// When it is given up (monotonic milliseconds), if one is under way.
    pub ends: Option<i64>,
    /// On a replica: it may ask for votes.
    pub can_start: bool,
    /// On a replica: the final offset of the paused master.
    master_offset: Option<u64>,
    /// On a master: the replica that takes over.
    pub replica: Option<NodeRef>,
}

impl Cluster {
    /// CLUSTER FAILOVER on a replica. The error is the reply's text.
    ///
    /// Beyond Redis: FORCE is refused while an election in place of the same master may be under
    /// way, whichever replica stands. A second one would be denied its votes, and its sender does
    /// not know of the first.
    pub(super) fn start_manual_failover(&mut self, how: Failover) -> Result<(), String> {
        if self.nodes.me().is_master() {
            return Err("ERR You should send CLUSTER FAILOVER to a replica".to_owned());
        }
        let Some(master) = self.nodes.me().master else {
            return Err("ERR I'm a replica but my master is unknown to me".to_owned());
        };
        if how == Failover::Plain && (self.nodes[master].failed() || !self.linked(master)) {
            let text = "ERR Master is down or failed, please use CLUSTER FAILOVER FORCE";
            return Err(text.to_owned());
        }
        self.may_change()?;
        if how == Failover::Force
            && let Some((candidacy, age, pause)) = self.election_under_way(master)
        {
            return Err(format!(
                "INPROG {} has stood for election in place of this master for {age} milliseconds; \
                 another one may begin after {} milliseconds",
                candidacy.candidate,
                pause - age
            ));
        }
        self.end_manual_failover();
        self.manual.ends = Some(self.now.mono_ms().cast_signed() + TIMEOUT_MS);
        match how {
            Failover::Takeover => {
                self.log(Level::Warning, "Taking over the master (user request).");
                self.take_highest_epoch();
                self.note_candidacy(master, self.my_id(), self.current_epoch);
                self.replace_master(master);
            }
            Failover::Force => {
                self.log(Level::Warning, "Forced failover user request accepted.");
                // The epoch that it will have, unless another candidate is faster.
                self.note_candidacy(master, self.my_id(), self.current_epoch.next());
                self.manual.can_start = true;
                self.todo.failover = true;
            }
            Failover::Plain => {
                self.log(Level::Warning, "Manual failover user request accepted.");
                self.send_manual_failover_start(master);
            }
        }
        Ok(())
    }

    /// SLOTKEEPER FAILOVER: the same, if nothing has changed since it was decided. A command that was
    /// under way for long, whose sender may have been replaced meanwhile, changes nothing any more:
    /// every election and every take over takes a new epoch.
    pub(super) fn start_failover_from(
        &mut self,
        how: Failover,
        master: &str,
        epoch: Epoch,
    ) -> Result<(), String> {
        let wanted = self.find_text(master);
        if wanted.is_none() || self.nodes.me().master != wanted {
            return Err(format!("OUTDATED this node is no replica of {master}"));
        }
        if self.current_epoch > epoch {
            let now = self.current_epoch;
            return Err(format!("OUTDATED the current epoch is {now}, not {epoch}"));
        }
        self.start_manual_failover(how)
    }

    /// Whether the link that we opened to a node is up.
    pub(super) fn linked(&self, r: NodeRef) -> bool {
        let link = self.nodes[r].outbound.and_then(|link| self.links.get(link));
        link.is_some_and(|link| link.open)
    }

    /// A replica of ours wants to take over: no more writes, and it is told our offset.
    pub(super) fn on_manual_failover_start(&mut self, replica: NodeRef) {
        if self.nodes[replica].master != Some(self.nodes.my_ref()) {
            return;
        }
        self.end_manual_failover();
        let now = self.now.mono_ms().cast_signed();
        self.manual.ends = Some(now + TIMEOUT_MS);
        self.manual.replica = Some(replica);
        let until_mono_ms = (now + TIMEOUT_MS * PAUSE_TIMEOUTS).cast_unsigned();
        self.events
            .push_back(ClusterEvent::PauseWrites { until_mono_ms });
        let text = format!(
            "Manual failover requested by replica {}.",
            self.nodes[replica].id
        );
        self.log(Level::Warning, text);
        self.ping(replica);
    }

    /// Our paused master names its final offset.
    pub(super) fn note_paused_master(&mut self, sender: NodeRef, offset: u64) {
        let waits = self.manual.ends.is_some() && self.manual.master_offset.is_none();
        if waits && self.nodes.me().is_replica() && self.nodes.me().master == Some(sender) {
            self.manual.master_offset = Some(offset);
            self.todo.manual = true;
            let text =
                format!("Received replication offset for paused master manual failover: {offset}");
            self.log(Level::Warning, text);
        }
    }

    /// Gives up what takes too long; on a replica, begins the election once all is replicated.
    pub(super) fn drive_manual_failover(&mut self, facts: &Facts<'_>) {
        let now = self.now.mono_ms().cast_signed();
        if self.manual.ends.is_some_and(|ends| ends < now) {
            self.log(Level::Warning, "Manual failover timed out.");
            self.end_manual_failover();
        }
        if self.manual.ends.is_none() || self.manual.can_start || !self.nodes.me().is_replica() {
            return;
        }
        if self.manual.master_offset == Some(facts.repl_offset) {
            self.manual.can_start = true;
            self.todo.failover = true;
            let text = "All master replication stream processed, manual failover can start.";
            self.log(Level::Warning, text);
        }
    }

    /// Ends a hand-over, done or not; a master takes writes again, if it still is one.
    pub(super) fn end_manual_failover(&mut self) {
        if self.manual.ends.is_some() && self.manual.replica.is_some() {
            self.events.push_back(ClusterEvent::ResumeWrites);
        }
        self.manual = Manual::default();
    }

    /// Whether a replica waits for the rest of its paused master's stream.
    pub(super) fn waits_for_stream(&self) -> bool {
        self.manual.ends.is_some()
            && !self.manual.can_start
            && self.manual.master_offset.is_some()
            && self.nodes.me().is_replica()
    }
}
