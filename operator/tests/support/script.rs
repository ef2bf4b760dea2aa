//! The language of the scenario files: one command per line; `plan` and `status` are followed by
//! what they print, up to a blank line. See `tests/scenarios/README.md`.

use std::fmt::Write as _;

use slotkeeper::model::{
    Candidacy, Desired, Moment, NodeView, ObjectState, Observation, Outcome, Plan, PodIndex,
    PodPhase, PodUid, ProcessEnd, Proof, ShardObject, StepOutcome,
};
use slotkeeper::{planner, report};
use slotkeeper_topology::{Epoch, NodeLine};

use crate::edit;
use crate::observed;

pub struct Script {
    desired: Desired,
    observation: Observation,
    plan: Plan,
    outcome: Outcome,
}

/// Runs the commands of a scenario and returns its text with fresh output.
pub fn run(text: &str) -> String {
    let mut script = Script {
        desired: Desired::new("demo", 3, 1),
        observation: Observation::default(),
        plan: Plan::default(),
        outcome: Outcome::default(),
    };
    let mut result = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        result += line;
        result.push('\n');
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let Some((command, words)) = words.split_first() else {
            continue;
        };
        if *command == "nodes" {
            let mut block = String::new();
            while let Some(line) = lines.next_if(|line| line.starts_with("  ")) {
                let _ = writeln!(result, "{line}");
                let _ = writeln!(block, "{line}");
            }
            script.nodes(index(words[0]), &block);
        } else if let Some(output) = script.command(command, words) {
            while lines.next_if(|line| !line.trim().is_empty()).is_some() {}
            result += &output;
        }
    }
    result
}

impl Script {
    fn command(&mut self, command: &str, words: &[&str]) -> Option<String> {
        match command {
            "#" => {}
            "spec" => self.spec(words),
            "fresh" => self.observation = observed::fresh(&self.desired),
            "healthy" => {
                self.observation = observed::healthy(&self.desired);
                // The operator has formed it, so it knows every vote.
                self.observation.seen.votes_since = Some(Moment(0));
            }
            "nothing" => self.nothing(),
            "pod" => self.pod(index(words[0]), &words[1..]),
            "object" => self.object(words),
            "node" => self.node(index(words[0]), &words[1..]),
            "line" => self.line(words),
            "told" => self.told(words),
            "replace" => self.replace(index(words[0]), words[1]),
            "advance" => {
                let ms: u64 = words[0].parse().expect("milliseconds");
                self.observation.now = self.observation.now.after(ms);
            }
            "restart" => self.observation.seen = slotkeeper::model::Seen::default(),
            "did" => self.did(words),
            "see" => self.see(),
            "plan" => return Some(self.plan()),
            "status" => return Some(self.status()),
            other => panic!("no such command: {other}"),
        }
        None
    }

    fn spec(&mut self, words: &[&str]) {
        for (name, value) in observed::fields(words) {
            match name.as_str() {
                "shards" => self.desired.shards = value.parse().expect("a number"),
                "replicas" => self.desired.replicas_per_shard = value.parse().expect("a number"),
                "node-timeout" => self.desired.node_timeout_ms = value.parse().expect("a number"),
                "maxmemory" => self.desired.memory.maxmemory = edit::amount(&value, "mb"),
                "memory-limit" => self.desired.memory.limit = edit::amount(&value, "Mi"),
                "paused" => self.desired.paused = value != "no",
                other => panic!("spec has no {other}"),
            }
        }
    }

    /// No object, no pod.
    fn nothing(&mut self) {
        self.observation = observed::fresh(&self.desired);
        self.observation.nodes.clear();
        self.observation.objects = slotkeeper::model::Objects {
            common: ObjectState::Missing,
            ..slotkeeper::model::Objects::default()
        };
        for pod in self.observation.pods.values_mut() {
            (pod.phase, pod.uid, pod.address) = (PodPhase::Missing, PodUid::default(), None);
        }
    }

    fn pod(&mut self, index: PodIndex, words: &[&str]) {
        let now = self.observation.now;
        let pod = self
            .observation
            .pods
            .entry(index)
            .or_insert_with(|| observed::pod(index));
        for (name, value) in observed::fields(words) {
            match name.as_str() {
                "phase" => pod.phase = edit::phase(&value),
                "uid" => pod.uid = PodUid(value),
                "host" => pod.host = Some(value),
                "ip" => pod.address.get_or_insert_default().ip = value,
                "unmounted" => pod.volume_mounted = false,
                "mounted" => pod.volume_mounted = true,
                "ended" => {
                    let proof = if value == "gone" {
                        Proof::PodGone
                    } else {
                        Proof::Terminated
                    };
                    pod.ended = Some(ProcessEnd {
                        uid: pod.uid.clone(),
                        at: now,
                        proof,
                    });
                }
                "started" => pod.ended = None,
                other => panic!("a pod has no {other}"),
            }
        }
    }

    fn object(&mut self, words: &[&str]) {
        let state = |value: &str| match value {
            "missing" => ObjectState::Missing,
            "stale" => ObjectState::Stale,
            "current" => ObjectState::Current,
            other => panic!("no such state: {other}"),
        };
        let objects = &mut self.observation.objects;
        if words[0] == "common" {
            objects.common = state(words[1]);
            return;
        }
        let shard: u32 = words[0].parse().expect("a shard");
        if words[1] == "missing" {
            objects.shards.remove(&shard);
            return;
        }
        let object = ShardObject {
            pods: 0,
            state: ObjectState::Current,
        };
        let object = objects.shards.entry(shard).or_insert(object);
        for (name, value) in observed::fields(&words[1..]) {
            match name.as_str() {
                "pods" => object.pods = value.parse().expect("a number"),
                other => object.state = state(other),
            }
        }
    }

    /// Changes what a node answers, or that it answers.
    fn node(&mut self, index: PodIndex, words: &[&str]) {
        if let Some(why) = words[0].strip_prefix("silent=") {
            self.observation
                .nodes
                .insert(index, NodeView::Silent(edit::silence(why)));
            return;
        }
        let lone = || {
            let lone = observed::lone(index, observed::first_id(index));
            NodeView::Answered(Box::new(lone))
        };
        let view = self.observation.nodes.entry(index).or_insert_with(lone);
        if let NodeView::Silent(_) = view {
            *view = lone();
        }
        let NodeView::Answered(facts) = view else {
            return;
        };
        for (name, value) in observed::fields(words) {
            edit::fact(facts, &name, &value);
        }
    }

    /// Every answering node reports elections: `none`, or one as `MASTER CANDIDATE EPOCH SINCE`.
    fn told(&mut self, words: &[&str]) {
        let candidacies = match words {
            [master, candidate, epoch, since] => vec![Candidacy {
                master: observed::id(master),
                candidate: observed::id(candidate),
                epoch: Epoch(epoch.parse().expect("an epoch")),
                since: Moment(since.parse().expect("milliseconds")),
            }],
            _ => Vec::new(),
        };
        for view in self.observation.nodes.values_mut() {
            if let NodeView::Answered(facts) = view {
                facts.candidacies = Some(candidacies.clone());
            }
        }
    }

    /// Another node, new and alone, answers in the pod.
    fn replace(&mut self, index: PodIndex, id: &str) {
        let lone = observed::lone(index, observed::id(id));
        self.observation
            .nodes
            .insert(index, NodeView::Answered(Box::new(lone)));
    }

    /// `line OBSERVER|all|others ID name=value...`: changes one line in the CLUSTER NODES of one
    /// node, of all, or of all but the node with that id.
    fn line(&mut self, words: &[&str]) {
        let id = observed::id(words[1]);
        for (index, view) in &mut self.observation.nodes {
            let NodeView::Answered(facts) = view else {
                continue;
            };
            let chosen = match words[0] {
                "all" => true,
                "others" => facts.id != id,
                observer => *index == self::index(observer),
            };
            // A new node in an existing pod does not know the others.
            let known =
                facts.line(id).is_some() || words.iter().any(|word| word.starts_with("at="));
            if chosen && known {
                edit::line(facts, id, &observed::fields(&words[2..]));
            }
        }
    }

    /// The whole CLUSTER NODES of a node; ids may be shortened, the own line is found by its id.
    fn nodes(&mut self, index: PodIndex, block: &str) {
        let Some(NodeView::Answered(facts)) = self.observation.nodes.get_mut(&index) else {
            panic!("{index} does not answer");
        };
        facts.lines = block
            .lines()
            .map(edit::short_line)
            .collect::<Vec<NodeLine>>();
        observed::mark_myself(facts);
    }

    fn see(&mut self) {
        let now = self.observation.now;
        for view in self.observation.nodes.values_mut() {
            if let NodeView::Answered(facts) = view {
                facts.read_at = now.after(10);
            }
        }
        let mut seen = std::mem::take(&mut self.observation.seen);
        seen.update(&self.observation);
        self.observation.seen = seen;
    }

    fn did(&mut self, words: &[&str]) {
        let result = match words[0] {
            "ok" => StepOutcome::Done,
            "refused" => StepOutcome::Refused(words[1..].join(" ")),
            "unknown" => StepOutcome::Unknown("no answer in time".to_owned()),
            other => panic!("no such outcome: {other}"),
        };
        let steps = self.plan.steps.iter().cloned();
        self.outcome = Outcome {
            results: steps.map(|step| (step, result.clone())).collect(),
        };
        let now: Moment = self.observation.now;
        self.observation.seen.intend(&self.plan, now);
        self.observation.seen.learn(&self.outcome, now);
    }

    fn plan(&mut self) -> String {
        self.see();
        self.plan = planner::plan(&self.desired, &self.observation);
        let mut text = String::new();
        for planned in &self.plan.steps {
            let _ = writeln!(
                text,
                "  {:<14} {} -- {}",
                planned.rule, planned.step, planned.why
            );
            if let Some(loss) = &planned.loss {
                let _ = writeln!(text, "  {:<14} LOSS: {loss}", "");
            }
        }
        for wait in &self.plan.waiting {
            let shard = wait
                .shard
                .map_or("all".to_owned(), |shard| format!("shard {shard}"));
            let until = wait.until.map_or(String::new(), |until| {
                format!(" (for {} ms)", until.since(self.observation.now))
            });
            let _ = writeln!(
                text,
                "  {:<14} {shard} waits: {}{until}",
                wait.rule, wait.reason
            );
        }
        if text.is_empty() {
            text += "  nothing to do\n";
        }
        text
    }

    fn status(&self) -> String {
        let report = report::report(&self.desired, &self.observation, &self.plan, &self.outcome);
        let mut text = String::new();
        let _ = writeln!(text, "  {}: {}", report.phase, report.message);
        let _ = writeln!(
            text,
            "  nodes {}/{}, slots {}, shards served {}",
            report.ready_nodes, report.wanted_nodes, report.slots_covered, report.shards_served
        );
        for condition in &report.conditions {
            let _ = writeln!(
                text,
                "  {:<16} {:<7} {}: {}",
                condition.kind,
                condition.status.as_str(),
                condition.reason,
                condition.message
            );
        }
        text
    }
}

pub fn index(text: &str) -> PodIndex {
    let (shard, ordinal) = text.split_once('-').expect("a pod is SHARD-ORDINAL");
    PodIndex::new(
        shard.parse().expect("a shard"),
        ordinal.parse().expect("an ordinal"),
    )
}
