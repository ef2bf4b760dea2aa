//! Pods as the planner sees them, and what proves that the process of one has ended.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};

use super::objects::{BUS_PORT, CLIENT_PORT, CONTAINER, DATA_VOLUME};
use crate::model::{Address, Moment, Phase, Place, PodUid, PodView, ProcessEnd, Proof};

/// What is remembered of the pods from one look to the next: a pod that is gone proves more to
/// those who know where it was. An empty memory is a safe start.
#[derive(Debug, Default)]
pub struct Lives {
    places: BTreeMap<Place, Life>,
}

/// The last pod that was seen in a place.
#[derive(Debug, Default)]
struct Life {
    uid: String,
    machine: Option<String>,
    /// Whether a process was ever started in it.
    started: bool,
    ended: Option<ProcessEnd>,
}

/// What a look at one place needs.
pub struct Look<'a> {
    /// The place.
    pub place: Place,
    /// What its pod is called.
    pub name: String,
    /// The hostname that its node announces.
    pub hostname: String,
    /// The pod, if there is one.
    pub pod: Option<&'a Pod>,
    /// Whether its node is to have a volume of its own.
    pub storage: bool,
}

impl Lives {
    /// The view of a place. `ready` says whether a machine is there and Ready.
    pub fn view(&mut self, look: Look<'_>, now: Moment, ready: impl Fn(&str) -> bool) -> PodView {
        let life = self.places.entry(look.place).or_default();
        let view = PodView {
            name: look.name,
            hostname: look.hostname,
            ..PodView::default()
        };
        let Some(pod) = look.pod else {
            life.close(now, ready);
            return PodView {
                ended: life.ended.clone(),
                ..view
            };
        };
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        if life.uid != uid {
            life.close(now, &ready);
            // The end of the life before stays known until a process runs in the new one.
            let ended = life.ended.take();
            *life = Life {
                ended,
                uid: uid.clone(),
                ..Life::default()
            };
        }
        life.machine = machine(pod);
        let process = process(pod);
        life.learn(&process, now);
        let phase = phase(pod, &process, life.machine.as_deref().is_some_and(ready));
        PodView {
            uid: PodUid(uid),
            phase,
            address: address(pod),
            machine: life.machine.clone(),
            ended: life.ended.clone(),
            volume_mounted: !look.storage || life.started && has_volume(pod),
            ..view
        }
    }

    /// Forgets the places that are no longer asked for.
    pub fn keep(&mut self, keep: impl Fn(Place) -> bool) {
        self.places.retain(|place, _| keep(*place));
    }
}

impl Life {
    /// The pod is gone. Where its machine is Ready, its kubelet has seen to it that the process is,
    /// too; a machine that nobody reaches proves nothing.
    fn close(&mut self, now: Moment, ready: impl Fn(&str) -> bool) {
        let machine = self.machine.as_deref();
        if self.started && self.ended.is_none() && machine.is_some_and(ready) {
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
                // Every container is a life of its own: the second end in a pod is not the first.
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

/// The node's process, as the kubelet has reported it last.
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
    let containers = status.and_then(|status| status.container_statuses.as_ref());
    let container = containers
        .into_iter()
        .flatten()
        .find(|container| container.name == CONTAINER);
    match container {
        Some(container) => of_container(container),
        // A pod reaches one of these phases when all its containers have ended.
        None => match status.and_then(|status| status.phase.as_deref()) {
            Some("Failed" | "Succeeded") => Process::Ended(""),
            _ => Process::None,
        },
    }
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
        // That of the last one that ran, as long as no other one runs.
        return Process::Ended(container.container_id.as_deref().unwrap_or_default());
    }
    Process::None
}

fn phase(pod: &Pod, process: &Process<'_>, ready: bool) -> Phase {
    match process {
        Process::None => Phase::Pending,
        Process::Ended(_) => Phase::Terminated,
        Process::Runs if !ready => Phase::Unknown,
        Process::Runs if pod.metadata.deletion_timestamp.is_some() => Phase::Deleting,
        Process::Runs => Phase::Running,
    }
}

fn machine(pod: &Pod) -> Option<String> {
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

/// A pod is started only when the volumes that it names are mounted.
fn has_volume(pod: &Pod) -> bool {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
    let mut volumes = volumes.into_iter().flatten();
    volumes.any(|volume| volume.name == DATA_VOLUME && volume.persistent_volume_claim.is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Looks at place 0-0 again and again, on machine `m`.
    #[derive(Default)]
    struct Story {
        lives: Lives,
        now: u64,
        unreachable: bool,
    }

    impl Story {
        fn look(&mut self, pod: Option<Value>) -> PodView {
            self.now += 1;
            let pod: Option<Pod> = pod.map(|pod| serde_json::from_value(pod).unwrap());
            let look = Look {
                place: Place::new(0, 0),
                name: "tour-0-0".to_owned(),
                hostname: "tour-0-0.tour-nodes".to_owned(),
                pod: pod.as_ref(),
                storage: false,
            };
            let ready = !self.unreachable;
            self.lives
                .view(look, Moment(self.now), |machine| machine == "m" && ready)
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
        let view = Story::default().look(Some(pod("u", &running("c"))));
        assert_eq!(view.phase, Phase::Running);
        assert_eq!(view.uid, PodUid("u".to_owned()));
        let address = view.address.unwrap();
        assert_eq!(address.to_string(), "10.0.0.1:6379@16379");
        assert_eq!((view.ended, view.machine.as_deref()), (None, Some("m")));
    }

    #[test]
    fn every_end_of_a_container_is_one_of_its_own() {
        let mut story = Story::default();
        story.look(Some(pod("u", &running("c1"))));
        let first = story.look(Some(pod("u", &crashed("c1"))));
        assert_eq!(first.phase, Phase::Terminated);
        let end = first.ended.unwrap();
        assert_eq!((end.at, end.proof), (Moment(2), Proof::Terminated));
        let same = story.look(Some(pod("u", &crashed("c1"))));
        assert_eq!(same.ended, Some(end));
        // It ran again in between, though nobody looked.
        let second = story.look(Some(pod("u", &crashed("c2"))));
        assert_eq!(second.ended.unwrap().at, Moment(4));
        assert_eq!(story.look(Some(pod("u", &running("c3")))).ended, None);
    }

    #[test]
    fn a_pod_that_is_gone_from_a_ready_machine_has_ended() {
        let mut story = Story::default();
        story.look(Some(pod("u", &running("c"))));
        let gone = story.look(None);
        assert_eq!(gone.phase, Phase::Missing);
        assert_eq!(gone.ended.as_ref().unwrap().proof, Proof::PodGone);
        // Its successor has not started anything yet.
        let next = story.look(Some(pod("v", &created())));
        assert_eq!((next.phase, next.ended), (Phase::Pending, gone.ended));
        assert_eq!(story.look(Some(pod("v", &running("c")))).ended, None);
    }

    #[test]
    fn a_successor_that_was_seen_first_proves_the_end_as_well() {
        let mut story = Story::default();
        story.look(Some(pod("u", &running("c"))));
        let next = story.look(Some(pod("v", &created())));
        let end = next.ended.unwrap();
        assert_eq!((end.uid.0.as_str(), end.proof), ("u", Proof::PodGone));
    }

    #[test]
    fn a_machine_that_nobody_reaches_proves_nothing() {
        let mut story = Story::default();
        story.look(Some(pod("u", &running("c"))));
        story.unreachable = true;
        let lost = story.look(Some(pod("u", &running("c"))));
        assert_eq!((lost.phase, lost.ended), (Phase::Unknown, None));
        assert_eq!(story.look(None).ended, None);
        // Once it is back without the pod, that is proven.
        story.unreachable = false;
        assert_eq!(story.look(None).ended.unwrap().proof, Proof::PodGone);
    }

    #[test]
    fn a_pod_that_never_started_leaves_no_end() {
        let mut story = Story::default();
        assert_eq!(story.look(Some(pod("u", &created()))).phase, Phase::Pending);
        assert_eq!(story.look(None).ended, None);
    }

    #[test]
    fn a_pod_that_is_being_deleted_still_runs() {
        let mut leaving = pod("u", &running("c"));
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let view = Story::default().look(Some(leaving));
        assert_eq!(view.phase, Phase::Deleting);
    }
}
