//! The bus while a command of this node takes long: the node shows that it lives, and sees who else
//! does. It gives no vote, claims nothing and takes up nothing that is said about slots, epochs or
//! roles. What it misses is said again in the PINGs that follow, as after a link that broke.

use super::bus::{Kind, Message};
use super::node::{Flags, Moment};
use super::{Cluster, TICK_MS};
use crate::io::{LinkEvent, LinkId, Origin, Peer};
use crate::time::Now;

impl Cluster {
    /// [`Cluster::accept`] while a command takes long.
    pub fn accept_while_busy(&mut self, peer: Peer, now: Now) -> LinkId {
        let link = self.accept_link(peer, now);
        self.events.extend(self.sends.drain(..));
        link
    }

    /// [`Cluster::on_link`] while a command takes long.
    pub fn on_link_while_busy(&mut self, link: LinkId, event: LinkEvent<'_>, now: Now) {
        self.now = now;
        self.origin = Origin::Members;
        self.link_event(link, &event, None);
        self.origin = Origin::Node;
        self.events.extend(self.sends.drain(..));
    }

    /// [`Cluster::on_timer`] while a command takes long: a node that was silent for long is asked,
    /// and no node is suspected.
    pub fn on_timer_while_busy(&mut self, now: Now) {
        if now.mono_ms() < self.next_tick {
            return;
        }
        self.next_tick = now.mono_ms() + TICK_MS;
        self.now = now;
        self.reconnect();
        for r in self.nodes.refs() {
            let skipped = Flags::MYSELF | Flags::NO_ADDRESS | Flags::HANDSHAKE;
            if !self.nodes[r].flags.has(skipped) {
                self.keep_in_touch(r);
            }
        }
        self.events.extend(self.sends.drain(..));
    }

    /// Whether a majority of the masters was heard within the node timeout, this node among them: so
    /// long no node of that majority has found that it has failed.
    #[must_use]
    pub fn hears_majority(&self, now: Now) -> bool {
        let timeout = self.config.cluster_node_timeout.cast_signed();
        let heard = |at: Moment| at.until(now) <= timeout;
        let me = self.nodes.my_ref();
        let masters = self.nodes.iter().filter(|(_, node)| node.votes());
        let heard = masters.filter(|&(r, node)| r == me || node.data_received.is_some_and(heard));
        heard.count() >= self.nodes.quorum()
    }

    pub(super) fn receive_while_busy(&mut self, link: LinkId, message: &Message<'_>) {
        let header = &message.header;
        self.stats.received[header.kind as usize] += 1;
        let sender = self.sender_of(link, header);
        let sender = sender.filter(|&sender| self.nodes.is_peer(sender));
        if let Some(sender) = sender {
            self.nodes[sender].data_received = Some(Moment::of(self.now));
            self.prove_link(link, sender);
        }
        match header.kind {
            Kind::Ping => self.send_gossip(link, Kind::Pong),
            Kind::Pong => {
                self.note_pong(link);
            }
            _ => {}
        }
    }
}
