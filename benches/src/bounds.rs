//! Whether a run kept the bounds of the project.

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
