//! Keeps the processes of all pods running, as a kubelet does, independent of the planner.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::backoff::Backoff;
use super::layout::Layout;
use super::process::{Process, ProcessId, find};
use super::state::State;
use crate::model::{PodIndex, PodPhase, PodUid, ProcessEnd, Proof};
use crate::text;
use crate::wall_clock::now;

/// How long a node may take to stop: its `shutdown-timeout`, the hand-over, and a margin.
pub const GRACE: Duration = Duration::from_secs(30);

/// A process that ended within this time has failed to start.
const SHORT: Duration = Duration::from_secs(3);

/// Prints one line for people about what happens.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// The pods of one cluster on this machine.
pub struct Supervisor {
    shared: Arc<Shared>,
    running: Mutex<BTreeMap<PodIndex, Running>>,
}

struct Shared {
    layout: Layout,
    binary: PathBuf,
    wake: Arc<Notify>,
    tell: Tell,
    state: Mutex<State>,
    pods: Mutex<BTreeMap<PodIndex, PodProcess>>,
}

/// What is known of the process of a pod.
#[derive(Clone, Debug, Default)]
pub struct PodProcess {
    /// The present incarnation, or the last one.
    pub uid: PodUid,
    /// Its phase.
    pub phase: PodPhase,
    /// Its proven end.
    pub ended: Option<ProcessEnd>,
}

struct Running {
    stop: watch::Sender<Stop>,
    task: JoinHandle<Option<Process>>,
}

/// An order to a supervised pod.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Not,
    /// End the process and stop supervising.
    End,
    /// Stop supervising and leave the process running.
    Leave,
}

impl Supervisor {
    /// A supervisor without pods. `state` is the record of an earlier run.
    pub fn new(
        layout: Layout,
        binary: PathBuf,
        state: State,
        wake: Arc<Notify>,
        tell: Tell,
    ) -> Supervisor {
        Supervisor {
            shared: Arc::new(Shared {
                layout,
                binary,
                wake,
                tell,
                state: Mutex::new(state),
                pods: Mutex::default(),
            }),
            running: Mutex::default(),
        }
    }

    /// Where the pods are.
    pub fn layout(&self) -> &Layout {
        &self.shared.layout
    }

    /// Reads or changes the record; a change is written to disk.
    pub fn record<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.record(change)
    }

    /// The state of every supervised pod.
    pub fn pods(&self) -> BTreeMap<PodIndex, PodProcess> {
        lock(&self.shared.pods).clone()
    }

    /// The process of a pod from an earlier run, if it still runs.
    pub fn left_over(&self, index: PodIndex) -> Option<ProcessId> {
        let recorded = self.record(|state| state.pods.get(&index.to_string())?.process);
        let runs = recorded.filter(|process| process.runs());
        // A run that was killed right after it started a node did not record it.
        runs.or_else(|| find(&self.layout().config_file(index)))
    }

    /// Supervises a pod from now on: adopts its process from an earlier run, or starts one.
    pub fn keep(&self, index: PodIndex) {
        let mut running = lock(&self.running);
        if running.contains_key(&index) {
            return;
        }
        let adopted = self.left_over(index).and_then(|id| Process::adopt(id).ok());
        let shared = self.shared.clone();
        shared.begin(index, adopted.as_ref());
        let (stop, stopped) = watch::channel(Stop::Not);
        let task = tokio::spawn(async move { shared.supervise(index, adopted, stopped).await });
        running.insert(index, Running { stop, task });
    }

    /// Whether a pod is supervised.
    pub fn keeps(&self, index: PodIndex) -> bool {
        lock(&self.running).contains_key(&index)
    }

    /// Ends the process of a pod and stops supervising it; `then` runs after it has ended. Does not
    /// wait.
    pub fn remove(self: &Arc<Supervisor>, index: PodIndex, then: impl FnOnce() + Send + 'static) {
        let Some(running) = lock(&self.running).get(&index).map(|r| r.stop.clone()) else {
            return;
        };
        running.send_replace(Stop::End);
        let this = self.clone();
        tokio::spawn(async move {
            let removed = lock(&this.running).remove(&index);
            if let Some(removed) = removed {
                let _ = removed.task.await;
            }
            lock(&this.shared.pods).remove(&index);
            this.record(|state| state.pods.remove(&index.to_string()));
            then();
            this.shared.wake.notify_one();
        });
    }

    /// Stops supervising all pods and returns the running processes.
    pub async fn release(&self) -> BTreeMap<PodIndex, Process> {
        let running = std::mem::take(&mut *lock(&self.running));
        for pod in running.values() {
            pod.stop.send_replace(Stop::Leave);
        }
        let mut processes = BTreeMap::new();
        for (index, pod) in running {
            if let Ok(Some(process)) = pod.task.await {
                processes.insert(index, process);
            }
        }
        processes
    }
}

impl Shared {
    fn record<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = lock(&self.state);
        let before = state.clone();
        let result = change(&mut state);
        if *state != before
            && let Err(error) = state.save(&self.layout.dir)
        {
            (self.tell)(&error.to_string());
        }
        result
    }

    /// Notes the state of a pod when its supervision begins.
    fn begin(&self, index: PodIndex, adopted: Option<&Process>) {
        let (uid, had) = self.record(|state| {
            let pod = state.pod(index);
            let had = pod.process.is_some();
            pod.process = adopted.map(|process| process.id);
            (pod.uid(), had)
        });
        let phase = match (adopted, had) {
            (Some(_), _) => PodPhase::Running,
            (None, true) => PodPhase::Terminated,
            (None, false) => PodPhase::Pending,
        };
        let ended = (phase == PodPhase::Terminated).then(|| end_of(&uid));
        lock(&self.pods).insert(index, PodProcess { uid, phase, ended });
        if let Some(process) = adopted {
            let pod = self.layout.pod(index);
            (self.tell)(&format!(
                "{pod} already runs as process {}: adopted",
                process.id.pid
            ));
        }
    }

    async fn supervise(
        &self,
        index: PodIndex,
        adopted: Option<Process>,
        mut stop: watch::Receiver<Stop>,
    ) -> Option<Process> {
        let mut backoff = Backoff::default();
        let mut next = adopted;
        loop {
            let since = Instant::now();
            let how = match next.take().map_or_else(|| self.start(index), Ok) {
                Ok(mut process) => tokio::select! {
                    how = process.wait() => how,
                    stop = told(&mut stop) => {
                        if stop == Stop::Leave {
                            return Some(process);
                        }
                        self.change(index, |pod| pod.phase = PodPhase::Deleting);
                        process.end(GRACE).await;
                        self.ended(index);
                        return None;
                    }
                },
                Err(error) => format!("cannot be started: {error}"),
            };
            self.ended(index);
            let wait = backoff.wait(since.elapsed());
            self.say_ended(index, &how, since.elapsed(), wait);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = told(&mut stop) => return None,
            }
        }
    }

    /// Starts the next incarnation of a pod. Its number is on disk before its process exists.
    fn start(&self, index: PodIndex) -> std::io::Result<Process> {
        let uid = self.record(|state| {
            let pod = state.pod(index);
            pod.incarnation += 1;
            pod.process = None;
            pod.restart_for.clear();
            pod.uid()
        });
        let dir = self.layout.pod_dir(index);
        fs::create_dir_all(&dir)?;
        let config = self.layout.config_file(index);
        let process = Process::start(&self.binary, &config, &self.layout.log_file(index))?;
        self.record(|state| state.pod(index).process = Some(process.id));
        self.change(index, |pod| {
            *pod = PodProcess {
                uid,
                phase: PodPhase::Running,
                ended: None,
            };
        });
        Ok(process)
    }

    fn ended(&self, index: PodIndex) {
        self.record(|state| state.pod(index).process = None);
        self.change(index, |pod| {
            pod.phase = PodPhase::Terminated;
            pod.ended = Some(end_of(&pod.uid));
        });
    }

    fn say_ended(&self, index: PodIndex, how: &str, ran: Duration, wait: Duration) {
        let pod = self.layout.pod(index);
        let when = match wait.as_secs() {
            0 => "restarting it".to_owned(),
            seconds => format!("restarting it in {seconds} s"),
        };
        (self.tell)(&format!("{pod}: its process has ended ({how}); {when}"));
        // A process that fails to start logs the reason.
        if ran < SHORT
            && let Some(line) = last_line(&self.layout.log_file(index))
        {
            (self.tell)(&format!("{pod}: {line}"));
        }
    }

    /// Changes the state of a pod and wakes the operator.
    fn change(&self, index: PodIndex, change: impl FnOnce(&mut PodProcess)) {
        change(lock(&self.pods).entry(index).or_default());
        self.wake.notify_one();
    }
}

/// The last line of a file, if it has one.
fn last_line(file: &Path) -> Option<String> {
    let bytes = fs::read(file).ok()?;
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(4096)..]).into_owned();
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    Some(text::line(line.trim()))
}

fn end_of(uid: &PodUid) -> ProcessEnd {
    ProcessEnd {
        uid: uid.clone(),
        at: now(),
        proof: Proof::Terminated,
    }
}

/// Waits for an order. If the supervisor is gone, the process is left running.
async fn told(stop: &mut watch::Receiver<Stop>) -> Stop {
    match stop.wait_for(|stop| *stop != Stop::Not).await {
        Ok(stop) => *stop,
        Err(_) => Stop::Leave,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
