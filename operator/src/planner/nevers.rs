//! What the operator must never do, checked against the world as it really is.

use crate::model::Step;
