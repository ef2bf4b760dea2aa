//! The bounds of the project, and whether a run kept them.

use crate::load::{Kind, Workload};

/// The highest allowed ratio of our CPU time per operation to that of redis-server.
pub fn cpu(workload: &Workload) -> Option<f64> {
    match (workload.pipeline, workload.kind) {
        (1, _) => Some(0.9),
        (16, Kind::Get) => Some(0.5),
        (16, Kind::Set) => Some(0.55),
        _ => None,
    }
}

/// The verdicts so far.
#[derive(Debug, Default)]
pub struct Verdicts {
    missed: usize,
}

impl Verdicts {
    /// Prints one figure beside its bound and remembers whether it kept it.
    pub fn judge(&mut self, what: &str, value: f64, bound: f64) {
        let kept = value <= bound;
        self.missed += usize::from(!kept);
        let verdict = if kept { "kept" } else { "MISSED" };
        println!("  {verdict}: {what} {value:.2}, bound {bound}");
    }

    /// Whether no bound was missed.
    pub fn all_kept(&self) -> bool {
        self.missed == 0
    }
}
