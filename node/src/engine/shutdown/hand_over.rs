//! Before a master leaves, its best replica takes over: it is asked for CLUSTER FAILOVER, which
//! then takes its plain course.

use std::net::SocketAddr;

use bytes::Bytes;

use super::Stage;
use crate::engine::Engine;
use crate::io::{Level, LinkEvent, LinkId, LinkOp};
use crate::replication::master::Phase;
use crate::resp::encode_command;
use crate::time::Now;

/// How long one replica has to take over, in milliseconds, before the next request.
const PATIENCE_MS: u64 = 5000;

/// The request to a replica that it shall take over.
pub(in crate::engine) struct HandOver {
    /// None once it has ended.
    link: Option<LinkId>,
    again_at: u64,
}

impl Engine {
    /// Everything is with the replicas: the best of them shall take over, if that is wanted.
    pub(super) fn begin_hand_over(&mut self, now: Now) {
        let leaving = self.replication.leaving.as_ref();
        let now_only = leaving.is_none_or(|leaving| leaving.request.now);
        let offset = self.replication.stream.offset();
        let serves = |cluster: &crate::cluster::Cluster| {
            cluster.is_master() && !cluster.my_slots().is_empty()
        };
        let wanted = self.config.shutdown_handover
            && !now_only
            && !self.is_withholding()
            && self.cluster.as_deref().is_some_and(serves)
            && self
                .best_replica()
                .is_some_and(|(_, acked)| acked >= offset);
        if !wanted {
            self.begin_last_save(now);
            return;
        }
        self.set_stage(Stage::HandOver);
        self.step_hand_over(now);
    }

    /// The address of the replica that has confirmed most, and how much that is.
    pub(super) fn best_replica(&self) -> Option<(SocketAddr, u64)> {
        let online = self.replication.replicas.attached();
        let online = online.filter(|(_, replica)| replica.phase == Phase::Online);
        let best = online
            .max_by_key(|(id, replica)| (replica.acked, std::cmp::Reverse(*id)))?
            .1;
        Some((
            SocketAddr::new(best.ip.parse().ok()?, best.port),
            best.acked,
        ))
    }

    /// Another node serves what this one served.
    pub(super) fn hand_over_is_done(&self) -> bool {
        self.cluster
            .as_ref()
            .is_none_or(|cluster| !cluster.is_master() || cluster.my_slots().is_empty())
    }

    /// Asks the best replica, again if it did not take over in time.
    pub(super) fn step_hand_over(&mut self, now: Now) {
        let asked = self
            .replication
            .leaving
            .as_ref()
            .and_then(|leaving| leaving.hand_over.as_ref());
        if asked.is_some_and(|hand_over| now.mono_ms() < hand_over.again_at) {
            return;
        }
        self.end_hand_over();
        let Some((to, _)) = self.best_replica() else {
            return;
        };
        self.log(
            Level::Notice,
            format!("Asking the replica at {to} to take over"),
        );
        let link = self.replication.enquiry_links(1);
        let from = self.config.bind_source_addr;
        self.link(link, LinkOp::Open { to, from });
        let again_at = now.mono_ms() + PATIENCE_MS;
        if let Some(leaving) = &mut self.replication.leaving {
            leaving.hand_over = Some(HandOver {
                link: Some(link),
                again_at,
            });
        }
    }

    pub(super) fn end_hand_over(&mut self) {
        let leaving = self.replication.leaving.as_mut();
        let asked = leaving.and_then(|leaving| leaving.hand_over.take());
        if let Some(link) = asked.and_then(|hand_over| hand_over.link) {
            self.link(link, LinkOp::Close);
        }
    }

    /// Something happened on a link; false if it does not belong to a hand-over.
    pub(in crate::engine) fn on_hand_over_link(
        &mut self,
        link: LinkId,
        event: &LinkEvent<'_>,
        now: Now,
    ) -> bool {
        let Some(leaving) = &mut self.replication.leaving else {
            return false;
        };
        if leaving
            .hand_over
            .as_ref()
            .is_none_or(|hand_over| hand_over.link != Some(link))
        {
            return false;
        }
        match event {
            LinkEvent::Opened { .. } => {
                let request = self.hand_over_request();
                self.link(link, LinkOp::Send(request));
            }
            LinkEvent::Bytes(bytes) => {
                let text = bytes.escape_ascii();
                self.log(Level::Notice, format!("The replica answers: {text}"));
            }
            LinkEvent::Closed { reason } => {
                let again_at = now.mono_ms() + 1000;
                leaving.hand_over = Some(HandOver {
                    link: None,
                    again_at,
                });
                self.log(
                    Level::Warning,
                    format!("The replica cannot be asked: {reason}"),
                );
            }
        }
        true
    }

    fn hand_over_request(&self) -> Bytes {
        let mut out = Vec::new();
        if let Some(password) = &self.config.masterauth {
            match &self.config.masteruser {
                Some(user) => encode_command(&mut out, &[&b"AUTH"[..], user, password]),
                None => encode_command(&mut out, &[&b"AUTH"[..], password]),
            }
        }
        encode_command(&mut out, &["CLUSTER", "FAILOVER"]);
        Bytes::from(out)
    }
}
