//! Pods as the planner sees them, and what proves that a pod's process has ended.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::objects::{BUS_PORT, CLIENT_PORT, CONTAINER, DATA_VOLUME};
use crate::model::{Address, Moment, PodIndex, PodPhase, PodUid, PodView, ProcessEnd, Proof};
use crate::quantity;

/// What is remembered of pods between passes: the host of a deleted pod can prove that its process
/// has ended. An empty memory is a safe start.
#[derive(Debug, Default)]
pub struct PodTracker {
    pods: BTreeMap<PodIndex, TrackedPod>,
}

/// The last incarnation of a pod that was seen.
#[derive(Debug, Default)]
struct TrackedPod {
    uid: String,
    host: Option<String>,
    /// Whether a process was started in it.
    started: bool,
    ended: Option<ProcessEnd>,
}

/// What is known about one pod now.
pub struct PodInput<'a> {
    /// The index of the pod.
    pub index: PodIndex,
    /// Its name.
    pub name: String,
    /// The hostname that its node announces.
    pub hostname: String,
    /// The pod, if it exists.
    pub pod: Option<&'a Pod>,
    /// Whether its node should have a volume.
    pub storage: bool,
}

impl PodTracker {
    /// The view of a pod. `ready` says whether a host exists and is Ready.
    pub fn view(
        &mut self,
        input: PodInput<'_>,
        now: Moment,
        ready: impl Fn(&str) -> bool,
    ) -> PodView {
        let tracked = self.pods.entry(input.index).or_default();
        let view = PodView {
            name: input.name,
            hostname: input.hostname,
            ..PodView::default()
        };
        let Some(pod) = input.pod else {
            tracked.close(now, ready);
            return PodView {
                ended: tracked.ended.clone(),
                ..view
            };
        };
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        if tracked.uid != uid {
            tracked.close(now, &ready);
            // The end of the previous incarnation stays known until a process runs in the new one.
            let ended = tracked.ended.take();
            *tracked = TrackedPod {
                ended,
                uid: uid.clone(),
                ..TrackedPod::default()
            };
        }
        tracked.host = host(pod);
        let process = process(pod);
        tracked.learn(&process, now);
        let phase = phase(pod, &process, tracked.host.as_deref().is_some_and(ready));
        PodView {
            uid: PodUid(uid),
            phase,
            address: address(pod),
            host: tracked.host.clone(),
            ended: tracked.ended.clone(),
            memory_limit: memory_limit(pod),
            volume_mounted: !input.storage || tracked.started && has_volume(pod),
            ..view
        }
    }

    /// Forgets the pods that are no longer needed.
    pub fn keep(&mut self, keep: impl Fn(PodIndex) -> bool) {
        self.pods.retain(|index, _| keep(*index));
    }
}

impl TrackedPod {
    /// The pod is gone. If its host is Ready, its kubelet has ended the process; an unreachable
    /// host proves nothing.
    fn close(&mut self, now: Moment, ready: impl Fn(&str) -> bool) {
        let host = self.host.as_deref();
        if self.started && self.ended.is_none() && host.is_some_and(ready) {
            self.ended = Some(ProcessEnd {
                uid: PodUid(self.uid.clone()),
                at: now,
                proof: Proof::PodGone,
            });
        }
    }

    fn learn(&mut self, process: &Process<'_>, now: Moment) {
        match process {
            Process::None => {}
            Process::Runs => {
                self.started = true;
                self.ended = None;
            }
            Process::Ended(container) => {
                self.started = true;
                // Every container counts as an incarnation, so a second end in a pod is a new one.
                let uid = PodUid(format!("{}/{container}", self.uid));
                if self.ended.as_ref().is_none_or(|end| end.uid != uid) {
                    self.ended = Some(ProcessEnd {
                        uid,
                        at: now,
                        proof: Proof::Terminated,
                    });
                }
            }
        }
    }
}

/// The node's process, as last reported by the kubelet.
#[derive(Debug, PartialEq)]
enum Process<'a> {
    /// None was started yet.
    None,
    /// It runs.
    Runs,
    /// The last one, of that container, has ended.
    Ended(&'a str),
}

fn process(pod: &Pod) -> Process<'_> {
    let status = pod.status.as_ref();
    match node_status(pod) {
        Some(container) => of_container(container),
        // In these phases all containers of a pod have ended.
        None => match status.and_then(|status| status.phase.as_deref()) {
            Some("Failed" | "Succeeded") => Process::Ended(""),
            _ => Process::None,
        },
    }
}

fn node_status(pod: &Pod) -> Option<&ContainerStatus> {
    let containers = pod.status.as_ref()?.container_statuses.as_ref()?;
    let mut containers = containers.iter();
    containers.find(|container| container.name == CONTAINER)
}

fn of_container(container: &ContainerStatus) -> Process<'_> {
    let state = container.state.as_ref();
    if state.is_some_and(|state| state.running.is_some()) {
        return Process::Runs;
    }
    let ended = |state: &'_ Option<ContainerState>| {
        let state = state.as_ref().and_then(|state| state.terminated.as_ref());
        state.is_some()
    };
    if ended(&container.state) || ended(&container.last_state) {
        // The id of the last container, while no other runs.
        return Process::Ended(container.container_id.as_deref().unwrap_or_default());
    }
    Process::None
}

fn phase(pod: &Pod, process: &Process<'_>, ready: bool) -> PodPhase {
    match process {
        Process::None => PodPhase::Pending,
        Process::Ended(_) => PodPhase::Terminated,
        Process::Runs if !ready => PodPhase::Unknown,
        Process::Runs if pod.metadata.deletion_timestamp.is_some() => PodPhase::Deleting,
        Process::Runs => PodPhase::Running,
    }
}

fn host(pod: &Pod) -> Option<String> {
    pod.spec.as_ref()?.node_name.clone()
}

fn address(pod: &Pod) -> Option<Address> {
    let ip = pod.status.as_ref()?.pod_ip.clone()?;
    Some(Address {
        ip,
        port: CLIENT_PORT,
        bus_port: BUS_PORT,
    })
}

/// What the kubelet has given to the container; before it says so, what the pod asks for.
fn memory_limit(pod: &Pod) -> Option<u64> {
    let given = node_status(pod).and_then(|status| status.resources.as_ref());
    let containers = pod.spec.as_ref().map(|spec| &spec.containers);
    let mut containers = containers.into_iter().flatten();
    let asked = containers.find(|container| container.name == CONTAINER);
    let asked = asked.and_then(|container| container.resources.as_ref());
    let limit = |resources: &ResourceRequirements| {
        let Quantity(text) = resources.limits.as_ref()?.get("memory")?;
        quantity::bytes(text)
    };
    given.and_then(limit).or_else(|| asked.and_then(limit))
}

/// A container starts only after the volumes of its pod are mounted.
fn has_volume(pod: &Pod) -> bool {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
    let mut volumes = volumes.into_iter().flatten();
    volumes.any(|volume| volume.name == DATA_VOLUME && volume.persistent_volume_claim.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Observes pod 0-0 on host `m` repeatedly.
    #[derive(Default)]
    struct Story {
        tracker: PodTracker,
        now: u64,
        unreachable: bool,
    }

    impl Story {
        fn see(&mut self, pod: Option<Value>) -> PodView {
            self.now += 1;
            let pod: Option<Pod> = pod.map(|pod| serde_json::from_value(pod).unwrap());
            let input = PodInput {
                index: PodIndex::new(0, 0),
                name: "tour-0-0".to_owned(),
                hostname: "tour-0-0.tour-nodes".to_owned(),
                pod: pod.as_ref(),
                storage: false,
            };
            let ready = !self.unreachable;
            self.tracker
                .view(input, Moment(self.now), |host| host == "m" && ready)
        }
    }

    fn pod(uid: &str, container: &Value) -> Value {
        json!({
            "metadata": {"name": "tour-0-0", "uid": uid},
            "spec": {"nodeName": "m", "containers": []},
            "status": {"podIP": "10.0.0.1", "containerStatuses": [container]},
        })
    }

    fn running(id: &str) -> Value {
        json!({"name": "node", "containerID": id, "image": "", "imageID": "", "ready": true,
            "restartCount": 0, "state": {"running": {}}})
    }

    fn crashed(id: &str) -> Value {
        json!({"name": "node", "containerID": id, "image": "", "imageID": "", "ready": false,
            "restartCount": 1, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 137}}})
    }

    fn created() -> Value {
        json!({"name": "node", "image": "", "imageID": "", "ready": false,
            "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}})
    }

    #[test]
    fn a_pod_that_runs_has_an_address_and_no_end() {
        let view = Story::default().see(Some(pod("u", &running("c"))));
        assert_eq!(view.phase, PodPhase::Running);
        assert_eq!(view.uid, PodUid("u".to_owned()));
        let address = view.address.unwrap();
        assert_eq!(address.to_string(), "10.0.0.1:6379@16379");
        assert_eq!((view.ended, view.host.as_deref()), (None, Some("m")));
    }

    #[test]
    fn the_memory_limit_is_what_the_container_has_not_what_it_will_get() {
        let mut asking = pod("u", &created());
        assert_eq!(
            Story::default().see(Some(asking.clone())).memory_limit,
            None
        );
        let limits = |memory: &str| json!({"limits": {"memory": memory}});
        asking["spec"]["containers"] = json!([
            {"name": "sidecar", "resources": limits("1Mi")},
            {"name": "node", "resources": limits("2Gi")},
        ]);
        let view = Story::default().see(Some(asking.clone()));
        assert_eq!(view.memory_limit, Some(2 << 30));
        asking["status"]["containerStatuses"][0]["resources"] = limits("1Gi");
        let view = Story::default().see(Some(asking));
        assert_eq!(view.memory_limit, Some(1 << 30));
    }

    #[test]
    fn every_end_of_a_container_is_one_of_its_own() {
        let mut story = Story::default();
        story.see(Some(pod("u", &running("c1"))));
        let first = story.see(Some(pod("u", &crashed("c1"))));
        assert_eq!(first.phase, PodPhase::Terminated);
        let end = first.ended.unwrap();
        assert_eq!((end.at, end.proof), (Moment(2), Proof::Terminated));
        let same = story.see(Some(pod("u", &crashed("c1"))));
        assert_eq!(same.ended, Some(end));
        // It ran again in between, unobserved.
        let second = story.see(Some(pod("u", &crashed("c2"))));
        assert_eq!(second.ended.unwrap().at, Moment(4));
        assert_eq!(story.see(Some(pod("u", &running("c3")))).ended, None);
    }

    #[test]
    fn a_pod_that_is_gone_from_a_ready_machine_has_ended() {
        let mut story = Story::default();
        story.see(Some(pod("u", &running("c"))));
        let gone = story.see(None);
        assert_eq!(gone.phase, PodPhase::Missing);
        assert_eq!(gone.ended.as_ref().unwrap().proof, Proof::PodGone);
        // Its successor has not started a process yet.
        let next = story.see(Some(pod("v", &created())));
        assert_eq!((next.phase, next.ended), (PodPhase::Pending, gone.ended));
        assert_eq!(story.see(Some(pod("v", &running("c")))).ended, None);
    }

    #[test]
    fn a_successor_that_was_seen_first_proves_the_end_as_well() {
        let mut story = Story::default();
        story.see(Some(pod("u", &running("c"))));
        let next = story.see(Some(pod("v", &created())));
        let end = next.ended.unwrap();
        assert_eq!((end.uid.0.as_str(), end.proof), ("u", Proof::PodGone));
    }

    #[test]
    fn a_machine_that_nobody_reaches_proves_nothing() {
        let mut story = Story::default();
        story.see(Some(pod("u", &running("c"))));
        story.unreachable = true;
        let lost = story.see(Some(pod("u", &running("c"))));
        assert_eq!((lost.phase, lost.ended), (PodPhase::Unknown, None));
        assert_eq!(story.see(None).ended, None);
        // Once the host is back without the pod, the end is proven.
        story.unreachable = false;
        assert_eq!(story.see(None).ended.unwrap().proof, Proof::PodGone);
    }

    #[test]
    fn a_pod_that_never_started_leaves_no_end() {
        let mut story = Story::default();
        assert_eq!(
            story.see(Some(pod("u", &created()))).phase,
            PodPhase::Pending
        );
        assert_eq!(story.see(None).ended, None);
    }

    #[test]
    fn a_pod_that_is_being_deleted_still_runs() {
        let mut leaving = pod("u", &running("c"));
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let view = Story::default().see(Some(leaving));
        assert_eq!(view.phase, PodPhase::Deleting);
    }
}
