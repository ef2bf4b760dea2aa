//! What becomes of the operator's commands on their way: they may be lost, delayed, refused or done
//! twice, and their replies may be lost. Questions always arrive.

use slotkeeper::model::{ARRIVES_WITHIN_MS, Step};
use slotkeeper::nevers::Nevers;
use slotkeeper::platform::PlatformError;
use slotkeeper_node::resp::{ReplyValue, encode_command};

use super::network::PipeId;
use super::platform::Request;
use super::{Operator, Pass, moment};
use crate::net::{ClientKind, NodeIx};
use crate::simulation::Simulation;

/// What becomes of the commands of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Normal,
    /// They never arrive, and the connection breaks.
    Lost,
    Refused,
    /// They arrive twice.
    Twice,
    /// They arrive after a while, for which the operator waits.
    Late,
    /// They are done, and the connection breaks before the reply.
    Unheard,
    /// The connection breaks, and they arrive when other steps have been taken.
    Overdue,
}

/// How long a command is under way at most that the operator waits for, in microseconds.
const LATE_US: u64 = 400_000;
/// The same for one on which it has given up.
const OVERDUE_US: u64 = ARRIVES_WITHIN_MS * 1000;

/// A command of a step that takes effect later, at the time in microseconds.
pub(super) struct Delayed {
    at_us: u64,
    step: Step,
    command: Command,
}

enum Command {
    /// To the process of that incarnation, on that connection if it is waited for.
    Node {
        ix: NodeIx,
        incarnation: u64,
        argv: Vec<String>,
        on: Option<PipeId>,
    },
    Platform(Request),
}

/// Whether a command is a step, and no question.
pub(super) fn is_step(argv: &[String]) -> bool {
    let word = |nth: usize| argv.get(nth).map_or("", String::as_str);
    match word(0) {
        "SLOTKEEPER" => true,
        "CLUSTER" => !matches!(word(1), "NODES" | "INFO" | "MYID"),
        _ => false,
    }
}

impl Operator {
    /// Sends a command of the present step, as its delivery goes.
    ///
    /// # Errors
    /// What it must never do, at the moment when it would take effect.
    pub(super) fn deliver(
        &mut self,
        sim: &mut Simulation,
        pass: &mut Pass,
        id: PipeId,
        argv: Vec<String>,
    ) -> Result<(), String> {
        let Some(step) = pass.step() else {
            return Err(format!("{argv:?} is sent, and is no step of the plan"));
        };
        let Some((ix, incarnation)) = self.lines.get(&id).map(|l| (l.ix, l.incarnation)) else {
            return Ok(());
        };
        let command = |argv, on| Command::Node {
            ix,
            incarnation,
            argv,
            on,
        };
        match self.delivery_of(pass, &step) {
            Delivery::Normal => self.send(sim, &step, id, &argv)?,
            Delivery::Lost => self.break_line(sim, id),
            Delivery::Refused => self.network.feed(id, b"-ERR refused by the simulator\r\n"),
            Delivery::Twice => {
                self.perform(sim, &step, ix, &argv)?;
                self.send(sim, &step, id, &argv)?;
            }
            Delivery::Late => {
                let at_us = sim.now_us + self.rng.below(LATE_US);
                let command = command(argv, Some(id));
                self.late.push(Delayed {
                    at_us,
                    step,
                    command,
                });
            }
            Delivery::Unheard => {
                self.perform(sim, &step, ix, &argv)?;
                self.break_line(sim, id);
            }
            Delivery::Overdue => {
                self.delay(sim, step, command(argv, None));
                self.break_line(sim, id);
            }
        }
        Ok(())
    }

    /// Does what the platform is asked for, as its delivery goes.
    ///
    /// # Errors
    /// What it must never do, at the moment when it would take effect.
    pub(super) fn answer_platform(
        &mut self,
        sim: &mut Simulation,
        pass: &mut Pass,
    ) -> Result<(), String> {
        let Some(request) = self.platform.take_request() else {
            return Ok(());
        };
        let Some(step) = pass.step() else {
            return Err(format!(
                "{request:?} is asked for, and is no step of the plan"
            ));
        };
        let unknown = |why: &str| Err(PlatformError::Unknown(why.to_owned()));
        let answer = match self.delivery_of(pass, &step) {
            Delivery::Normal | Delivery::Late => self.provide(sim, &step, request)?,
            Delivery::Lost => unknown("lost on its way"),
            Delivery::Refused => Err(PlatformError::Refused(
                "refused by the simulator".to_owned(),
            )),
            Delivery::Twice => {
                self.provide(sim, &step, request)?.ok();
                self.provide(sim, &step, request)?
            }
            Delivery::Unheard => {
                self.provide(sim, &step, request)?.ok();
                unknown("no reply")
            }
            Delivery::Overdue => {
                self.delay(sim, step, Command::Platform(request));
                unknown("no reply in time")
            }
        };
        self.platform.answer(answer);
        Ok(())
    }

    fn delivery_of(&mut self, pass: &mut Pass, step: &Step) -> Delivery {
        if let Some(delivery) = pass.delivery {
            return delivery;
        }
        let delivery = self.draw_delivery(step);
        pass.delivery = Some(delivery);
        delivery
    }

    fn draw_delivery(&mut self, step: &Step) -> Delivery {
        if self.vote_faults && matches!(step, Step::Failover { .. }) {
            return match self.rng.below(6) {
                0 => Delivery::Lost,
                1 => Delivery::Unheard,
                2 | 3 => Delivery::Overdue,
                _ => Delivery::Normal,
            };
        }
        match self.rng.below(24) {
            _ if !self.step_faults => Delivery::Normal,
            0 => Delivery::Lost,
            1 => Delivery::Refused,
            2 => Delivery::Twice,
            3 => Delivery::Late,
            4 => Delivery::Unheard,
            5 => Delivery::Overdue,
            _ => Delivery::Normal,
        }
    }

    fn delay(&mut self, sim: &Simulation, step: Step, command: Command) {
        // Where a vote names its epoch, it does no harm however late it comes.
        let bound = matches!(step, Step::Failover { epoch: Some(_), .. });
        let most = OVERDUE_US * if bound && self.vote_faults { 4 } else { 1 };
        self.overdue.push(Delayed {
            at_us: sim.now_us + self.rng.below(most),
            step,
            command,
        });
    }

    /// Sends a command on the operator's own connection.
    fn send(
        &mut self,
        sim: &mut Simulation,
        step: &Step,
        id: PipeId,
        argv: &[String],
    ) -> Result<(), String> {
        self.check_effect(sim, step)?;
        if let Some(line) = self.lines.get(&id) {
            let mut bytes = Vec::new();
            encode_command(&mut bytes, argv);
            sim.client_send(line.client, &bytes);
        }
        Ok(())
    }

    /// Lets a node carry out a command of whose reply the operator hears nothing; the reply.
    fn perform(
        &mut self,
        sim: &mut Simulation,
        step: &Step,
        ix: NodeIx,
        argv: &[String],
    ) -> Result<Option<ReplyValue>, String> {
        self.check_effect(sim, step)?;
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let reply = sim.call_as(ClientKind::Operator, ix, &argv);
        if reply
            .as_ref()
            .is_some_and(|reply| !matches!(reply, ReplyValue::Error(_)))
        {
            self.taken(sim, step)?;
        }
        Ok(reply)
    }

    fn check_effect(&mut self, sim: &Simulation, step: &Step) -> Result<(), String> {
        let checked = Nevers::check_effect(&self.truth(sim), step);
        checked.map_err(|broken| broken.to_string())
    }

    /// A node has carried out a step.
    pub(super) fn taken(&mut self, sim: &Simulation, step: &Step) -> Result<(), String> {
        let truth = self.truth(sim);
        let taken = self.nevers.taken(&truth, step, moment(sim));
        taken.map_err(|broken| broken.to_string())
    }

    /// The platform carries out what it is asked for.
    fn provide(
        &mut self,
        sim: &mut Simulation,
        step: &Step,
        request: Request,
    ) -> Result<Result<(), PlatformError>, String> {
        self.check_effect(sim, step)?;
        Ok(self.carry_out(sim, request))
    }

    /// Lets the commands arrive that are late, where their connection is still there.
    pub(super) fn deliver_late(&mut self, sim: &mut Simulation) -> Result<(), String> {
        for delayed in due(&mut self.late, sim.now_us) {
            if let Command::Node {
                argv, on: Some(id), ..
            } = delayed.command
                && self.lines.contains_key(&id)
            {
                self.send(sim, &delayed.step, id, &argv)?;
            }
        }
        Ok(())
    }

    /// Lets the commands arrive on which the operator has given up, between two passes.
    ///
    /// # Errors
    /// What must never be done, at the moment when it would take effect.
    pub(super) fn deliver_overdue(&mut self, sim: &mut Simulation) -> Result<(), String> {
        for Delayed { step, command, .. } in due(&mut self.overdue, sim.now_us) {
            let outcome = match command {
                Command::Platform(request) => format!("{:?}", self.provide(sim, &step, request)?),
                Command::Node {
                    ix,
                    incarnation,
                    argv,
                    ..
                } => {
                    let is_same = sim.hosts[ix].incarnation == incarnation && sim.is_up(ix);
                    if !is_same || !sim.reaches(ClientKind::Operator, ix) {
                        continue;
                    }
                    // The two follow each other on one connection.
                    let keys = sim.call_as(ClientKind::Operator, ix, &["DBSIZE"]);
                    let is_reset = matches!(step, Step::ResetSoft { .. });
                    if is_reset && keys != Some(ReplyValue::Integer(0)) {
                        continue;
                    }
                    format!("{:?}", self.perform(sim, &step, ix, &argv)?)
                }
            };
            let at = sim.now_us as f64 / 1e6;
            (self.history).push(format!("{at:>10.3} arrives late: {step} -> {outcome}"));
        }
        Ok(())
    }

    /// Whether a step is still on its way.
    #[must_use]
    pub fn is_waiting_for_steps(&self) -> bool {
        !self.overdue.is_empty()
    }
}

/// Takes out those that are due.
fn due(delayed: &mut Vec<Delayed>, now_us: u64) -> Vec<Delayed> {
    let (due, later) = std::mem::take(delayed)
        .into_iter()
        .partition(|delayed| delayed.at_us <= now_us);
    *delayed = later;
    due
}
