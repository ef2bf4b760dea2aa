//! A node that was asleep: its process stopped, its machine suspended, or a turn took far too long.
//!
//! A master that does not answer is not waited for: after a node timeout its replica is elected. When
//! it wakes, its clients are still connected and their requests are in its sockets; what it
//! acknowledged now would be lost. So a node that finds that more than half of the node timeout has
//! passed since its last turn asks the other masters first, and parks meanwhile what touches keys:
//! by the monotonic clock, which goes on while a process is stopped, and by unix time, which goes
//! on while a machine is suspended. A step of the clock costs no more than that question.

use crate::command::{Command, resolve};
use crate::config::Config;
use crate::engine::Engine;
use crate::io::{Level, SessionId};
use crate::resp::Args;
use crate::time::Now;

/// Nodes have turns about this often even when nothing happens, in microseconds; a multiple of
/// that is no sleep, however short the node timeout is.
const SHORTEST_US: u64 = 200_000;

/// When the node finds that it has slept, and how often it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sleep {
    /// From this moment on, by either clock.
    slept_at: Now,
    /// How often it has, since the start ...
    pub(super) count: u64,
    /// ... and how often it held its commands then.
    holds: u64,
}

impl Default for Sleep {
    /// Nothing is late before the first turn has ended.
    fn default() -> Sleep {
        Sleep {
            slept_at: Now {
                unix_us: i64::MAX,
                mono_us: u64::MAX,
            },
            count: 0,
            holds: 0,
        }
    }
}

impl Sleep {
    /// The node is awake now, and finds that it has slept unless it says so again soon.
    pub(super) fn stay_awake(&mut self, config: &Config, now: Now) {
        let half = (config.cluster_node_timeout * 1000 / 2).max(SHORTEST_US);
        self.slept_at = Now {
            mono_us: now.mono_us.saturating_add(half),
            unix_us: now.unix_us.saturating_add_unsigned(half),
        };
    }
}

impl Engine {
    /// What the clocks say now: at the begin of a turn, and again before replies leave. Between
    /// those, everything that is given to the engine says it as well.
    #[inline]
    pub fn look_at_clock(&mut self, now: Now) {
        if self.is_late(now) {
            self.wake(now);
        }
    }

    /// Whether the last turn was long enough ago that the node must have slept.
    #[inline]
    #[must_use]
    pub fn is_late(&self, now: Now) -> bool {
        let slept_at = self.sleep.slept_at;
        (now.mono_us >= slept_at.mono_us) | (now.unix_us >= slept_at.unix_us)
    }

    /// How often this node has held its commands since it had slept. When the number changes,
    /// replies that have not left must not leave any more: they are older than the sleep, and what
    /// they acknowledge may be lost.
    #[must_use]
    pub fn holds(&self) -> u64 {
        self.sleep.holds
    }

    /// The cluster says whether commands are held.
    pub(super) fn hold_keys(&mut self, held: bool) {
        self.sleep.holds += u64::from(held);
        self.pause.set_by_sleep(held);
        if !held {
            self.resume_paused();
        }
    }

    /// The end of a turn: the next one should follow soon.
    pub(super) fn stay_awake(&mut self, now: Now) {
        if self.cluster.is_some() {
            self.sleep.stay_awake(&self.config, now);
        }
    }

    #[cold]
    fn wake(&mut self, now: Now) {
        self.stay_awake(now);
        self.sleep.count += 1;
        let text = "This node has slept: nothing was executed for more than half of the node \
                    timeout";
        self.log(Level::Warning, text);
        if let Some(cluster) = &mut self.cluster {
            cluster.wake(now);
        }
        self.cluster_events(now);
    }

    /// Whether a request must wait until it is known whether this master was replaced. Where the
    /// cluster does not serve there is nothing to wait for.
    #[cold]
    pub(super) fn is_held(
        &self,
        id: SessionId,
        command: &'static Command,
        args: &Args<'_>,
    ) -> bool {
        let serves = self
            .cluster
            .as_ref()
            .is_some_and(|cluster| cluster.state_ok());
        let queued = || {
            let mut queue = self.sessions.at(id).queue();
            queue.any(|args| resolve(&args).is_ok_and(|command| command.touches_data(&args)))
        };
        let is_exec = command.id == self.command_ids.exec;
        self.pause.by_sleep() && serves && (command.touches_data(args) || is_exec && queued())
    }

    /// Lets those go on that were held for a sleep that is over, or that nothing serves any longer.
    pub(super) fn release_held(&mut self) {
        let serves = self
            .cluster
            .as_ref()
            .is_some_and(|cluster| cluster.state_ok());
        if self.pause.by_sleep() && !serves {
            self.resume_paused();
        }
    }
}
