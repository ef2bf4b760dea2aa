//! What the manifest's status says after a pass: pure, and only what this pass has observed.

use crate::model::{Desired, Observation, Outcome, Plan};
