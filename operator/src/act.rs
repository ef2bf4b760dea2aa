//! Performs one step, one match arm per kind of step. It decides nothing; it only verifies that the
//! step reaches the intended node.

use std::time::Duration;

use futures::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value, cmd};
use slotkeeper_crds::RedisCluster;
use slotkeeper_topology::{Epoch, NodeId, NodeLine, SlotSet, parse_nodes};

use crate::links::{DEADLINE, Links, Network, Tcp};
use crate::model::{Address, FailoverMode, Moment, PodIndex, Step, StepOutcome, Target};
use crate::platform::{Platform, PlatformError, Survey};

/// What steps are performed with.
pub struct Actor<'a, P, N = Tcp> {
    /// The platform.
    pub platform: &'a P,
    /// The connections to the nodes.
    pub links: &'a Links<N>,
    /// The manifest.
    pub cluster: &'a RedisCluster,
    /// The survey of this pass: where the nodes are.
    pub survey: &'a Survey,
}

/// The outcome of a step that ended early is its error.
type Tried<T> = Result<T, StepOutcome>;

/// How many times BUMPEPOCH is sent before the step counts as failed.
const BUMPS_MOST: usize = 16;

/// The role that a node must have when the step reaches it.
#[derive(Clone, Copy)]
enum Expect {
    Any,
    Master,
    ReplicaOf(NodeId),
}

impl<P: Platform, N: Network> Actor<'_, P, N> {
    /// Performs the step.
    pub async fn act(&self, step: &Step) -> StepOutcome {
        match self.try_act(step).await {
            Ok(()) => StepOutcome::Done,
            Err(outcome) => outcome.map_reason(|why| self.links.line(why)),
        }
    }

    /// Performs the step; after that moment, it is given up.
    pub async fn act_until(&self, step: &Step, until: Moment) -> StepOutcome {
        let left_ms = until.since(self.links.now());
        if left_ms == 0 {
            return no_answer();
        }
        let acted = tokio::time::timeout(Duration::from_millis(left_ms), self.act(step)).await;
        acted.unwrap_or_else(|_| no_answer())
    }

    async fn try_act(&self, step: &Step) -> Tried<()> {
        match step {
            Step::EnsureCommon => platform(self.platform.ensure_common(self.cluster).await),
            Step::EnsureShard { shard, pods } => platform(
                self.platform
                    .ensure_shard(self.cluster, *shard, *pods)
                    .await,
            ),
            Step::RemoveShard { shard } => platform(self.platform.remove_shard(*shard).await),
            Step::AddSlots { node, slots } => {
                self.send_to(node, Expect::Master, &add_slots(slots)).await
            }
            Step::SetConfigEpoch { node, epoch } => {
                let command = cluster(&["SET-CONFIG-EPOCH", &epoch.to_string()]);
                self.send_to(node, Expect::Master, &command).await
            }
            Step::Meet {
                node,
                peer,
                address,
            } => self.meet(node, peer, address).await,
            Step::Forget { id, nodes } => self.forget(*id, nodes).await,
            Step::ResetSoft { node } => self.reset_soft(node).await,
            Step::BumpEpoch { node, above } => self.bump_epoch(node, *above).await,
            Step::Replicate { node, master } => {
                let command = cluster(&["REPLICATE", master.as_str()]);
                self.send_to(node, Expect::Any, &command).await
            }
            Step::Failover {
                node,
                mode,
                master,
                epoch,
            } => {
                let command = failover(*mode, *master, *epoch);
                let told = self
                    .send_to(node, Expect::ReplicaOf(*master), &command)
                    .await;
                let Err(StepOutcome::Refused(why)) = told else {
                    return told;
                };
                // It has become the master since it was asked: the old master handed over by itself.
                let handed_over =
                    self.now_lists(node, |line| line.flags.myself && line.flags.master);
                match handed_over.await {
                    Ok(true) => Err(StepOutcome::NotSent(why)),
                    _ => Err(StepOutcome::Refused(why)),
                }
            }
            Step::EndWithholding { node, run_id } => {
                let mut command = cmd("SLOTKEEPER");
                command.arg("SERVE").arg(run_id);
                self.send_to(node, Expect::Any, &command).await
            }
        }
    }

    /// Verifies the target and sends it one command.
    async fn send_to(&self, node: &Target, expect: Expect, command: &Cmd) -> Tried<()> {
        let (mut link, _) = self.verified(node, expect).await?;
        link.send::<Value>(command).await.map(drop)
    }

    async fn meet(&self, node: &Target, peer: &Target, address: &Address) -> Tried<()> {
        self.verified_at(peer, address, Expect::Any).await?;
        let command = cluster(&[
            "MEET",
            &address.ip,
            &address.port.to_string(),
            &address.bus_port.to_string(),
        ]);
        self.send_to(node, Expect::Any, &command).await
    }

    /// Sends it to all nodes at the same time; the first failure counts.
    async fn forget(&self, id: NodeId, nodes: &[Target]) -> Tried<()> {
        let command = cluster(&["FORGET", id.as_str()]);
        let telling = nodes.iter().map(|node| async {
            let told = self.send_to(node, Expect::Any, &command).await;
            let Err(StepOutcome::Refused(why)) = told else {
                return told;
            };
            // A node that does not know the id has nothing to forget.
            match self.now_lists(node, |line| line.id == id).await {
                Ok(false) => Ok(()),
                _ => Err(StepOutcome::Refused(why)),
            }
        });
        join_all(telling).await.into_iter().collect()
    }

    /// Whether the node has such a line in its CLUSTER NODES now. Called after a refusal, which may
    /// mean that nothing is left to do. The texts of refusals differ between servers, so the state
    /// decides.
    async fn now_lists(&self, node: &Target, such: impl Fn(&NodeLine) -> bool) -> Tried<bool> {
        let (mut link, _) = self.verified(node, Expect::Any).await?;
        Ok(link.nodes().await?.iter().any(such))
    }

    async fn reset_soft(&self, node: &Target) -> Tried<()> {
        let (mut link, line) = self.verified(node, Expect::Any).await?;
        if !line.flags.slave {
            return Err(not_sent("it is not a replica"));
        }
        let keys: u64 = link.send(&cmd("DBSIZE")).await.map_err(unsent)?;
        if keys > 0 {
            return Err(not_sent(&format!("it holds {keys} keys")));
        }
        let command = cluster(&["RESET", "SOFT"]);
        link.send::<Value>(&command).await.map(drop)
    }

    async fn bump_epoch(&self, node: &Target, above: Epoch) -> Tried<()> {
        let (mut link, line) = self.verified(node, Expect::Master).await?;
        let mut epoch = line.config_epoch;
        for _ in 0..BUMPS_MOST {
            if epoch > above {
                return Ok(());
            }
            let reply: String = link.send(&cluster(&["BUMPEPOCH"])).await?;
            let number = reply
                .split_whitespace()
                .last()
                .and_then(|word| word.parse().ok());
            epoch = Epoch(number.ok_or_else(|| {
                StepOutcome::Refused(format!("CLUSTER BUMPEPOCH answered {reply:?}"))
            })?);
        }
        Err(StepOutcome::Refused(format!(
            "its epoch stays at {epoch}, not above {above}"
        )))
    }

    /// A connection to the target, on which the node has just confirmed its id and role.
    async fn verified(&self, node: &Target, expect: Expect) -> Tried<(Verified<'_, N>, NodeLine)> {
        let pod = self.survey.pods.get(&node.pod);
        let Some(address) = pod.and_then(|pod| pod.address.as_ref()) else {
            return Err(not_sent("its address is not known"));
        };
        self.verified_at(node, address, expect).await
    }

    async fn verified_at(
        &self,
        node: &Target,
        address: &Address,
        expect: Expect,
    ) -> Tried<(Verified<'_, N>, NodeLine)> {
        if self.platform.pod_uid(node.pod).await.as_ref() != Some(&node.uid) {
            return Err(not_sent("the pod has been replaced"));
        }
        let connected = self.links.get(node.pod, address).await;
        let mut link = Verified {
            links: self.links,
            pod: node.pod,
            connection: connected.map_err(|why| not_sent(&why.to_string()))?,
        };
        let lines = link.nodes().await?;
        let line = lines.into_iter().find(|line| line.flags.myself);
        let line = line.ok_or_else(|| not_sent("CLUSTER NODES has no line of the node itself"))?;
        if line.id != node.id {
            return Err(not_sent(&format!("{} answers as {}", node.pod, line.id)));
        }
        expect.check(&line, node.pod)?;
        Ok((link, line))
    }
}

impl Expect {
    fn check(self, line: &NodeLine, index: PodIndex) -> Tried<()> {
        match self {
            Expect::Any => Ok(()),
            Expect::Master if line.flags.master => Ok(()),
            Expect::Master => Err(not_sent(&format!("{index} is not a master"))),
            Expect::ReplicaOf(master) if line.flags.slave && line.master == Some(master) => Ok(()),
            Expect::ReplicaOf(master) => {
                Err(not_sent(&format!("{index} is not a replica of {master}")))
            }
        }
    }
}

/// A connection to the node that is meant.
struct Verified<'a, N: Network> {
    links: &'a Links<N>,
    pod: PodIndex,
    connection: MultiplexedConnection,
}

impl<N: Network> Verified<'_, N> {
    /// What the node lists in its CLUSTER NODES.
    async fn nodes(&mut self) -> Tried<Vec<NodeLine>> {
        let text: String = self.send(&cluster(&["NODES"])).await.map_err(unsent)?;
        parse_nodes(&text).map_err(|error| not_sent(&error.to_string()))
    }

    async fn send<T: redis::FromRedisValue>(&mut self, command: &Cmd) -> Tried<T> {
        let mut pending = Pending {
            links: self.links,
            pod: self.pod,
            answered: false,
        };
        let asking = command.query_async(&mut self.connection);
        let outcome = match tokio::time::timeout(DEADLINE, asking).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(failed(&error)),
            Err(_) => Err(no_answer()),
        };
        pending.answered = !matches!(outcome, Err(StepOutcome::Unknown(_)));
        outcome
    }
}

/// A request under way. If it is given up, for whatever reason, its connection is closed: it must
/// not arrive when nobody expects it any more.
struct Pending<'a, N: Network> {
    links: &'a Links<N>,
    pod: PodIndex,
    answered: bool,
}

impl<N: Network> Drop for Pending<'_, N> {
    fn drop(&mut self) {
        if !self.answered {
            self.links.drop_link(self.pod);
        }
    }
}

fn no_answer() -> StepOutcome {
    StepOutcome::Unknown("no answer in time".to_owned())
}

/// Only what the node says itself is a refusal.
fn failed(error: &RedisError) -> StepOutcome {
    match error.code() {
        Some(_) => StepOutcome::Refused(said(error)),
        None => StepOutcome::Unknown(error.to_string()),
    }
}

/// The error text of the node, without the code ERR.
fn said(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (None | Some("ERR"), Some(detail)) => detail.to_owned(),
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

/// The outcome of a step whose query failed before its command was sent.
fn unsent(outcome: StepOutcome) -> StepOutcome {
    match outcome {
        StepOutcome::Unknown(why) | StepOutcome::Refused(why) => StepOutcome::NotSent(why),
        other => other,
    }
}

fn not_sent(why: &str) -> StepOutcome {
    StepOutcome::NotSent(why.to_owned())
}

fn platform(result: Result<(), PlatformError>) -> Tried<()> {
    result.map_err(|error| match error {
        PlatformError::Refused(why) => StepOutcome::Refused(why),
        PlatformError::Unknown(why) => StepOutcome::Unknown(why),
    })
}

fn cluster(words: &[&str]) -> Cmd {
    let mut command = cmd("CLUSTER");
    command.arg(words);
    command
}

fn add_slots(slots: &SlotSet) -> Cmd {
    let mut command = cluster(&["ADDSLOTSRANGE"]);
    for range in slots.ranges() {
        command.arg(range.start().get()).arg(range.end().get());
    }
    command
}

/// CLUSTER FAILOVER, or our own command, which binds it to a master and an epoch.
fn failover(mode: FailoverMode, master: NodeId, epoch: Option<Epoch>) -> Cmd {
    let how = match mode {
        FailoverMode::Plain => return cluster(&["FAILOVER"]),
        FailoverMode::Force => "FORCE",
        FailoverMode::Takeover => "TAKEOVER",
    };
    let Some(epoch) = epoch else {
        return cluster(&["FAILOVER", how]);
    };
    let mut command = cmd("SLOTKEEPER");
    command.arg(&["FAILOVER", how, master.as_str(), &epoch.to_string()]);
    command
}
