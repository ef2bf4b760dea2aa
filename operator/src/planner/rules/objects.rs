use crate::model::{ObjectState, Step, WaitReason};

use super::{Draft, View};

/// Creates what the platform lacks and corrects what says something else. It adds pods; taking
/// pods away is the last rule's. A process that ended is started again by the platform itself. A
/// manifest that cannot work changes nothing; what runs goes on and is kept well by the other rules.
pub(super) fn apply(view: &View<'_>, draft: &mut Draft<'_>) {
    let objects = &view.observation.objects;
    if let Some(what) = objects.refused.clone() {
        return draft.wait(None, WaitReason::ManifestRefused { what }, None);
    }
    if objects.common != ObjectState::Current {
        draft.step(None, Step::EnsureCommon, why(objects.common));
    }
    let wanted = view.desired.pods_per_shard();
    for shard in 0..view.desired.shards {
        let object = objects.shards.get(&shard);
        let state = object.map_or(ObjectState::Missing, |object| object.state);
        let kept = object.map_or(0, |object| object.pods);
        let step = Step::EnsureShard {
            shard,
            pods: wanted.max(kept),
        };
        if state != ObjectState::Current {
            draft.step(Some(shard), step, why(state));
        } else if kept < wanted {
            draft.step(Some(shard), step, format!("it keeps {kept} pods"));
        }
    }
}

fn why(state: ObjectState) -> &'static str {
    match state {
        ObjectState::Missing => "it is not there",
        ObjectState::Stale => "it does not say what the manifest says",
        ObjectState::Current => "it is as it should be",
    }
}
