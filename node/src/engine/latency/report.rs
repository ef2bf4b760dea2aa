//! LATENCY GRAPH and LATENCY DOCTOR: texts for people.

use std::fmt::Write;

use super::{Latency, Sample};

/// How many samples a graph has room for, and how many rows of characters.
const COLUMNS: usize = 80;
const ROWS: u64 = 4;
/// What a column is filled with, the emptiest first.
const FILLS: [char; 3] = ['_', 'o', '#'];

/// The newest samples as columns; below each of them stands how long ago it was.
pub(super) fn graph(samples: &[Sample], now: i64) -> String {
    let samples = &samples[samples.len().saturating_sub(COLUMNS)..];
    let heights: Vec<u64> = samples.iter().map(|sample| sample.ms).collect();
    let high = heights.iter().copied().max().unwrap_or(0);
    let low = heights.iter().copied().min().unwrap_or(0);
    let mut text = format!("high {high} ms, low {low} ms (all time high of the samples shown)\n");
    text.push_str(&"-".repeat(COLUMNS));
    text.push('\n');
    let steps = ROWS * FILLS.len() as u64;
    let levels = heights.iter().map(|ms| match high - low {
        0 => steps - 1,
        span => (ms - low) * (steps - 1) / span,
    });
    let levels: Vec<u64> = levels.collect();
    for row in (0..ROWS).rev() {
        let bottom = row * FILLS.len() as u64;
        let line: String = (levels.iter())
            .map(|&level| match level.checked_sub(bottom) {
                None => ' ',
                Some(above) => FILLS[(above as usize).min(FILLS.len() - 1)],
            })
            .collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    let ages: Vec<String> = samples.iter().map(|sample| age(now - sample.at)).collect();
    let longest = ages.iter().map(String::len).max().unwrap_or(0);
    for row in 0..longest {
        let letters = ages.iter().map(|age| age.chars().nth(row).unwrap_or(' '));
        text.push_str(letters.collect::<String>().trim_end());
        text.push('\n');
    }
    text
}

/// A time in one unit: `7s`, `12m`, `3h`, `2d`.
fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3600 => format!("{}m", seconds / 60),
        seconds @ 3600..86_400 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// What the events say, and what to do about them.
pub(super) fn doctor(latency: &Latency, threshold: u64, now: i64) -> String {
    if threshold == 0 {
        return "Nothing is measured: latency-monitor-threshold is 0. CONFIG SET \
                latency-monitor-threshold MILLISECONDS notes everything that takes at least so long.\n"
            .to_owned();
    }
    if latency.events.is_empty() {
        return format!("No event has taken {threshold} ms or more.\n");
    }
    let mut text = format!("Events that took {threshold} ms or more:\n\n");
    for (name, event) in &latency.events {
        let count = event.samples.len() as u64;
        let sum: u64 = event.samples.iter().map(|sample| sample.ms).sum();
        let mean = sum / count.max(1);
        let off: u64 = event
            .samples
            .iter()
            .map(|sample| sample.ms.abs_diff(mean))
            .sum();
        let since = event
            .samples
            .front()
            .map_or(0, |sample| (now - sample.at).max(0));
        writeln!(
            text,
            "{name}: {count} seconds with such an event in the last {}, mean {mean} ms (mean \
             deviation {} ms), worst {} ms.",
            age(since),
            off / count.max(1),
            event.worst_ms,
        )
        .expect("a string takes all text");
        let advice = match *name {
            "command" | "fast-command" => {
                "  SLOWLOG GET names the slow commands; their complexity is in docs/commands.md. A fast \
                 command that is slow points to the machine: too few CPUs, or memory that is swapped."
            }
            "expire-cycle" => {
                "  Many keys expired at the same moment. Spread their times of expiry."
            }
            _ => continue,
        };
        text.push_str(advice);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_has_a_column_for_each_sample() {
        let samples = [(90, 10), (95, 120), (100, 60)].map(|(at, ms)| Sample { at, ms });
        let text = graph(&samples, 100);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("high 120 ms, low 10 ms"), "{text}");
        assert_eq!(lines[2..6], [" #", " #", " ##", "_##"], "{text}");
        assert_eq!(lines[7..10], ["150", "0ss", "s"], "{text}");
        assert_eq!(
            graph(&[Sample { at: 0, ms: 5 }], 0).lines().nth(2),
            Some("#")
        );
    }

    #[test]
    fn the_doctor_says_what_to_do() {
        let mut latency = Latency::default();
        assert!(doctor(&latency, 0, 0).contains("latency-monitor-threshold is 0"));
        assert_eq!(
            doctor(&latency, 100, 0),
            "No event has taken 100 ms or more.\n"
        );
        latency.note("expire-cycle", 100, 100, 0);
        latency.note("expire-cycle", 300, 100, 60_000);
        let text = doctor(&latency, 100, 60);
        let line = "expire-cycle: 2 seconds with such an event in the last 1m, mean 200 ms (mean \
                    deviation 100 ms), worst 300 ms.";
        assert!(text.contains(line) && text.contains("Spread"), "{text}");
    }
}
