//! The hosts of the simulation as the platform shows them to the operator: pods.

use std::collections::BTreeMap;

use slotkeeper::model::{
    Address, Moment, ObjectState, PodIndex, PodPhase, PodUid, PodView, ProcessEnd, Proof,
    ShardObject,
};
use slotkeeper::platform::{PlatformError, Survey};

use super::Operator;
use super::platform::Request;
use crate::host::PORT;
use crate::net::NodeIx;
use crate::simulation::Simulation;

/// How far the bus is from the data port.
const BUS: u16 = 10_000;

impl Operator {
    /// What the platform knows now.
    pub(super) fn survey(&self, sim: &Simulation) -> Survey {
        let desired = self.desired();
        let pods = (self.layout.pod_indexes().enumerate())
            .filter(|(ix, index)| desired.wants(*index) || !self.is_missing(sim, *ix))
            .map(|(ix, index)| (index, self.pod(sim, ix, index)))
            .collect();
        Survey {
            objects: self.objects.clone(),
            pods,
            password: None,
        }
    }

    /// The present incarnation of every pod.
    pub(super) fn uids(&self, sim: &Simulation) -> BTreeMap<PodIndex, PodUid> {
        let uid = |ix: NodeIx| PodUid(sim.hosts[ix].incarnation.to_string());
        (self.layout.pod_indexes().enumerate())
            .map(|(ix, index)| (index, uid(ix)))
            .collect()
    }

    /// Whether the pod was not made yet, or was taken away.
    fn is_missing(&self, sim: &Simulation, ix: NodeIx) -> bool {
        sim.hosts[ix].incarnation == 0 || self.removed.contains(&ix)
    }

    fn pod(&self, sim: &Simulation, ix: NodeIx, index: PodIndex) -> PodView {
        let host = &sim.hosts[ix];
        let uid = PodUid(host.incarnation.to_string());
        let phase = match (sim.is_up(ix), self.is_missing(sim, ix)) {
            (true, _) => PodPhase::Running,
            (false, true) => PodPhase::Missing,
            (false, false) => PodPhase::Terminated,
        };
        let ended = (phase == PodPhase::Terminated).then(|| ProcessEnd {
            uid: uid.clone(),
            at: Moment(host.ended_us / 1000),
            proof: Proof::Terminated,
        });
        let hostname = host.config.cluster_announce_hostname.clone();
        PodView {
            name: format!("sim-{index}"),
            uid,
            hostname: hostname.unwrap_or_default(),
            phase,
            address: Some(Address {
                ip: host.ip.to_string(),
                port: PORT,
                bus_port: PORT + BUS,
            }),
            host: Some(format!("host-{ix}")),
            ended,
            volume_mounted: true,
            memory_limit: None,
            restart_for: Vec::new(),
        }
    }

    /// Carries out what the platform is asked for.
    pub(super) fn carry_out(
        &mut self,
        sim: &mut Simulation,
        request: Request,
    ) -> Result<(), PlatformError> {
        match request {
            Request::Common => self.objects.common = ObjectState::Current,
            Request::Shard { shard, pods } => {
                let object = ShardObject {
                    pods,
                    state: ObjectState::Current,
                };
                self.objects.shards.insert(shard, object);
                self.keep_pods(sim, shard, pods);
            }
            Request::RemoveShard(shard) => {
                let why = format!("shard {shard}: nothing is removed here");
                return Err(PlatformError::Refused(why));
            }
        }
        Ok(())
    }

    /// What the platform does with a shard's object: pods come, and those beyond go with their disks.
    fn keep_pods(&mut self, sim: &mut Simulation, shard: u32, pods: u32) {
        for (ix, index) in self.layout.clone().pod_indexes().enumerate() {
            let missing = self.is_missing(sim, ix);
            if index.shard == shard && index.ordinal < pods && missing {
                self.removed.remove(&ix);
                sim.start(ix);
            } else if index.shard == shard && index.ordinal >= pods && !missing {
                self.removed.insert(ix);
                sim.kill(ix);
                sim.move_host(ix);
            }
        }
    }
}
