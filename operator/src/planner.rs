//! `plan(&Desired, &Observation) -> Plan`: a pure function over an ordered list of rules.

use crate::model::{Desired, Observation, Plan};
