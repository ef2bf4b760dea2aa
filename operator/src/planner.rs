//! `plan(&Desired, &Observation) -> Plan`: a pure function over an ordered list of rules.
//!
//! The first rule that wants a step for a shard ends the pass for that shard, so that no step
//! relies on an effect that was not observed. A rule that only waits blocks nothing. Bootstrap,
//! scaling and repair are the same rules; no phase is kept between passes.

mod draft;
mod forming;
mod rules;
mod view;

use crate::model::{Desired, Observation, Plan, Rule, Wait, WaitReason};

use draft::Draft;
pub use view::{Owner, View, sees, serves};

/// The steps that bring the cluster closer to the desired state now.
#[must_use]
pub fn plan(desired: &Desired, observation: &Observation) -> Plan {
    if desired.paused {
        return paused();
    }
    let view = View::new(desired, observation);
    let mut draft = Draft::new(&view);
    for (rule, apply) in rules::ALL {
        draft.begin(*rule);
        apply(&view, &mut draft);
    }
    draft.finish()
}

fn paused() -> Plan {
    let wait = Wait {
        rule: Rule::TakeOver,
        shard: None,
        reason: WaitReason::Paused,
        until: None,
    };
    Plan {
        steps: Vec::new(),
        waiting: vec![wait],
    }
}
