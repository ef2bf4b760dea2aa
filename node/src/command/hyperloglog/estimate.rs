//! The estimate from the histogram of the registers: Otmar Ertl, "New cardinality estimation
//! algorithms for HyperLogLog sketches" (arXiv:1702.01284), algorithm 6, as Redis computes it.

use super::{REGISTERS, VALUE_BITS};

/// 1 / (2 ln 2)
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The estimate from how many registers have each value.
pub(super) fn of(histogram: &[u32; 64]) -> u64 {
    let registers = REGISTERS as f64;
    let highest = VALUE_BITS as usize + 1;
    let mut sum = registers * tau((registers - f64::from(histogram[highest])) / registers);
    for count in histogram[1..highest].iter().rev() {
        sum = (sum + f64::from(*count)) * 0.5;
    }
    sum += registers * sigma(f64::from(histogram[0]) / registers);
    (ALPHA * registers * registers / sum).round() as u64
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * y;
        y += y;
        if sum == before {
            return sum;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        y *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * y;
        if sum == before {
            return sum / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_and_everything_have_an_estimate() {
        let mut histogram = [0; 64];
        histogram[0] = REGISTERS as u32;
        assert_eq!(of(&histogram), 0);
        histogram[0] -= 1;
        histogram[1] = 1;
        assert_eq!(of(&histogram), 1);
        let mut full = [0; 64];
        full[51] = REGISTERS as u32;
        assert_eq!(of(&full), u64::MAX, "more than any number");
    }
}
