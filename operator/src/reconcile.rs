//! watch -> observe -> plan -> act -> report, once for all platforms.

use std::sync::Arc;
use std::time::Duration;

use slotkeeper_crds::{RedisCluster, RedisClusterStatus};
use tokio::sync::Notify;

use crate::act::Actor;
use crate::links::{Links, Network, Tcp};
use crate::model::{Desired, Memory, Observation, Outcome, Plan, PlannedStep, Seen, StepOutcome};
use crate::observe::observe;
use crate::planner::plan;
use crate::platform::{Platform, PlatformError, Survey};
use crate::report::{Report, report};

/// The interval of passes over a converged cluster.
const TICK: Duration = Duration::from_secs(1);
/// The interval of passes over a cluster that is not Ready.
const BUSY_TICK: Duration = Duration::from_millis(200);
/// The delay of the next pass after a step.
const STEP_TICK: Duration = Duration::from_millis(50);

/// The minimum time between two passes.
const BREATH: Duration = Duration::from_millis(10);

/// Keeps one cluster in the state of its manifest.
pub struct Reconciler<P, N = Tcp> {
    platform: P,
    links: Links<N>,
    seen: Seen,
    stored: Option<Memory>,
    /// The last published status.
    status: Option<RedisClusterStatus>,
    /// The last reported status, published or not.
    told: Option<RedisClusterStatus>,
    reported: bool,
    wake: Arc<Notify>,
}

/// Is notified of what happens in a pass.
pub trait Progress {
    /// The plan is made, and no step of it is sent yet.
    fn planned(&mut self, _observation: &Observation, _plan: &Plan) {}
    /// The report is made, and not published yet.
    fn assessed(&mut self, _report: &Report) {}
    /// A step was performed.
    fn acted(&mut self, step: &PlannedStep, outcome: &StepOutcome);
    /// The status has changed, or this is the first pass.
    fn reported(&mut self, before: Option<&RedisClusterStatus>, after: &RedisClusterStatus);
}

impl<P: Platform> Reconciler<P> {
    /// `status` is the last published status, `memory` the last stored memory, if known. Without a
    /// memory, the status provides what it can. `wake` starts a pass at once.
    pub fn new(
        platform: P,
        status: Option<RedisClusterStatus>,
        memory: Option<Memory>,
        wake: Arc<Notify>,
    ) -> Self {
        Reconciler::over(Tcp, platform, status, memory, wake)
    }
}

impl<P: Platform, N: Network> Reconciler<P, N> {
    /// As [`Reconciler::new`], over that network.
    pub fn over(
        network: N,
        platform: P,
        status: Option<RedisClusterStatus>,
        memory: Option<Memory>,
        wake: Arc<Notify>,
    ) -> Self {
        let seen = match (memory, &status) {
            (Some(memory), _) => Seen::from(memory),
            (None, Some(status)) => Seen::from_status(status),
            (None, None) => Seen::default(),
        };
        Reconciler {
            platform,
            links: Links::over(network, wake.clone()),
            seen,
            // Written once more under this leader's term, so that no late write of an earlier
            // operator replaces it.
            stored: None,
            told: status.clone(),
            status,
            reported: false,
            wake,
        }
    }

    /// The platform.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// The last published status.
    pub fn status(&self) -> Option<&RedisClusterStatus> {
        self.status.as_ref()
    }

    /// Runs one pass. Returns how long the next one may wait.
    ///
    /// # Errors When the platform cannot be surveyed, or refuses the status.
    pub async fn pass(
        &mut self,
        cluster: &RedisCluster,
        progress: &mut impl Progress,
    ) -> Result<Duration, PlatformError> {
        let cluster = &self.platform.as_created(cluster);
        let desired = Desired::from(cluster);
        let survey = self.platform.survey(cluster).await?;
        let observation = observe(&survey, &self.links, &mut self.seen).await;
        let mut plan = plan(&desired, &observation);
        self.seen.intend(&plan, self.links.now());
        // Its error is returned later: only a vote that no later operator would know of waits for
        // the store.
        let stored = self.remember().await;
        if stored.is_err() {
            self.seen.withdraw(&plan.hold_unstored(&observation));
        }
        progress.planned(&observation, &plan);
        let outcome = self.act(cluster, &survey, &plan, progress).await;
        self.seen.learn(&outcome, self.links.now());
        let report = report(&desired, &observation, &plan, &outcome);
        progress.assessed(&report);
        let now = self.links.now();
        let status = report.status(self.told.as_ref(), self.platform.selector(), now);
        // One late answer does not change the status; the next pass decides.
        let was_ready = self.status.as_ref().is_some_and(is_ready);
        if !(report.is_passing && was_ready && !is_ready(&status)) {
            self.publish(status, progress).await?;
        }
        stored?;
        Ok(self.pause(&plan))
    }

    async fn remember(&mut self) -> Result<(), PlatformError> {
        let memory = Memory::from(&self.seen);
        if self.stored.as_ref() != Some(&memory) {
            // Until it is confirmed, the store has the old memory or this one.
            self.stored = None;
            self.platform.remember(&memory).await?;
            self.stored = Some(memory);
        }
        Ok(())
    }

    /// Waits for the next pass: this long, or until something changes.
    pub async fn wait(&self, most: Duration) {
        tokio::time::sleep(BREATH).await;
        let _ = tokio::time::timeout(most, self.wake.notified()).await;
    }

    async fn act(
        &self,
        cluster: &RedisCluster,
        survey: &Survey,
        plan: &Plan,
        progress: &mut impl Progress,
    ) -> Outcome {
        let actor = Actor {
            platform: &self.platform,
            links: &self.links,
            cluster,
            survey,
        };
        let mut outcome = Outcome::default();
        for planned in &plan.steps {
            let step = &planned.step;
            let result = match self.seen.try_until(step) {
                Some(until) => actor.act_until(step, until).await,
                None => actor.act(step).await,
            };
            progress.acted(planned, &result);
            outcome.results.push((planned.clone(), result));
        }
        outcome
    }

    async fn publish(
        &mut self,
        status: RedisClusterStatus,
        progress: &mut impl Progress,
    ) -> Result<(), PlatformError> {
        let news = |known: &Option<RedisClusterStatus>| {
            (known.as_ref()).is_none_or(|known| steady(known) != steady(&status))
        };
        let (changed, untold) = (news(&self.status), news(&self.told));
        if untold || !self.reported {
            progress.reported(self.told.as_ref(), &status);
            self.told = Some(status.clone());
            self.reported = true;
        }
        if !changed {
            return Ok(());
        }
        self.platform.publish(&status).await?;
        self.status = Some(status);
        Ok(())
    }

    fn pause(&self, plan: &Plan) -> Duration {
        if !plan.steps.is_empty() {
            return STEP_TICK;
        }
        let ready = self.status.as_ref().is_some_and(is_ready);
        let tick = if ready { TICK } else { BUSY_TICK };
        let due = plan
            .next_pass()
            .map(|due| Duration::from_millis(due.since(self.links.now())));
        due.map_or(tick, |due| tick.min(due.max(STEP_TICK)))
    }
}

/// Whether the status says Ready.
#[must_use]
pub fn is_ready(status: &RedisClusterStatus) -> bool {
    status
        .conditions
        .iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The status without what changes all the time: an offset alone is no reason to write.
fn steady(status: &RedisClusterStatus) -> RedisClusterStatus {
    let mut status = status.clone();
    for shard in &mut status.shards {
        for member in shard.master.iter_mut().chain(&mut shard.replicas) {
            member.offset = None;
        }
    }
    status
}
