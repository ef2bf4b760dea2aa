//! Keeps the processes of all pods running, as a kubelet does: whatever the planner thinks.

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
use crate::model::{Phase, Place, PodUid, ProcessEnd, Proof};
use crate::observe::now;
use crate::text;

/// How long a node may take to end by itself: its `shutdown-timeout` with the hand-over, and some.
pub const GRACE: Duration = Duration::from_secs(30);

/// A process that ended earlier has not done anything useful.
const SHORT: Duration = Duration::from_secs(3);

/// Says one line about what happens, for people.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// The pods of one cluster on this machine.
pub struct Supervisor {
    shared: Arc<Shared>,
    running: Mutex<BTreeMap<Place, Running>>,
}

struct Shared {
    layout: Layout,
    binary: PathBuf,
    wake: Arc<Notify>,
    tell: Tell,
    state: Mutex<State>,
    lives: Mutex<BTreeMap<Place, Life>>,
}

/// What is known of the process of a pod.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// The present one, or the last.
    pub uid: PodUid,
    /// How it is.
    pub phase: Phase,
    /// Its proven end.
    pub ended: Option<ProcessEnd>,
}

struct Running {
    stop: watch::Sender<Stop>,
    task: JoinHandle<Option<Process>>,
}

/// What a supervisor is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Not,
    /// End the process, and be done.
    End,
    /// Let go of the process as it is.
    Leave,
}

impl Supervisor {
    /// Supervises nothing yet. `state` is the record of an earlier run.
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
                lives: Mutex::default(),
            }),
            running: Mutex::default(),
        }
    }

    /// Where the pods are.
    pub fn layout(&self) -> &Layout {
        &self.shared.layout
    }

    /// The record, to be read or changed; it is written to disk afterwards.
    pub fn record<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.record(change)
    }

    /// What is known of every supervised pod.
    pub fn lives(&self) -> BTreeMap<Place, Life> {
        lock(&self.shared.lives).clone()
    }

    /// The process of a pod that an earlier run has left, if it still runs.
    pub fn left_over(&self, place: Place) -> Option<ProcessId> {
        let recorded = self.record(|state| state.pods.get(&place.to_string())?.process);
        let runs = recorded.filter(|process| process.runs());
        // A run that was killed right after it had started a node has no record of it.
        runs.or_else(|| find(&self.layout().config_file(place)))
    }

    /// Supervises a pod from now on: takes over its left over process, or starts one.
    pub fn keep(&self, place: Place) {
        let mut running = lock(&self.running);
        if running.contains_key(&place) {
            return;
        }
        let adopted = self.left_over(place).and_then(|id| Process::adopt(id).ok());
        let shared = self.shared.clone();
        shared.born(place, adopted.as_ref());
        let (stop, stopped) = watch::channel(Stop::Not);
        let task = tokio::spawn(async move { shared.supervise(place, adopted, stopped).await });
        running.insert(place, Running { stop, task });
    }

    /// Whether a pod is supervised.
    pub fn keeps(&self, place: Place) -> bool {
        lock(&self.running).contains_key(&place)
    }

    /// Ends the process of a pod and supervises it no longer; `then` runs when it has ended. The
    /// caller does not wait.
    pub fn remove(self: &Arc<Supervisor>, place: Place, then: impl FnOnce() + Send + 'static) {
        let Some(running) = lock(&self.running).get(&place).map(|r| r.stop.clone()) else {
            return;
        };
        running.send_replace(Stop::End);
        let this = self.clone();
        tokio::spawn(async move {
            let removed = lock(&this.running).remove(&place);
            if let Some(removed) = removed {
                let _ = removed.task.await;
            }
            lock(&this.shared.lives).remove(&place);
            this.record(|state| state.pods.remove(&place.to_string()));
            then();
            this.shared.wake.notify_one();
        });
    }

    /// Supervises nothing any longer and hands out what runs.
    pub async fn let_go(&self) -> BTreeMap<Place, Process> {
        let running = std::mem::take(&mut *lock(&self.running));
        for pod in running.values() {
            pod.stop.send_replace(Stop::Leave);
        }
        let mut processes = BTreeMap::new();
        for (place, pod) in running {
            if let Ok(Some(process)) = pod.task.await {
                processes.insert(place, process);
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
            (self.tell)(&format!("cannot write the record of processes: {error}"));
        }
        result
    }

    /// Notes how a pod is when its supervision begins.
    fn born(&self, place: Place, adopted: Option<&Process>) {
        let (uid, had) = self.record(|state| {
            let pod = state.pod(place);
            let had = pod.process.is_some();
            pod.process = adopted.map(|process| process.id);
            (pod.uid(), had)
        });
        let phase = match (adopted, had) {
            (Some(_), _) => Phase::Running,
            (None, true) => Phase::Terminated,
            (None, false) => Phase::Pending,
        };
        let ended = (phase == Phase::Terminated).then(|| end_of(&uid));
        lock(&self.lives).insert(place, Life { uid, phase, ended });
        if let Some(process) = adopted {
            let pod = self.layout.pod(place);
            (self.tell)(&format!(
                "{pod} runs already as process {}: adopted",
                process.id.pid
            ));
        }
    }

    async fn supervise(
        &self,
        place: Place,
        adopted: Option<Process>,
        mut stop: watch::Receiver<Stop>,
    ) -> Option<Process> {
        let mut backoff = Backoff::default();
        let mut next = adopted;
        loop {
            let since = Instant::now();
            let how = match next.take().map_or_else(|| self.start(place), Ok) {
                Ok(mut process) => tokio::select! {
                    how = process.wait() => how,
                    stop = told(&mut stop) => {
                        if stop == Stop::Leave {
                            return Some(process);
                        }
                        self.change(place, |life| life.phase = Phase::Deleting);
                        process.end(GRACE).await;
                        self.ended(place);
                        return None;
                    }
                },
                Err(error) => format!("cannot be started: {error}"),
            };
            self.ended(place);
            let wait = backoff.wait(since.elapsed());
            self.say_ended(place, &how, since.elapsed(), wait);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = told(&mut stop) => return None,
            }
        }
    }

    /// Starts the next life of a pod. Its number is on disk before its process is there.
    fn start(&self, place: Place) -> std::io::Result<Process> {
        let uid = self.record(|state| {
            let pod = state.pod(place);
            pod.incarnation += 1;
            pod.process = None;
            pod.restart_for.clear();
            pod.uid()
        });
        let dir = self.layout.pod_dir(place);
        fs::create_dir_all(&dir)?;
        let config = self.layout.config_file(place);
        let process = Process::start(&self.binary, &config, &self.layout.log_file(place))?;
        self.record(|state| state.pod(place).process = Some(process.id));
        self.change(place, |life| {
            *life = Life {
                uid,
                phase: Phase::Running,
                ended: None,
            };
        });
        Ok(process)
    }

    fn ended(&self, place: Place) {
        self.record(|state| state.pod(place).process = None);
        self.change(place, |life| {
            life.phase = Phase::Terminated;
            life.ended = Some(end_of(&life.uid));
        });
    }

    fn say_ended(&self, place: Place, how: &str, ran: Duration, wait: Duration) {
        let pod = self.layout.pod(place);
        let when = match wait.as_secs() {
            0 => "starting it again".to_owned(),
            seconds => format!("starting it again in {seconds} s"),
        };
        (self.tell)(&format!("{pod}: its process is gone ({how}); {when}"));
        // One that cannot even start says why.
        if ran < SHORT
            && let Some(line) = last_line(&self.layout.log_file(place))
        {
            (self.tell)(&format!("{pod}: {line}"));
        }
    }

    /// Changes what is known of a pod; the operator hears of it at once.
    fn change(&self, place: Place, change: impl FnOnce(&mut Life)) {
        change(lock(&self.lives).entry(place).or_default());
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

/// Waits for an order. A supervisor without anybody to order it leaves its process alone.
async fn told(stop: &mut watch::Receiver<Stop>) -> Stop {
    match stop.wait_for(|stop| *stop != Stop::Not).await {
        Ok(stop) => *stop,
        Err(_) => Stop::Leave,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
