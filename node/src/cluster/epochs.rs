//! Configuration epochs: bumps, collisions, SET-CONFIG-EPOCH.

use slotkeeper_topology::{Epoch, NodeId};

use super::store::Act;
use super::{Cluster, NodeRef};
use crate::io::Level;

impl Cluster {
    fn highest_epoch(&self) -> Epoch {
        self.nodes
            .iter()
            .map(|(_, n)| n.config_epoch)
            .fold(self.current_epoch, Epoch::max)
    }

    /// Takes a new config epoch without asking: for CLUSTER BUMPEPOCH and imported slots. False when
    /// ours is the highest already.
    pub(super) fn bump_epoch(&mut self) -> bool {
        let highest = self.highest_epoch();
        let mine = self.nodes.me().config_epoch;
        if mine != Epoch::ZERO && mine == highest {
            return false;
        }
        self.take_highest_epoch();
        true
    }

    /// Takes a config epoch above all that this node knows of, without asking: for TAKEOVER. A
    /// replica has none of its own to keep: after a restart it has its master's, and a node that claims
    /// its slots under that is not believed.
    pub(super) fn take_highest_epoch(&mut self) {
        self.current_epoch = self.highest_epoch().next();
        self.take_epoch(self.current_epoch);
        self.log(
            Level::Warning,
            format!("New configEpoch set to {}", self.current_epoch),
        );
    }

    pub(super) fn take_epoch(&mut self, epoch: Epoch) {
        self.nodes.me_mut().config_epoch = epoch;
        self.todo.save = true;
    }

    /// Two masters with one epoch: the one with the smaller id takes a new one, once it is stored.
    pub(super) fn resolve_collision(&mut self, sender: NodeRef, its_epoch: Epoch) {
        let me = self.nodes.me();
        let other = &self.nodes[sender];
        let collide = me.is_master() && other.is_master() && its_epoch == me.config_epoch;
        if !collide || other.config_epoch != me.config_epoch || other.id <= me.id {
            return;
        }
        let other = other.id;
        self.propose(Act::ResolveCollision(other));
    }

    /// Takes a new epoch if that node has ours.
    pub(super) fn take_another_epoch(&mut self, other: &NodeId) {
        let mine = self.nodes.me().config_epoch;
        let other = self.nodes.find(other);
        let Some(other) = other.filter(|&other| self.nodes[other].config_epoch == mine) else {
            return;
        };
        let other = self.nodes[other].id;
        self.current_epoch = self.current_epoch.next();
        self.take_epoch(self.current_epoch);
        let text = format!(
            "WARNING: configEpoch collision with node {other}. configEpoch set to {}",
            self.current_epoch
        );
        self.log(Level::Verbose, text);
    }
}
