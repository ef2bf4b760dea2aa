//! Rule: create and correct the objects of the platform.

use crate::model::{ObjectState, Step, WaitReason};

use super::{Draft, View};

/// Creates missing objects of the platform and corrects stale ones. It adds pods; the last rule
/// removes them. The platform itself restarts processes. A manifest that cannot be applied changes
/// nothing; the other rules keep the running cluster healthy.
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
            draft.step(Some(shard), step, format!("it has {kept} pods"));
        }
    }
}

fn why(state: ObjectState) -> &'static str {
    match state {
        ObjectState::Missing => "it does not exist",
        ObjectState::Stale => "it differs from the manifest",
        ObjectState::Current => "it is as it should be",
    }
}
