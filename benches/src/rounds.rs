//! Rounds of one load on both servers, and what they show.

use crate::load::Measured;
use crate::server::Server;

/// What each round showed of our server and of the other one.
#[derive(Debug, Default)]
pub struct Rounds {
    pairs: Vec<(Measured, Measured)>,
}

impl Rounds {
    /// Measures both servers in each round; they take turns in being first.
    pub fn take(
        rounds: usize,
        ours: &Server,
        theirs: &Server,
        measure: impl Fn(&Server) -> Result<Measured, String>,
    ) -> Result<Rounds, String> {
        let mut taken = Rounds::default();
        for round in 0..rounds.max(1) {
            taken.push(pair(round, ours, theirs, &measure)?);
        }
        Ok(taken)
    }

    /// Adds what a round showed.
    pub fn push(&mut self, pair: (Measured, Measured)) {
        self.pairs.push(pair);
    }

    /// Our CPU time per operation in proportion to theirs.
    pub fn cpu_ratio(&self) -> f64 {
        median(self.ratios(|m| m.cpu_us))
    }

    /// The CPU time per operation, ours and theirs, in microseconds.
    pub fn cpu_us(&self) -> [f64; 2] {
        self.medians(|m| m.cpu_us)
    }

    /// The titles over what [`Rounds::print`] prints.
    pub fn print_titles(client: &str) {
        println!(
            "\n{client}\n{:<14}{:>11}{:>8}{:>7}{:>11}{:>8}{:>7}{:>12}{:>10}{:>7}",
            "load",
            "ours us/op",
            "theirs",
            "ratio",
            "in rounds",
            "busy",
            "theirs",
            "ours op/s",
            "theirs",
            "ratio"
        );
    }

    /// Prints a line: the medians, the ratios of CPU time that the rounds had, and which share of
    /// the time each server was running.
    pub fn print(&self, name: &str) {
        let [ours, theirs] = self.medians(|m| m.cpu_us);
        let [our_rate, their_rate] = self.medians(|m| m.per_second);
        let [busy, their_busy] = self.medians(|m| m.busy);
        let ratios = self.ratios(|m| m.cpu_us);
        let lowest = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = ratios.iter().copied().fold(0.0, f64::max);
        println!(
            "{:<14}{ours:>11.3}{theirs:>8.3}{:>7.2}{:>11}{busy:>8.2}{their_busy:>7.2}\
             {our_rate:>12.0}{their_rate:>10.0}{:>7.2}",
            name,
            self.cpu_ratio(),
            format!("{lowest:.2}-{highest:.2}"),
            median(self.ratios(|m| m.per_second)),
        );
    }

    /// Prints the latencies of both.
    pub fn print_latencies(&self) {
        let p50 = self.medians(|m| m.p50);
        let p99 = self.medians(|m| m.p99);
        let p999 = self.medians(|m| m.p999);
        for (server, name) in ["ours", "redis-server"].iter().enumerate() {
            println!(
                "  latency ms, {name}: p50 {} p99 {} p99.9 {}",
                p50[server], p99[server], p999[server]
            );
        }
    }

    fn medians(&self, of: impl Fn(&Measured) -> f64) -> [f64; 2] {
        let ours = self.pairs.iter().map(|(ours, _)| of(ours)).collect();
        let theirs = self.pairs.iter().map(|(_, theirs)| of(theirs)).collect();
        [median(ours), median(theirs)]
    }

    fn ratios(&self, of: impl Fn(&Measured) -> f64) -> Vec<f64> {
        let ratio = |(ours, theirs): &(Measured, Measured)| of(ours) / of(theirs);
        self.pairs.iter().map(ratio).collect()
    }
}

/// Measures both servers, in turns ours first.
pub fn pair(
    round: usize,
    ours: &Server,
    theirs: &Server,
    measure: impl Fn(&Server) -> Result<Measured, String>,
) -> Result<(Measured, Measured), String> {
    if round.is_multiple_of(2) {
        let first = measure(ours)?;
        Ok((first, measure(theirs)?))
    } else {
        let first = measure(theirs)?;
        Ok((measure(ours)?, first))
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    }
}
