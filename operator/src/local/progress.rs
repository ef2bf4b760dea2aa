//! Prints the progress of `slotkeeper local up`.

use std::collections::BTreeMap;
use std::time::Instant;

use slotkeeper_crds::RedisClusterStatus;

use super::hints::Hints;
use super::table;
use crate::model::{PlannedStep, StepOutcome};
use crate::reconcile::{Progress, is_ready};
use crate::terminal;

/// Prints what happens, one line each, with the seconds since the start.
pub struct Printer {
    start: Instant,
    name: String,
    failed: BTreeMap<String, String>,
    ready: bool,
    since: Instant,
    /// How to go on once the cluster is Ready; printed the first time.
    hints: Option<Hints>,
}

impl Printer {
    pub fn new(name: &str, start: Instant, hints: Hints) -> Printer {
        Printer {
            start,
            name: name.to_owned(),
            failed: BTreeMap::new(),
            ready: false,
            since: start,
            hints: Some(hints),
        }
    }

    pub fn say(&self, text: &str) {
        say(self.start, text);
    }
}

/// Prints one line.
pub fn say(start: Instant, text: &str) {
    let seconds = start.elapsed().as_secs_f64();
    terminal::say(format_args!("{seconds:7.2}s  {text}"));
}

impl Progress for Printer {
    fn acted(&mut self, planned: &PlannedStep, outcome: &StepOutcome) {
        let step = planned.step.to_string();
        match outcome.error() {
            None => {
                self.failed.remove(&step);
                self.say(&format!("{}: {step}", planned.rule));
                if let Some(loss) = &planned.loss {
                    self.say(&format!("DATA LOST: {loss}"));
                }
            }
            Some(why) => {
                // The same failure is printed once.
                if self.failed.insert(step.clone(), why.to_owned()).as_deref() != Some(why) {
                    self.say(&format!("{}: {step}: not done: {why}", planned.rule));
                }
            }
        }
    }

    fn reported(&mut self, before: Option<&RedisClusterStatus>, after: &RedisClusterStatus) {
        // Progress is already visible from its steps.
        let telling = |kind: &str| kind != "Progressing";
        for condition in after.conditions.iter().filter(|c| telling(&c.type_)) {
            let old = before
                .into_iter()
                .flat_map(|status| &status.conditions)
                .find(|old| old.type_ == condition.type_);
            let news = old.map_or(condition.status == "True", |old| {
                old.status != condition.status
            });
            if news {
                let (kind, truth) = (&condition.type_, &condition.status);
                self.say(&format!("{kind}={truth}: {}", condition.message));
            }
        }
        let was = std::mem::replace(&mut self.ready, is_ready(after));
        if was && !self.ready {
            self.since = Instant::now();
        }
        if !was && self.ready {
            let seconds = self.since.elapsed().as_secs_f64();
            let (name, summary) = (&self.name, table::summary(after));
            let shards = table::shards(after);
            terminal::say(format_args!(
                "\n{name} is Ready after {seconds:.1} s: {summary}\n\n{shards}"
            ));
            if let Some(hints) = self.hints.take() {
                terminal::say(hints);
            }
        }
    }
}
